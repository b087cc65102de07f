"""What of a source's records becomes what in Amplitude: what a pair tells the destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import Reading
from singer_delivery.mapping.source import Source
from singer_delivery.mapping.table import Row
from singer_delivery.model import Note

Anonymous = Literal["owner", "as_it_is"]


def always(_reading: Reading[Any]) -> str:
    """Return the one variant of a source whose records are all alike."""
    return "row"


def unknown(_seen: Observation) -> int | None:
    """Tell that nobody knows."""
    return None


def never(_name: str) -> bool:
    """Tell that every property travels."""
    return False


@dataclass(frozen=True)
class SourceTables:
    """What of a source's records becomes what in Amplitude.

    Attributes:
        source: of the records.
        prefix: before names of properties that have no place of their own.
        event_names: the source's names of events to Amplitude's.
        insert_id: makes the id of an event.
        ids: what Amplitude makes of its ids.
        changes: what properties of people and groups change.
        top: rows that read columns, and make keys at the top of an event.
        columns: all columns with a name in the table; None where events have all that travels.
        own_top: rows that read the event's own properties, and make keys at the top.
        own: likewise, and make properties by another name.
        of_user: likewise, and make user properties of the event.
        beside: rows that read what is decided as well, and make properties of the event.
        moving: properties that do not stay where such a row read them.
        drops: tells which of the event's own properties do not travel.
        variants: conditions of rows, of which each record fulfils one; several with blanks between.
        variant_of: tells which.
        anonymous: whether an event without a user belongs to the owner of its device, or goes as it
            is.
        of_person: what a record says was true of its person then; None where it is copied from
            what describes people.
        is_copy: whether records are Amplitude's own: then lists in lists stay, and no property is
            put aside for its name.
        no_values: what stands for no value of a property, and does not travel.
        groups_by_day: whether events say all the time what is true of their groups.
        created_event: name of the creation event where the settings have none.
        created: tells when the user of a record was created, in microseconds.
    """

    source: Source
    prefix: str
    event_names: Mapping[str, str]
    insert_id: Callable[[Mapping[str, Any]], str]
    ids: IdRules
    changes: Callable[[Mapping[str, Any], list[Note]], Changes]
    top: tuple[Row, ...] = ()
    beside: tuple[Row, ...] = ()
    columns: frozenset[str] | None = None
    own_top: tuple[Row, ...] = ()
    own: tuple[Row, ...] = ()
    of_user: tuple[Row, ...] = ()
    moving: frozenset[str] = frozenset()
    drops: Callable[[str], bool] = never
    variants: tuple[str, ...] = ("row",)
    variant_of: Callable[[Reading[Any]], str] = always
    anonymous: Anonymous = "owner"
    of_person: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    is_copy: bool = False
    no_values: tuple[str | None, ...] = (None, "")
    groups_by_day: bool = False
    created_event: str = ""
    created: Callable[[Observation], int | None] = unknown
