"""What decisions need of a record, whatever its source: ids, time, people and groups.

A source reads its records into these shapes: see `Source` in `pair.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from singer_delivery.model import Note


@dataclass(frozen=True, slots=True)
class State:
    """What a record says of its person. Records share it.

    Attributes:
        digest: of the person's properties and what else belongs to them; empty when the record
            says nothing of the person.
        is_partial: whether it changes some properties and is not the complete state.
        sets: whether it sets a property.
        sets_once: whether it sets a property where there is none.
        unsets: whether it takes a property away.
        notes: what reading it counts.
        json: the properties, as the record has them.
        beside: what else belongs to the person, column by column.
    """

    digest: str
    is_partial: bool = False
    sets: bool = False
    sets_once: bool = False
    unsets: bool = False
    notes: tuple[Note, ...] = ()
    json: bytes = field(default=b"", compare=False)
    beside: tuple[Any, ...] = ()


NOTHING = State("")
"""Of a record that says nothing of its person."""


Keys = dict[str, list[str]]
"""To each group type the keys of its groups."""


@dataclass(frozen=True, slots=True)
class Snapshot:
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


@dataclass(frozen=True, slots=True)
class Groups:
    """What a record says of groups. Records share it: it must not be changed.

    Attributes:
        content: what it was read from, the same for the same.
        keys: the groups it names.
        snapshots: what it knows about groups.
        types: of both, in their order.
    """

    content: bytes = field(compare=False)
    keys: Keys
    snapshots: tuple[Snapshot, ...]
    types: tuple[str, ...]


NO_GROUPS = Groups(b"", {}, (), ())


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
