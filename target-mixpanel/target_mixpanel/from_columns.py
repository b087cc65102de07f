"""Any Singer stream -> Mixpanel, by naming its columns: see `analytics_records.named_columns`.

An id in the column `distinct_id` is sent under that name: under Simplified ID Merge Mixpanel takes
it for a user, unless it begins with `$device:` (Mixpanel docs, Identifying users). The name under
`group` is the group key of the Mixpanel project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from analytics_records.named_columns import PlainStream, not_newer
from analytics_records.nobody import besides
from singer_delivery.mapping.values import Moment
from singer_delivery.model import Decision, Effects, Event, Fact, Facts, Mapped, Note

from target_mixpanel.events import check_time, import_event, leaves_out
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.limits import fit
from target_mixpanel.mixpanel import (
    GUARDED_KEYS,
    IDS,
    MAX_NAME_CHARACTERS,
    READER,
    base_properties,
)
from target_mixpanel.people import NOTHING
from target_mixpanel.profiles import Profile, group_profile, harmless, person_profile, updates
from target_mixpanel.settings import MappingSettings, check_event_name, check_group_key

PREFIX = "amplitude_"
"""Before the name of the object that holds what an event has no room for; see `limits.fit`."""


class RowDecision(Decision, array_like=True, gc=False):
    """What is decided of a row.

    Attributes:
        id: of the person, or key of the group.
        at: its time in microseconds since 1970, or None when it has none.
        fact: that its content was sent, for an update.
    """

    id: str = ""
    at: int | None = None
    fact: tuple[str, str, str, int, str] | None = None


class FromColumns:
    """Makes events, profile updates or group updates of one stream's records.

    Args:
        stream: the stream's name, for ids, for the report and before guarded property names.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        settings: of the target.
        hot_ids: counts the events of each person and day, where records are decided.

    Raises:
        ValueError: `columns` is none of the three ways, or names what is Mixpanel's own.
    """

    decision_type: ClassVar[type[Decision]] = RowDecision

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, str],
        key_properties: Sequence[str],
        settings: MappingSettings,
        hot_ids: HotIds | None = None,
    ) -> None:
        self._args = (stream, columns, key_properties, settings)
        ids = IDS if "group" in columns else besides(IDS)
        self._stream = PlainStream(stream, columns, key_properties, ids, MAX_NAME_CHARACTERS)
        self._settings = settings
        self._hot_ids = hot_ids or HotIds()
        check_event_name(f"The stream `{stream}` is called", columns.get("event", ""))
        check_group_key(f"The stream `{stream}` has the group", columns.get("group", "group"))
        choose = self._stream.choose
        self._decide = choose(self._decide_event, self._decide_person, self._decide_group)
        self._map = choose(self._event, self._person, self._group)
        self._base = base_properties(settings.version, stream)

    def __reduce__(self) -> tuple[type[FromColumns], tuple[Any, ...]]:
        """Let another process make the same."""
        return type(self), self._args

    def observe(self, line: bytes, *, is_message: bool) -> Mapping[str, Any]:
        """Return the record.

        Raises:
            Unmappable: the line is no record, an unreadable one, or lacks its key.
        """
        return self._stream.read(line, is_message=is_message, service=READER)

    def decide(self, observation: Mapping[str, Any], facts: Facts, effects: Effects) -> RowDecision:
        """Return the decision of a record, and fill in its effects.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        return self._decide(observation, facts, effects)

    def map(self, record: Mapping[str, Any], decision: RowDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        return self._map(record, decision)

    def _decide_event(
        self, record: Mapping[str, Any], _facts: Facts, effects: Effects
    ) -> RowDecision:
        stream, notes = self._stream, list[Note]()
        distinct_id, moment = stream.id(record, "distinct_id"), stream.time(record)
        assert moment is not None, "an event's stream names its timestamp"
        check_time(moment.at, self._settings)
        skipped = leaves_out(moment.at, self._settings, notes)
        if skipped is not None:
            return RowDecision(skipped=skipped, sends=False)
        self._hot_ids.count(distinct_id, moment.at, notes)
        effects.notes += notes
        return RowDecision(distinct_id, id=distinct_id, at=moment.at)

    def _decide_person(
        self, record: Mapping[str, Any], facts: Facts, effects: Effects
    ) -> RowDecision:
        stream = self._stream
        person, moment = stream.id(record, "person"), stream.time(record)
        if not self._settings.profiles:
            return RowDecision(skipped="profiles: false", sends=False)
        content = dict(stream.others(record))
        fact = stream.person_fact(person, content, moment)
        return _decide_update(content, person, fact, moment, facts, effects)

    def _decide_group(
        self, record: Mapping[str, Any], facts: Facts, effects: Effects
    ) -> RowDecision:
        stream = self._stream
        key, moment = stream.id(record, "key"), stream.time(record)
        if not self._settings.groups:
            return RowDecision(skipped="groups: false", sends=False)
        content = dict(stream.others(record))
        fact = stream.group_fact((stream.columns["group"], key), content, moment)
        return _decide_update(content, key, fact, moment, facts, effects)

    def _event(self, record: Mapping[str, Any], it: RowDecision) -> Mapped:
        stream, notes = self._stream, list[Note]()
        assert it.at is not None, "an event has a time"
        properties = stream.properties(record, it.id, GUARDED_KEYS, self._base)
        properties |= {
            "distinct_id": it.id,
            "time": it.at // 1000,
            "$insert_id": stream.uuid(record),
            "ip": 0,
        }
        fit(properties, notes, GUARDED_KEYS, self._base, PREFIX)
        return Mapped((import_event(stream.columns["event"], it.at, properties),), notes)

    def _person(self, record: Mapping[str, Any], it: RowDecision) -> Mapped:
        return self._update(record, person_profile(it.id), it)

    def _group(self, record: Mapping[str, Any], it: RowDecision) -> Mapped:
        return self._update(record, group_profile(self._stream.columns["group"], it.id), it)

    def _update(self, record: Mapping[str, Any], profile: Profile, it: RowDecision) -> Mapped:
        stream, found = self._stream, set[str]()
        content = harmless(dict(stream.others(record)), found, f"{stream.name}_")
        # Another stream may update the same profile: neither takes the other's place.
        profile = profile._replace(order=f"{stream.name}\x1f{profile.order}")
        fact = None if it.fact is None else Fact(*it.fact)
        events: list[Event] = updates(profile, {"$set": content}, it.at, fact)
        return Mapped(events, [Note(name) for name in sorted(found)])


def _decide_update(
    content: Mapping[str, Any],
    key: str,
    fact: Fact,
    moment: Moment | None,
    facts: Facts,
    effects: Effects,
) -> RowDecision:
    """Return the decision of an update, which is sent unless there is a reason against it."""
    skipped = not_newer(facts, fact, moment, effects.renewed) or (None if content else NOTHING)
    if skipped is not None:
        return RowDecision(skipped=skipped, sends=False)
    effects.kept.append(fact)
    at = moment.at if moment is not None else None
    return RowDecision(id=key, at=at, fact=(*fact,))
