"""Says of each field of an event which row of a table, or which rule of the mapping, made it. Pure.

A row that reads columns is evaluated for the record, so that of several rows with one name the one
counts that wrote it: the last, as in `table.build`. What a mapping writes without a row of
properties, such as ids, updates of people and links, its guide names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.mapping.table import Row, build, is_absent
from singer_delivery.model import Event

WITH_OTHERS = "sent only with the others beside it"


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


def fields_of(guide: Guide, event: Event, body: Mapping[str, Any], of: Subject) -> list[Field]:
    """Return each field of an event with its origin.

    Args:
        guide: of the mapping.
        event: that the mapping made.
        body: as it is sent.
        of: the record.
    """
    return [
        Field(path, value, origin_of(guide, event.kind, path, of)) for path, value in _paths(body)
    ]


def origin_of(guide: Guide, kind: str, path: str, of: Subject) -> Origin | None:
    """Return where the field at a path comes from, None if nothing says so."""
    kind = kind.lower()
    return (
        _of_a_row(guide, kind, path, of)
        or _made(guide, kind, path, of)
        or _own(guide, kind, path, of)
        or _aside(guide, kind, path, of)
    )


def how_of(row: Row) -> str:
    """Return what a row does with its columns, as the printed table says it."""
    if row.convert is None:
        return "as it is"
    lines = (inspect.getdoc(row.convert) or "").splitlines()
    return lines[0].rstrip(".") if lines else "converted"


def left_out(guide: Guide, fields: Iterable[Field], of: Subject) -> dict[str, str]:
    """Return why no field comes from a column or an own property that has a value.

    Args:
        guide: of the mapping.
        fields: of all events that the record became.
        of: the record.
    """
    used = {name for each in fields if each.origin is not None for name in each.origin.columns}
    used |= {name.partition(".")[0] for name in used if name.partition(".")[0] in of.record}
    names = [
        name
        for name, value in of.record.items()
        if not is_absent(value) and value is not of.event_properties
    ]
    own = [name for name, value in of.event_properties.items() if not is_absent(value)]
    own = [name for name in own if _of_own(guide, name) not in used]
    unused = [name for name in dict.fromkeys((*names, *own)) if name not in used]
    return {name: _why(guide, name, of) for name in unused if name != guide.own}


def _paths(body: Mapping[str, Any], above: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an event: objects at its top are opened, and operations in them."""
    for name, value in body.items():
        path = f"{above}{name}"
        is_open = depth == 0 or (depth == 1 and name.startswith("$"))
        if isinstance(value, dict) and value and is_open:
            yield from _paths(value, f"{path}.", depth + 1)
        else:
            yield path, value


def _of_a_row(guide: Guide, kind: str, path: str, of: Subject) -> Origin | None:
    holding = {*guide.holds(of)}
    found: Origin | None = None
    for at, rows, of_own, is_told, kinds in guide.placed:
        if kind not in kinds:
            continue
        for row in rows:
            names = _names(row, at)
            if row.when is not None and row.when not in holding:
                continue
            rest = _rest(path, names)
            if rest is not None and (is_told or _writes(row, of, of_own=of_own)):
                found = _origin(guide, row, rest, of_own=of_own)
    if found is None or path not in guide.together:
        return found
    others = [name for name in guide.together[path] if name not in found.columns]
    return found._replace(columns=(*found.columns, *others), how=f"{found.how}, {WITH_OTHERS}")


def _names(row: Row, at: str) -> list[str]:
    """Return the paths that a row writes."""
    return [f"{at}.{name}" if at else name for name in row.to.split(", ")]


def _rest(path: str, names: Iterable[str]) -> str | None:
    """Return what of a path lies within one of these, empty for the thing itself."""
    for name in names:
        if path == name:
            return ""
        if path.startswith(f"{name}."):
            return path[len(name) + 1 :]
    return None


def _origin(guide: Guide, row: Row, rest: str, *, of_own: bool) -> Origin:
    columns = row.columns
    if of_own:
        columns = tuple(_of_own(guide, name) for name in columns)
    if rest and len(columns) == 1:
        columns = (f"{columns[0]}.{rest}",)
    when = "" if row.when is None else guide.conditions.get(row.when, row.when)
    return Origin(columns, how_of(row), row, when)


