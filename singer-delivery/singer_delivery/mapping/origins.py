"""Says of each field of an event which row of a table, or which rule of the mapping, made it. Pure.

A row that reads columns is evaluated for the record, so that of several rows with one name the one
counts that wrote it: the last, as in `table.build`. What a mapping writes without a row of
properties, such as ids, updates of people and links, its guide names.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from singer_delivery.mapping.guide import Field, Guide, Origin, Subject
from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.mapping.table import Row, build, is_absent
from singer_delivery.model import Event

WITH_OTHERS = "sent only with the others beside it"


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
