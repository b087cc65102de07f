"""Mapping tables as functions: what `table.build` does for clean records, several times faster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson

from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.table import OfReading, Row, Values, build

Reader = Callable[[Mapping[str, Any]], tuple[Any, ...]]


class Fill(Protocol):
    """`build` of certain rows."""

    def __call__(self, record: Mapping[str, Any], into: dict[str, Any], subject: Any) -> None:
        """Write what the rows make of a record: see `build`.

        Raises:
            KeyError: it lacks a column.
        """


def compiled(rows: Sequence[Row], columns: Collection[str] = ()) -> Fill:
    """Return a function that does what `build` does with these rows.

    Nothing is decided for a record that a row decides. The function is written out in Python:

        def fill(record, into, subject):
            c0, c1, _, = read(record)
            if c0 is not None and (c0 or c0 == 0):
                into['$event_id'] = c0
            if c1 is not None and (c1 or c1 == 0):
                value = convert1(c1)
                if value is not None:
                    into['$event_type'] = value

    Args:
        rows: the table.
        columns: that a record must have, beside those that the rows read.
    """
    read = _columns(row for row in rows if not isinstance(row.source, OfReading))
    others = tuple(column for column in columns if column not in read)
    given: dict[str, Any] = {f"convert{number}": row.convert for number, row in enumerate(rows)}
    given["read"] = _reader(read + others)
    exec("\n".join(_source(rows, read, others)), given)  # noqa: S102 - of our tables, never of data
    fill: Fill = given["fill"]
    return fill


def _columns(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for row in rows for column in row.columns))


def _reader(columns: Sequence[str]) -> Reader:
    """Return a function that returns what these columns hold, or raises KeyError."""
    if len(columns) > 1:
        return itemgetter(*columns)
    if not columns:
        return lambda _record: ()
    (column,) = columns
    return lambda record: (record[column],)


def _source(rows: Sequence[Row], read: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    names = {column: f"c{number}" for number, column in enumerate(read)}
    yield "def fill(record, into, subject):"
    held = [*names.values(), *("_" for _ in others)]
    if held:
        yield f" {', '.join(held)}, = read(record)"
    for number, row in enumerate(rows):
        yield from _row_source(row, f"convert{number}", names)
    yield " return"


def _row_source(row: Row, convert: str, names: Mapping[str, str]) -> Iterator[str]:
    if isinstance(row.source, Values):
        yield f" value = {convert}({', '.join(names[column] for column in row.columns)})"
        yield " if value is not None:"
        yield f"  into[{row.to!r}] = value"
        return
    value = "subject"
    if not isinstance(row.source, OfReading):
        *others, value = [names[column] for column in row.columns]
        if others:
            first = "".join(f"{name} if {_has_value(name)} else " for name in others)
            yield f" value = {first}{value}"
            value = "value"
    yield f" if {_has_value(value)}:"
    if row.convert is None:
        yield f"  into[{row.to!r}] = {value}"
    else:
        yield f"  value = {convert}({value})"
        yield "  if value is not None:"
        yield f"   into[{row.to!r}] = value"


def _has_value(name: str) -> str:
    return f"{name} is not None and ({name} or {name} == 0)"  # `table.is_absent`, turned around


def _take_all(_names: Iterable[str]) -> bool:
    return True


class Fit(NamedTuple):
    """Tells what a destination surely takes as it is.

    Attributes:
        values: asked of values that stand side by side.
        names: asked of the names that such values have; all are taken by default.
    """

    values: Callable[[Iterable[Any]], bool]
    names: Callable[[Iterable[str]], bool] = _take_all


@dataclass(frozen=True, slots=True)
class Made:
    """Properties that were made once. Events share them: they must not be changed.

    Attributes:
        properties: by name.
        fit: whether the destination takes them as they are.
    """

    properties: dict[str, Any]
    fit: bool


def remembered(
    rows: Sequence[Row], base: Mapping[str, Any], fit: Fit | None
) -> Callable[[Mapping[str, Any]], Made]:
    """Return a function that returns what these rows make of a record, and remembers it.

    It raises KeyError when the record lacks a column.

    Args:
        rows: that read columns which hold the same in many records, and nothing else.
        base: what is there unless a row says otherwise.
        fit: tells of what is there whether it fits; None where everything does.
    """
    assert not any(isinstance(row.source, OfReading) for row in rows)
    read = _reader(_columns(rows))
    memory: Memory[Made] = Memory(1024)  # about 3 MB

    def recall(record: Mapping[str, Any]) -> Made:
        content = orjson.dumps(read(record))
        return memory.get(content) or memory.keep(content, make(record))

    def make(record: Mapping[str, Any]) -> Made:
        properties = {**base}
        build(rows, record, properties)
        return Made(properties, fit is None or fit.values(properties.values()))

    return recall
