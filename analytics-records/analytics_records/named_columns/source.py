"""The events of a stream as a source, for a `Pair`: whose, when, and with what. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson
from singer_delivery.mapping.changes import Changes, EmptyWord
from singer_delivery.mapping.observation import (
    NO_GROUPS,
    NOTHING,
    Groups,
    Observation,
    Snapshot,
    State,
)
from singer_delivery.mapping.properties import Layout
from singer_delivery.mapping.values import clean_id, digest, stable_uuid
from singer_delivery.model import Note, Unmappable

from analytics_records.named_columns.rows import Record, Rows
from analytics_records.person import person_of

_NO_COLUMN = "\0"
"""Stands for a column whose text is not how times are exported."""


class KeepsEmpty(EmptyWord):
    """No text stands for nothing: the columns of a stream travel as they are."""

    def something(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties that have a value."""
        return {key: value for key, value in properties.items() if value is not None}


class Seen(Observation, gc=False):
    """What decisions need of a record.

    Attributes:
        content: stands for a record without an id of its own; empty for others.
    """

    content: str = ""


class NamedColumns:
    """The records of a stream of events; a `Source`.

    Args:
        rows: reads them.
        knows_ids: whether decisions ask for the id of the event.
    """

    calls: Mapping[str, str] = {}
    first_attribution: frozenset[str] = frozenset()

    def __init__(self, rows: Rows, *, knows_ids: bool = False) -> None:
        self._rows, self._it, self._knows_ids = rows, rows.description, knows_ids
        self.name = rows.stream
        self.name_column = self._it.name_column or "event"

    def observe(self, line: bytes, *, is_message: bool) -> Seen:
        """Return what decisions need of a record.

        Raises:
            Unmappable: the line is no record, an unreadable one, or lacks its key.
        """
        rows, it = self._rows, self._it
        record = rows.read(line, is_message=is_message)
        refused, at = None, 0
        try:
            when = rows.time(record)
            at = 0 if when is None else when.at
        except Unmappable as error:
            refused = (error.reason, error.detail)
        return Seen(
            name=self.event_name(record),
            user=clean_id(record.get(it.id)),
            device=None if it.device is None else clean_id(record.get(it.device)),
            source_id=None,
            at=at,
            time_column=it.time if it.time and not it.has_format else _NO_COLUMN,
            person=self._state(record),
            groups=self.groups(record, ""),
            refused=refused,
            received=at,  # nothing else says what is newer
            event_ids=(rows.uuid(record),) if self._knows_ids else (),
            content=rows.content(record) if rows.lacks_id(record) else "",
        )

    def people_of(self, seen: Observation) -> tuple[str, ...]:
        """Return the user, else the device."""
        return person_of(seen.user, seen.device)

    def shaped(self, record: Record) -> Record:
        """Return the record: its columns are read as they are."""
        return record

    def event_name(self, record: Record) -> str:
        """Return the name of the event: as the column says, or the same for all."""
        if not self._it.name_column:
            return self._it.name
        name = record.get(self._it.name_column)
        return name if isinstance(name, str) else ""

    def event_properties(self, record: Record) -> Mapping[str, Any]:
        """Return the event's properties.

        An id that the destination cannot take complete stays beside it, and so does the device of
        a user, which may be another's.
        """
        it, rows = self._it, self._rows
        found = rows.properties(record)
        user = clean_id(record.get(it.id))
        if user is not None and rows.ids.fitted(user) != user:
            found.setdefault(it.id, user)
        if user is not None and it.device is not None and record.get(it.device) is not None:
            found.setdefault(it.device, record[it.device])
        return found

    def person_properties(self, record: Record) -> Mapping[str, Any]:
        """Return what it says of the person."""
        return self._rows.of_columns(record, self._it.person)

    def groups(self, record: Record, call: str) -> Groups:  # noqa: ARG002 - no record is a call
        """Return the groups it names, and what it says of groups."""
        if not self._it.groups:
            return NO_GROUPS
        keys, snapshots = dict[str, list[str]](), list[Snapshot]()
        for group, properties in self._named_groups(record):
            keys.setdefault(group[0], []).append(group[1])
            if properties:
                stands_for = digest(properties)
                snapshots.append(Snapshot(group, properties, "\x1f".join(group), stands_for))
        if not keys:
            return NO_GROUPS
        content = orjson.dumps([keys, [(of.group, of.properties) for of in snapshots]])
        return Groups(content, keys, tuple(snapshots), tuple(keys))

    def groups_beside(
        self,
        record: Record,
        groups: Groups,  # noqa: ARG002 - read again
        linked: Collection[str],
    ) -> dict[str, Any]:
        """Return what it says of groups whose types are not among the linked ones."""
        beside: dict[str, Any] = {}
        for (group_type, key), properties in self._named_groups(record):
            if properties and group_type not in linked:
                beside.setdefault(group_type, {})[key] = properties
        return beside

    def changes(self, properties: Mapping[str, Any], notes: list[Note]) -> Changes:  # noqa: ARG002 - all is set
        """Return what properties of a person or a group change."""
        return Changes(set=dict(properties))

    def event_uuid(self, record: Record) -> str:
        """Return the id of the event."""
        return self._rows.uuid(record)

    def hour(self, record: Record, shaped: Record) -> int:  # noqa: ARG002 - no column says so
        """Return that nobody knows the hour."""
        return 0

    def link_uuid(self, record: Record, user: str, device: str) -> str:  # noqa: ARG002 - the same for all
        """Return the id of the link between a user and a device."""
        return link_uuid(self.name, user, device)

    def layout(self) -> Layout:
        """Return how records are laid out, for a table of properties."""
        return Layout(
            columns=frozenset(),
            steady=frozenset(),
            prefix=f"{self.name}_",
            empty=KeepsEmpty("", frozenset()),
            variants=("row",),
            variant_of=lambda _record: "row",
            carries_others=False,
        )

    def _state(self, record: Record) -> State:
        properties = self.person_properties(record)
        if not properties:
            return NOTHING
        names, json = tuple(properties), orjson.dumps(properties)
        return State(digest(properties), sets=True, names=names, json=json)

    def _named_groups(self, record: Record) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        for of in self._it.groups:
            value = record.get(of.key)
            for each in value if isinstance(value, list) else [value]:
                key = self._rows.id_in(each)
                if key is not None:
                    yield (of.type, key), self._rows.of_columns(record, of.properties)


def link_uuid(stream: str, user: str, device: str) -> str:
    """Return the id of the link between a user and a device that a stream tells of."""
    return stable_uuid("link", stream, user, device)
