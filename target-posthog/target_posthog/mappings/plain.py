"""Any Singer stream -> PostHog, by naming its columns. For streams that are no Amplitude export.

    orders: {event: Order Placed, distinct_id: customer_id, timestamp: created_at}
    users:  {person: user_id}
    firms:  {group: company, key: company_id}

Every column that is not named travels as a property, as it is. Without a timestamp column an update
of a person or a group carries no time and counts whenever its content changed; with one, it counts
only when it is also newer. The settings that choose and rename events are about Amplitude's names
and do not touch these streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery.conversions import (
    Moment,
    as_text,
    as_uuid,
    clean_id,
    digest,
    moment,
    stable_uuid,
)
from singer_delivery.events import Fact, Mapped, Unmappable
from singer_delivery.table import is_absent

from target_posthog.mappings.groups import group_event, link_types
from target_posthog.mappings.people import is_news
from target_posthog.mappings.posthog import (
    GUARDED_KEYS,
    MAX_NAME_CHARACTERS,
    SET,
    fitted_id,
    is_illegal_id,
    make_event,
    put_aside,
)
from target_posthog.mappings.reading import is_of_singer, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from singer_delivery.events import Known

    from target_posthog.mappings.settings import MappingSettings

# What a stream is loaded as, and the columns it then needs and may have.
_FORMS = {
    "event": (("distinct_id", "timestamp"), ("uuid",)),
    "person": ((), ("timestamp",)),
    "group": (("key",), ("timestamp",)),
}
_HOW = (
    "Name its columns under `streams`, in one of three ways: "
    "{event: <name>, distinct_id: <column>, timestamp: <column>}, {person: <column>} or "
    "{group: <type>, key: <column>}."
)


class PlainMapping:
    """Makes events, person updates or group updates of one stream's records.

    Args:
        stream: the stream's name, for ids, for the report and before guarded property names.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        settings: of the target.

    Raises:
        ValueError: `columns` is none of the three ways.
    """

    needs_keys = True  # its uuid is made of them

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, str],
        key_properties: Sequence[str],
        settings: MappingSettings,
    ) -> None:
        self._stream, self._columns, self._keys = stream, dict(columns), tuple(key_properties)
        self._settings = settings
        form = _form_of(stream, self._columns)
        makers: dict[str, Callable[[Mapping[str, Any], Known], Mapped]] = {
            "event": self._event,
            "person": self._person,
            "group": self._group,
        }
        self._make = makers[form]
        fixed = {"event"} if form == "event" else {"group"}
        self._named = {column for word, column in self._columns.items() if word not in fixed}
        self._base = {
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": settings.version,
            "analytics_source": stream,
        }

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a record becomes.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        return self._make(readable(record), known)

    def _event(self, record: Mapping[str, Any], _known: Known) -> Mapped:
        distinct_id, when = self._id(record, "distinct_id"), self._time(record)
        properties: dict[str, Any] = {}
        aside = []
        for key, value in self._others(record):
            if key in GUARDED_KEYS or key in self._base:
                aside.append((key, value))
            else:
                properties[key] = value
        properties.update(self._base)
        whole_id = clean_id(record[self._columns["distinct_id"]])
        if whole_id != distinct_id:  # it was too long for PostHog
            properties[self._columns["distinct_id"]] = whole_id
        for key, value in aside:
            put_aside(properties, key, value, f"{self._stream}_")
        event = make_event(
            "event",
            self._columns["event"],
            person=distinct_id,
            distinct_id=distinct_id,
            uuid=self._uuid(record),
            at=when.at if when is not None else None,
            timestamp=when.text if when is not None else None,
            properties=properties,
        )
        return Mapped((event,))

    def _person(self, record: Mapping[str, Any], known: Known) -> Mapped:
        mode, person = self._settings.person_properties, self._id(record, "person")
        when, content = self._time(record), dict(self._others(record))
        if mode == "none":
            return Mapped((), "person_properties: none")
        name = f"{self._stream}\x1f{person}"
        fact = Fact("person", name, digest(content), _at(when))
        if (no_news := _news(known, fact, when)) is not None:
            return no_news
        event = make_event(
            "person",
            SET,
            person=person,
            distinct_id=person,
            uuid=stable_uuid("person", self._stream, person, fact.value),
            at=when.at if when is not None else None,
            timestamp=when.text if when is not None else None,
            properties={**self._base, f"${mode}": content},
            facts=(fact,),
        )
        return Mapped((event,))

    def _group(self, record: Mapping[str, Any], known: Known) -> Mapped:
        group = (self._columns["group"], self._id(record, "key"))
        when, content = self._time(record), dict(self._others(record))
        linked = link_types([group[0]], self._settings.group_types, known, _at(when))
        if not linked.types:
            return Mapped((), linked.notes[0].name, tuple(linked.notes))
        name = "\x1f".join((self._stream, *group))
        fact = Fact("group", name, digest(content), _at(when))
        if (no_news := _news(known, fact, when)) is not None:
            return no_news
        event = group_event(
            group,
            content,
            uuid=stable_uuid("group", self._stream, *group, fact.value),
            moment=when,
            base=self._base,
            facts=(fact,),
        )
        event.claims = linked.claims
        return Mapped((event,))

    def _others(self, record: Mapping[str, Any]) -> list[tuple[str, Any]]:
        return [
            (key, value)
            for key, value in record.items()
            if key not in self._named and value is not None and not is_of_singer(key)
        ]

    def _id(self, record: Mapping[str, Any], word: str) -> str:
        column = self._columns[word]
        found = clean_id(record.get(column))
        if found is None or is_illegal_id(found):
            reason = "no_identity"
            raise Unmappable(reason, f"column `{column}` of `{self._stream}` holds no id")
        return fitted_id(found)

    def _time(self, record: Mapping[str, Any]) -> Moment | None:
        column = self._columns.get("timestamp")
        if column is None:
            return None
        found = moment(record.get(column))
        if found is None:
            reason = "no_time"
            raise Unmappable(reason, f"column `{column}` of `{self._stream}` is no date and time")
        return found

    def _uuid(self, record: Mapping[str, Any]) -> str:
        found = as_uuid(record.get(self._columns.get("uuid", "")))
        if found is not None:
            return found
        keys = [record.get(key) for key in self._keys]
        if keys and not any(is_absent(key) for key in keys):
            return stable_uuid("row", self._stream, *(as_text(key) for key in keys))
        content = {key: value for key, value in record.items() if not is_of_singer(key)}
        return stable_uuid("row", self._stream, digest(content))


def _form_of(stream: str, columns: Mapping[str, str]) -> str:
    forms = [form for form in _FORMS if form in columns]
    if len(forms) != 1:
        msg = f"The stream `{stream}` is neither an Amplitude export nor described. {_HOW}"
        raise ValueError(msg)
    needed, allowed = _FORMS[forms[0]]
    missing = [word for word in needed if word not in columns]
    unknown = [word for word in columns if word not in {forms[0], *needed, *allowed}]
    blank = [word for word, value in columns.items() if not str(value).strip()]
    for wrong, words in ((missing, "lacks"), (unknown, "has the unknown"), (blank, "leaves empty")):
        if wrong:
            listed = ", ".join(f"`{word}`" for word in wrong)
            msg = f"The description of the stream `{stream}` {words} {listed}. {_HOW}"
            raise ValueError(msg)
    if len(columns[forms[0]]) > MAX_NAME_CHARACTERS:
        msg = f"The name given to the stream `{stream}` is over {MAX_NAME_CHARACTERS} characters."
        raise ValueError(msg)
    return forms[0]


def _at(when: Moment | None) -> int:
    return when.at if when is not None else 0


def _news(known: Known, fact: Fact, when: Moment | None) -> Mapped | None:
    """Return what becomes of a row that is no news; None when it is."""
    last = known.recall(fact.kind, fact.name)
    renewed: list[Fact] = []
    if when is None:
        is_told = last is not None and last.value == fact.value
        return Mapped((), "unchanged") if is_told else None
    if is_news(last, fact, renewed):
        return None
    is_same = last is not None and last.value == fact.value
    return Mapped((), "unchanged" if is_same else "superseded", renewed=tuple(renewed))
