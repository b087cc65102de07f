"""What decisions need of a record, whatever its source: ids, time, people and groups.

A source reads its records into these shapes: see `source.Source`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from singer_delivery.model import Fact, Note


class State(msgspec.Struct, frozen=True, eq=False):
    """What a record says of its person. Records share it.

    Two are equal when they say the same, however the records write it.

    Attributes:
        digest: of the person's properties and what else belongs to them; empty when the record
            says nothing of the person.
        is_partial: whether it is a call that changes some properties, and no snapshot.
        sets: whether it sets a property.
        sets_once: whether it sets a property where there is none.
        unsets: whether it takes a property away.
        clears: whether it takes every property away.
        names: of the properties that it sets.
        notes: what reading it counts.
        json: the properties, as the record has them.
        beside: what else belongs to the person, column by column.
    """

    digest: str
    is_partial: bool = False
    sets: bool = False
    sets_once: bool = False
    unsets: bool = False
    clears: bool = False
    names: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    json: bytes = b""
    beside: tuple[Any, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Tell whether another says the same."""
        return isinstance(other, State) and self._said() == other._said()

    def __hash__(self) -> int:
        """Return a number that is the same for what says the same."""
        return hash(self.digest)

    def _said(self) -> tuple[Any, ...]:
        of = self
        changes = (of.is_partial, of.sets, of.sets_once, of.unsets, of.clears)
        return (of.digest, changes, of.notes, of.beside)


NOTHING = State("")
"""Of a record that says nothing of its person."""


Keys = dict[str, list[str]]
"""To each group type the keys of its groups."""


class Snapshot(msgspec.Struct, frozen=True):
    """What is known about a group.

    Attributes:
        group: its type and key.
        properties: what is known.
        name: of the fact that it was sent.
        digest: of the properties.
        is_partial: whether it changes some properties and is not the complete state.
    """

    group: tuple[str, str]
    properties: Mapping[str, Any]
    name: str
    digest: str
    is_partial: bool = False


class Groups(msgspec.Struct, frozen=True, eq=False):
    """What a record says of groups. Records share it: it must not be changed.

    Two are equal when they say the same, however the records write it.

    Attributes:
        content: what it was read from, the same for the same.
        keys: the groups it names.
        snapshots: what it knows about groups.
        types: of both, in their order.
        beside: types under which it says what fits no group.
    """

    content: bytes
    keys: Keys
    snapshots: tuple[Snapshot, ...]
    types: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Tell whether others say the same."""
        return isinstance(other, Groups) and self._said() == other._said()

    def __hash__(self) -> int:
        """Return a number that is the same for those that say the same."""
        return hash(self.types)

    def _said(self) -> tuple[Any, ...]:
        return (self.keys, self.snapshots, self.types, self.beside)


NO_GROUPS = Groups(b"", {}, (), ())

_LARGEST = 2**63 - 1


class Observation(msgspec.Struct, gc=False):
    """What decisions need of a record.

    Attributes:
        name: of the event; empty when there is none.
        user: id of the user, as it stands there, or None.
        device: id of the device, likewise.
        source_id: the source's own id of the person, where it has one.
        at: when it happened, in microseconds since 1970 (UTC); 0 when nobody knows.
        time_column: the column that says so; empty when none does.
        person: what the record says of its person.
        groups: what it says of groups.
        notes: what reading it counts.
        refused: reason and detail why it has no time.
        received: when the source took it, likewise in microseconds; with `at` and `number`, the
            order in which the source took its records.
        number: tells records of one moment apart, the later one by the greater number.
        event_ids: ids of the event, where decisions ask for them: the one it is sent under, then
            the source's own.
    """

    name: str
    user: str | None
    device: str | None
    source_id: str | int | None
    at: int
    time_column: str
    person: State
    groups: Groups
    notes: tuple[Note, ...] = ()
    refused: tuple[str, str] | None = None
    received: int = 0
    number: int = 0
    event_ids: tuple[str, ...] = ()

    @property
    def since(self) -> tuple[int, str]:
        """The order key of the record, as facts have it."""
        return self.received, f"{self.at:016x}{self.number & _LARGEST:016x}"

    @property
    def place(self) -> str:
        """The order key of the record as one text."""
        received, then = self.since
        return f"{received:016x}{then}"

    def is_before(self, fact: Fact) -> bool:
        """Tell whether the source took the record before the one that says a fact."""
        if fact.at != self.received:  # nearly always
            return fact.at > self.received
        return fact.since > self.since
