"""Mixpanel's raw export as a source: its rows read for decisions, and for events. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import orjson
from singer_delivery.mapping.changes import Changes, EmptyWord
from singer_delivery.mapping.choice import LeavesOut
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Groups
from singer_delivery.mapping.properties import Layout
from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.mapping.values import as_uuid, stable_uuid
from singer_delivery.model import Note

from analytics_records.mixpanel.columns import EVENTS, FIRST_ATTRIBUTION
from analytics_records.mixpanel.decoding import decoders, read_completely
from analytics_records.mixpanel.groups import groups_of
from analytics_records.mixpanel.ids import people_of
from analytics_records.mixpanel.observation import Seen
from analytics_records.mixpanel.record import (
    HOT_SHARD,
    TIME,
    VERBS,
    When,
    joined_ids,
    name_and_properties,
    parts_of,
    row_of,
    usual_time,
    when_was,
)
from analytics_records.mixpanel.row import (
    content,
    hour,
    lacks_id,
    row_uuid,
)

UUID, SESSION, DAY, MODE = "row.uuid", "row.session_start", "row.day", "row.identity_merge"
NAME, OWN = "row.event", "row.properties"
"""With `record.TIME`, the names of what stands beside the properties, where tables read them.

No property has such a name: those that do are among the event's own.
"""

COPY = "\0copy"
"""Where a pair keeps the number of an equal row; no clean record has such a column."""

VERB = "identity"
"""The call that a row is which joins ids."""

PREFIX = "mixpanel_"
"""Before names that are unknown beside a row, or that a destination would act on."""

ADDED = {name.removeprefix("row."): name for name in (TIME, DAY, SESSION, MODE)}
"""Names of the tap's columns, to those by which a table reads them."""

NO_WORD = EmptyWord("", frozenset())
"""Mixpanel has no text that stands for nothing."""

_UNUSUAL = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
"""Raised where a line is none that the fast way reads."""

COLUMNS = frozenset({*(column.name for column in EVENTS), COPY})
"""Columns that are known beside the properties."""


def layout(columns: frozenset[str], steady: frozenset[str] = frozenset()) -> Layout:
    """Return how rows are laid out, for a table that names these columns.

    Args:
        columns: properties, and the tap's columns as `ADDED` has them.
        steady: those that hold the same in many rows, together.
    """
    return Layout(
        columns | {NAME, OWN, UUID},
        steady,
        PREFIX,
        NO_WORD,
        variants=("row",),
        variant_of=lambda _record: "row",
        carries_others=False,
    )