def _writes(row: Row, of: Subject, *, of_own: bool) -> bool:
    """Tell whether a row writes something of a record."""
    record, into = of.event_properties if of_own else of.record, dict[str, Any]()
    build((row,), record, into, of.reading)
    return row.to in into


def _made(guide: Guide, kind: str, path: str, of: Subject) -> Origin | None:
    for pattern, columns, how, kinds in (*guide.named(of), *guide.made):
        if (kinds and kind not in kinds) or not _fits(path, pattern):
            continue
        name = path[len(pattern) - 1 :] if pattern.endswith("*") else ""
        return Origin(tuple(_filled(column, name, of) for column in columns), how)
    return None


def _fits(path: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern


def _filled(column: str, name: str, of: Subject) -> str:
    """Return a column with the name for its star; `$*` is the name with a `$` if there is one."""
    if column == "$*":
        return f"${name}" if f"${name}" in of.event_properties else name
    return column[:-1] + name if column.endswith("*") else column


def _own(guide: Guide, kind: str, path: str, of: Subject) -> Origin | None:
    name = _name_in(guide.own_at, path)
    if kind != "event" or name is None:
        return None
    for own in (name, *(each for each in of.event_properties if name.startswith(f"{each}."))):
        if own in of.event_properties:
            return Origin((_of_own(guide, own),), "as it is, under its own name")
    return None


def _aside(guide: Guide, kind: str, path: str, of: Subject) -> Origin | None:
    """Return the origin of what was put aside: behind the prefix, once or more often."""
    name = _name_in(guide.own_at, path)
    if kind != "event" or name is None or not guide.prefix or not name.startswith(guide.prefix):
        return None
    bare = name
    while bare.startswith(guide.prefix):
        bare = bare[len(guide.prefix) :]
        for own in of.event_properties:
            if own.lstrip("$") == bare:
                how = f"kept behind `{guide.prefix}`: the destination gives its name a meaning"
                return Origin((_of_own(guide, own),), how)
        for column in of.record:
            if column.lstrip("$") == bare or column == name:
                return Origin((column,), f"a column without a row, kept behind `{guide.prefix}`")
    return None


def _of_own(guide: Guide, name: str) -> str:
    return f"{guide.own}.{name}" if guide.own else name


def _name_in(at: str, path: str) -> str | None:
    """Return the name of a field in the object at a path, None where it is elsewhere."""
    if not at:
        return None
    return path[len(at) + 1 :] if path.startswith(f"{at}.") else None


def _why(guide: Guide, name: str, of: Subject) -> str:
    for pattern, reason in guide.dropped.items():
        if fnmatchcase(name, pattern.replace("[", "[[]")):
            return f"dropped: {reason}"
    if name in guide.read:
        return guide.read[name]
    rows = [row for placed in guide.placed for row in placed.rows if name in row.columns]
    if rows:
        return _why_of_rows(guide, name, rows, of)
    if is_bookkeeping(name):
        return "a column of a tap or a loader, and no property"
    return "unmapped: no row reads it, and it does not travel"


def _why_of_rows(guide: Guide, name: str, rows: Sequence[Row], of: Subject) -> str:
    unmet = [row.when for row in rows if row.when is not None and row.when not in guide.holds(of)]
    if len(unmet) == len(rows):
        return f"its row counts only for: {guide.conditions.get(unmet[0], unmet[0])}"
    if _would_be_written(guide, name, of):
        return "nothing is sent that would carry it: see what is decided"
    return f"its row makes nothing of this value: {how_of(rows[0])}"


def _would_be_written(guide: Guide, name: str, of: Subject) -> bool:
    """Tell whether a row writes something of a column, if an event is made of the record."""
    return any(
        placed.is_told or _writes(row, of, of_own=placed.of_own)
        for placed in guide.placed
        for row in placed.rows
        if name in row.columns and (row.when is None or row.when in guide.holds(of))
    )


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
