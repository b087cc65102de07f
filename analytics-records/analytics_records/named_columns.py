"""Any Singer stream, by the names of its columns. For streams that are no Amplitude export.

    orders: {event: Order Placed, distinct_id: customer_id, timestamp: created_at}
    users:  {person: user_id}
    firms:  {group: company, key: company_id}

Every column that is not named travels as a property, as it is. Without a timestamp column an update
of a person or a group carries no time and counts whenever its content changed; with one, it counts
only when it is also newer. The settings that choose and rename events are about Amplitude's names
and do not touch these streams.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from singer_delivery.mapping import lines
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.newer import is_newer
from singer_delivery.mapping.records import check_keys, is_of_singer, put_aside
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import (
    Moment,
    as_uuid,
    clean_id,
    digest,
    key_text,
    moment,
    stable_uuid,
)
from singer_delivery.model import Fact, Facts, Unmappable

T = TypeVar("T")

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


class PlainStream:
    """Reads the records of one stream.

    Args:
        name: the stream's name, for ids and for the report.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        ids: what the destination makes of ids.
        longest_name: how many characters the destination takes for the name of an event.

    Attributes:
        form: what it is loaded as: "event", "person" or "group".

    Raises:
        ValueError: `columns` is none of the three ways.
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str],
        key_properties: Sequence[str],
        ids: IdRules,
        longest_name: int,
    ) -> None:
        self.name, self.columns, self._keys = name, dict(columns), tuple(key_properties)
        self._ids = ids
        self.form = _form_of(name, self.columns, longest_name)
        fixed = {"event"} if self.form == "event" else {"group"}
        self._named = {column for word, column in self.columns.items() if word not in fixed}

    def choose(self, event: T, person: T, group: T) -> T:
        """Return the one for what this stream is loaded as."""
        return {"event": event, "person": person, "group": group}[self.form]

    def read(self, line: bytes, *, is_message: bool, service: str) -> Mapping[str, Any]:
        """Return the record of a line: decisions may need any column.

        Args:
            line: a record, or the RECORD message that holds it.
            is_message: which of the two.
            service: what reads records, for people.

        Raises:
            Unmappable: the line is no record, an unreadable one, or lacks its key.
        """
        record = lines.read(line, is_message=is_message, service=service)
        check_keys(self.name, record, self._keys)
        return record

    def others(self, record: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return the columns that are not named and have a value."""
        return [
            (key, value)
            for key, value in record.items()
            if key not in self._named and value is not None and not is_of_singer(key)
        ]

    def id(self, record: Mapping[str, Any], word: str) -> str:
        """Return the id in the column under this word.

        Raises:
            Unmappable: it holds none (`no_identity`).
        """
        column = self.columns[word]
        found = clean_id(record.get(column))
        if found is None or self._ids.is_illegal(found):
            reason = "no_identity"
            raise Unmappable(reason, f"column `{column}` of `{self.name}` holds no id")
        return self._ids.fitted(found)

    def properties(
        self,
        record: Mapping[str, Any],
        distinct_id: str,
        guarded: Collection[str],
        base: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the properties of an event: all columns that are not named, and the base.

        Args:
            record: of the stream.
            distinct_id: its id; where it had to be shortened, the whole stays a property.
            guarded: names that the destination acts on; columns keep them behind the stream's name.
            base: what every event carries.
        """
        others = self.others(record)
        properties = {k: v for k, v in others if k not in guarded and k not in base}
        properties.update(base)
        column = self.columns["distinct_id"]
        whole_id = clean_id(record[column])
        if whole_id != distinct_id:
            properties[column] = whole_id
        for key, value in others:
            if key in guarded or key in base:
                put_aside(properties, key, value, f"{self.name}_")
        return properties

    def time(self, record: Mapping[str, Any]) -> Moment | None:
        """Return the time of a record, None for a stream without a timestamp column.

        Raises:
            Unmappable: the column holds none (`no_time`).
        """
        column = self.columns.get("timestamp")
        if column is None:
            return None
        found = moment(record.get(column))
        if found is None:
            reason = "no_time"
            raise Unmappable(reason, f"column `{column}` of `{self.name}` is no date and time")
        return found

    def uuid(self, record: Mapping[str, Any]) -> str:
        """Return the uuid in the column so named, else one made of the key, else of the record."""
        found = as_uuid(record.get(self.columns.get("uuid", "")))
        if found is not None:
            return found
        keys = [record.get(key) for key in self._keys]
        if keys and not any(is_absent(key) for key in keys):
            return stable_uuid("row", self.name, *(key_text(key) for key in keys))
        content = {key: value for key, value in record.items() if not is_of_singer(key)}
        return stable_uuid("row", self.name, digest(content))

    def person_fact(self, person: str, content: Mapping[str, Any], when: Moment | None) -> Fact:
        """Return the fact that this was sent of a person."""
        return Fact("person", f"{self.name}\x1f{person}", digest(content), at(when))

    def group_fact(
        self, group: tuple[str, str], content: Mapping[str, Any], when: Moment | None
    ) -> Fact:
        """Return the fact that this was sent of a group, named by its type and key."""
        return Fact("group", "\x1f".join((self.name, *group)), digest(content), at(when))


def at(when: Moment | None) -> int:
    """Return a time in microseconds since 1970, 0 for none."""
    return when.at if when is not None else 0


def not_newer(facts: Facts, fact: Fact, when: Moment | None, renewed: list[Fact]) -> str | None:
    """Return why a row is not sent, "unchanged" or "superseded"; None when it is newer.

    Args:
        facts: of the past.
        fact: that the row was sent.
        when: its time; without one all other content is newer.
        renewed: gets the fact when it says again what was sent.
    """
    last = facts.recall(fact.kind, fact.name)
    is_same = last is not None and last.value == fact.value
    if when is None:
        return "unchanged" if is_same else None
    if is_newer(last, fact, renewed):
        return None
    return "unchanged" if is_same else "superseded"


def _form_of(stream: str, columns: Mapping[str, str], longest_name: int) -> str:
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
    if len(columns[forms[0]]) > longest_name:
        msg = f"The name given to the stream `{stream}` is over {longest_name} characters."
        raise ValueError(msg)
    return forms[0]