class Mixpanel:
    """The rows of a Mixpanel export, with or without what a tap adds to them; a `Source`.

    A table reads properties and the tap's columns as columns of one record; the properties that it
    does not name are the event's own. Lines are read without their other properties. What is
    unusual is read completely, and comes to the same.

    Args:
        service: what reads the rows, for people.
        columns: that the table names.
        group_keys: to each property that names groups, the type of those groups.
        leaves_out: tells which properties the table never sees; None where it sees all.
    """

    name = "mixpanel"
    name_column = "event"
    calls: Mapping[str, str] = dict.fromkeys(VERBS, VERB)
    first_attribution = FIRST_ATTRIBUTION

    def __init__(
        self,
        service: str,
        columns: Collection[str] = (),
        group_keys: Mapping[str, str] | None = None,
        leaves_out: LeavesOut | None = None,
    ) -> None:
        self._service, self._leaves_out = service, leaves_out
        self._left_out = lru_cache(512)(self._names_left_out)  # those of one event, mostly
        self._columns: dict[str, Any] = dict.fromkeys(columns)
        self._named = frozenset(name for name in columns if not name.startswith("row."))
        self._added = {theirs: name for theirs, name in ADDED.items() if name in self._columns}
        self._group_keys = dict(group_keys or {})
        self._groups: Memory[Groups] = Memory(4096)  # about 4 MB
        self._read = decoders([*self._group_keys])

    def observe(self, line: bytes, *, is_message: bool) -> Seen:
        """Return what decisions need of a row: see `Source`."""
        if not (b"\\" in line and b"\\u0000" in line):
            try:
                row = self._read.message(line).record if is_message else self._read.row(line)
                seen = self._observed(row)
            except _UNUSUAL:
                seen = None
            if seen is not None:
                return seen
        return self._observed_of(read(line, is_message=is_message, service=self._service))

    def people_of(self, seen: Seen) -> tuple[str, ...]:
        """Return the user, else the `distinct_id`; or the ids that it joins."""
        return people_of(seen.user, seen.distinct, seen.device, seen.joins)

    def shaped(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the columns that the table names, the name of the event and its own properties."""
        name, properties = parts_of(record)
        if self._leaves_out is not None:
            left_out = self._left_out(tuple(properties))
            if left_out:
                properties = {k: v for k, v in properties.items() if k not in left_out}
        shaped, own = self._divided(properties)
        for theirs, column in self._added.items():
            shaped[column] = record.get(theirs)
        shaped[NAME], shaped[OWN] = name, own
        shaped[UUID] = as_uuid(record.get("uuid")) or row_uuid(row_of(record), record.get(COPY, 0))
        if not record.keys() <= COLUMNS:
            shaped[OWN] = _with_others(own, record)
        return shaped

    def _divided(self, properties: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """Return the columns that the table names, and the event's own properties."""
        shaped, named = self._columns.copy(), self._named
        if not named:
            return shaped, properties
        own: dict[str, Any] = {}
        for key, value in properties.items():
            if key in named:
                shaped[key] = value
            else:
                own[key] = value
        return shaped, own

    def event_name(self, record: Mapping[str, Any]) -> str:
        """As it is, or under another name (see Event names); of a hot shard, the original one."""
        name: str = record[NAME]
        return name

    def event_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return those that the table does not name."""
        own: Mapping[str, Any] = record[OWN]
        return own

    def person_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Return none: rows carry no profile."""
        return {}

    def groups(self, record: Mapping[str, Any], call: str) -> Groups:  # noqa: ARG002
        """Return the groups that the properties name which are group keys."""
        if not self._group_keys:
            return NO_GROUPS
        own = record[OWN]
        values = [own.get(key, record.get(key)) for key in self._group_keys]
        return self._groups_in(orjson.dumps(values)[1:-1])

    def groups_beside(
        self,
        record: Mapping[str, Any],  # noqa: ARG002 - it says nothing of groups
        groups: Groups,  # noqa: ARG002
        linked: Collection[str],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return nothing: what names groups stays a property."""
        return {}

    def changes(self, properties: Mapping[str, Any], notes: list[Note]) -> Changes:  # noqa: ARG002
        """Return that all is set that has a value."""
        return Changes(NO_WORD.something(properties))

    def event_uuid(self, record: Mapping[str, Any]) -> str:
        """`uuid` of the tap; else made of event, second, `$insert_id` and the id as ingested."""
        uuid: str = record[UUID]
        return uuid

    def hour(self, record: Mapping[str, Any], shaped: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Return the first hour of the day of the export that a row was in: see `Source`."""
        return hour(record)

    def link_uuid(self, record: Mapping[str, Any], user: str, device: str) -> str:  # noqa: ARG002
        """Return the id of the link between a user and another id."""
        return stable_uuid("link", "mixpanel", user, device)

    def _observed(self, row: Any) -> Seen | None:
        """Return what decisions need of a usual row; None when it is not one."""
        name, own, uuid = row.event or "", row.properties, row.uuid
        if name in VERBS or name == HOT_SHARD or not uuid or as_uuid(uuid) != uuid:
            return None
        at = usual_time(row.time, own.received)
        when = When(at, TIME) if at is not None else _unusual_time(row.time, own)
        groups = (
            self._groups_in(b",".join(self._read.of_groups(own))) if self._group_keys else NO_GROUPS
        )
        return _seen(name, own, when, groups, row.identity_merge, uuid)

    def _observed_of(self, record: Mapping[str, Any]) -> Seen:
        """Return the same of a clean record."""
        row = row_of(record)
        name, properties = name_and_properties(row)
        own = self._read.own(**read_completely(properties))
        when, groups = _unusual_time(record.get("time"), own), NO_GROUPS
        if self._group_keys:
            groups = self._groups_in(_values(properties, self._group_keys))
        uuid = as_uuid(record.get("uuid"))
        mode = record.get("identity_merge")
        seen = _seen(name, own, when, groups, mode, uuid or row_uuid(row))
        if name in VERBS:
            seen.is_verb = True
            seen.joins, seen.identified = joined_ids(name, properties)
        if uuid is None and lacks_id(row):
            seen.content = content(row)
        return seen

    def _names_left_out(self, names: tuple[str, ...]) -> frozenset[str]:
        """Return which of these names of properties the table never sees."""
        return frozenset(filter(self._leaves_out, names))

    def _groups_in(self, said: bytes) -> Groups:
        found = self._groups.get(said)
        return found or self._groups.keep(said, groups_of(said, [*self._group_keys.values()]))


def _seen(name: str, own: Any, when: When, groups: Groups, mode: str | None, uuid: str) -> Seen:
    before = own.before
    if before is None or before == "":
        before = own.reshuffled
    # By place: names would make it slower, and there is one for every record.
    return Seen(
        name, _text(own.user), _text(own.device), None, when.at, when.column, NOTHING, groups,
        when.notes, when.refused, when.at, 0, (uuid,), _text(own.distinct), _text(before),
        mode == "simplified",
        (own.received or 0, own.processed or 0), uuid,
    )  # fmt: skip


def _with_others(own: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Add columns beside the tap's, behind the prefix."""
    found = {**own}
    for key in record.keys() - COLUMNS:
        if not is_bookkeeping(key):
            found.setdefault(f"{PREFIX}{key}", record[key])
    return found


def _text(value: Any) -> str | None:
    return str(value) if type(value) is int else value or None


def _unusual_time(time: Any, own: Any) -> When:
    return when_was(time, own.time, own.received, is_live=own.imported is not True)


def _values(properties: Mapping[str, Any], keys: Iterable[str]) -> bytes:
    """Return what properties hold as JSON, with commas between."""
    return b",".join(orjson.dumps(properties.get(key)) for key in keys)
