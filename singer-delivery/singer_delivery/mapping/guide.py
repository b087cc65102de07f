"""What a mapping knows of itself: its rows, what it writes besides, and what it leaves out. Pure.

The table of a pair does not say all: ids, updates of people and links are written without a row of
properties. A guide names them. `singer_delivery.mapping.origins` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

from singer_delivery.mapping.table import Row


class Subject(NamedTuple):
    """A record on its way to events, as rows read it.

    Attributes:
        record: as the mapping reads it.
        event_properties: the event's own.
        reading: what conversions of `OfReading` rows get.
    """

    record: Mapping[str, Any]
    event_properties: Mapping[str, Any]
    reading: Any


class Columns(NamedTuple):
    """Columns of a source, by what they say. Empty ones say nothing.

    Attributes:
        name: of the event.
        ids: whose it is.
        time: when it happened.
        id: the id of the record.
        person: objects with properties of the person; an empty text for columns themselves.
        groups: the keys of groups.
        of_groups: properties of groups.
    """

    name: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    person: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    of_groups: tuple[str, ...] = ()

    @property
    def each_of_person(self) -> tuple[str, ...]:
        """The properties of the person one by one, as `Made` names them."""
        return tuple(f"{name}.*" if name else "*" for name in self.person)


class Placed(NamedTuple):
    """Rows, and where they write.

    Attributes:
        at: path of the object that they write into; empty for the event itself.
        rows: of the table.
        of_own: whether they read the event's own properties, and not columns.
        is_told: whether the mapping calls their conversions itself, so that a name that is there
            was written by its row.
        kinds: of the events that they make.
    """

    at: str
    rows: tuple[Row, ...]
    of_own: bool = False
    is_told: bool = False
    kinds: tuple[str, ...] = ("event",)


class Made(NamedTuple):
    """A field that the mapping writes without a row of properties.

    Attributes:
        path: of the field; a `*` at its end stands for a name.
        columns: it comes from; a `*` at the end stands for the same name, `$*` also for that name
            with a `$` before it.
        how: in a few words.
        kinds: of the events that have it; none for all.
    """

    path: str
    columns: tuple[str, ...]
    how: str
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guide:
    """What a mapping's table says, and what the mapping writes besides.

    Attributes:
        table: the module that holds the table.
        sources: the vendors' documents it was made of.
        placed: rows, with their place.
        made: other fields, the more particular first.
        named: names the fields of a record whose names are in the record itself.
        together: {path: columns without which a field is not sent}.
        own_at: path of the object that takes the event's own properties; empty for none.
        own: column of these; empty where they are columns themselves.
        prefix: before names that are put aside.
        conditions: what the conditions of rows mean.
        holds: which conditions a record fulfils.
        dropped: columns that do not travel, and why; a `*` stands for the rest of a name.
        read: columns that decisions read, and why.
        outcomes: what the report's words mean: skipped, counted, dead.
        vendor: whose rows these are; empty where the settings name their columns.
    """

    table: str
    sources: str = ""
    placed: tuple[Placed, ...] = ()
    made: tuple[Made, ...] = ()
    named: Callable[[Subject], Sequence[Made]] = lambda _: ()
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_at: str = ""
    own: str = ""
    prefix: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    holds: Callable[[Subject], Collection[str]] = lambda _: ()
    dropped: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    vendor: str = ""


def guide_of_table(
    table: ModuleType, placed: tuple[Placed, ...], *, vendor: str, own_at: str, **more: Any
) -> Guide:
    """Return the guide of a mapping whose table is a module; `more` are fields of the guide."""
    more.setdefault("dropped", table.DROPPED)
    return Guide(
        table=table.__name__,
        sources=sources_in(table.__doc__),
        placed=placed,
        conditions=table.CONDITIONS,
        outcomes=outcomes_of(table.COUNTED, table.SKIPPED, table.DEAD_LETTERS),
        own_at=own_at,
        vendor=vendor,
        **more,
    )


class Origin(NamedTuple):
    """Where a field comes from.

    Attributes:
        columns: of the source.
        how: in a few words, as the printed table has them.
        row: the row of the table, None where the mapping writes it without one.
        when: the condition of the row, in words.
    """

    columns: tuple[str, ...]
    how: str
    row: Row | None = None
    when: str = ""


class Field(NamedTuple):
    """A field of an event that is sent, and its origin; None where nothing says it."""

    path: str
    value: Any
    origin: Origin | None


def sources_in(docstring: str | None) -> str:
    """Return what the docstring of a table says of the vendors' documents."""
    lines = (docstring or "").splitlines()
    heads = ("Columns:", "Properties:", "Names:", "Keys:", "Sources:")
    found, is_in = list[str](), False
    for line in lines:
        is_in = line.startswith(heads) or (is_in and bool(line.strip()))
        if is_in:
            found.append(line.strip())
    return " ".join(found)


def outcomes_of(*tables: Mapping[str, str]) -> dict[str, str]:
    """Return what the report's words mean, of several tables."""
    return {name: text for table in tables for name, text in table.items()}


def described(it: Any, keys: Sequence[str]) -> Columns:
    """Return the columns that a stream's description names.

    Args:
        it: the description, as `analytics_records.named_columns` has it.
        keys: the stream's key.
    """
    groups = [each.key for each in it.groups]
    of_groups = [name for each in it.groups for name in _columns(each.properties)]
    ids = [name for name in (it.id, it.device) if name]
    return Columns(
        name=(it.name_column,) if it.name_column else (),
        ids=tuple(ids),
        time=(it.time,) if it.time else (),
        id=(it.row_id,) if it.row_id else tuple(keys),
        person=(it.person,) if isinstance(it.person, str) else ("",),
        groups=tuple(groups),
        of_groups=tuple(of_groups),
    )


def _columns(of: str | Sequence[str] | None) -> Sequence[str]:
    return (of,) if isinstance(of, str) else of or ()
