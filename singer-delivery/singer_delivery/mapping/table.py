"""A mapping as a table: which field becomes which, read top to bottom.

A table is a tuple of `Row`s that a person can hold against two vendors' documents. `select` picks
the rows whose condition holds, once; `build` evaluates them for one record. Both are pure. For
tables that every record passes, `compiled` makes one function of the rows: a faster `build`.

Absent values: `None`, `""`, `[]` and `{}` say nothing, and a row whose source is absent writes
nothing. `False` and `0` are values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple


class OfReading(NamedTuple):
    """A source of several columns: the conversion gets the `Reading` and reads these."""

    columns: tuple[str, ...]


class Values(NamedTuple):
    """A source of several columns: the conversion gets their values in this order, and no more."""

    columns: tuple[str, ...]


class Row(NamedTuple):
    """One line of a mapping table.

    Attributes:
        to: the destination's name.
        source: the column it comes from; or several, of which the first that has a value counts; or
            `Values`, where the conversion needs them all; or `OfReading`, where it needs even more.
        convert: makes the destination's value; returning None writes nothing. Its docstring's first
            line is what the printed table says of it. None: the value travels as it is.
        when: the name of the condition under which the row counts; None: always.
    """

    to: str
    source: str | tuple[str, ...] | Values | OfReading
    convert: Callable[..., Any] | None = None
    when: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column this row reads."""
        if isinstance(self.source, str):
            return (self.source,)
        return self.source.columns if isinstance(self.source, (Values, OfReading)) else self.source


def of_reading(*columns: str) -> OfReading:
    """Return the source of a row whose conversion reads all of these columns."""
    return OfReading(columns)


def values(*columns: str) -> Values:
    """Return the source of a row whose conversion gets what all of these columns hold."""
    return Values(columns)


def is_absent(value: Any) -> bool:
    """Tell whether a value says nothing: None, an empty text, list or object."""
    return not value and value != 0


def first_value(record: Mapping[str, Any], columns: Iterable[str]) -> Any:
    """Return the first of these columns' values that is not absent, else None."""
    for column in columns:
        value = record.get(column)
        if not is_absent(value):
            return value
    return None


def select(rows: Iterable[Row], conditions: Collection[str]) -> tuple[Row, ...]:
    """Return the rows that count when exactly these conditions hold, in their order."""
    return tuple(row for row in rows if row.when is None or row.when in conditions)


def reading(rows: Iterable[Row], names: Collection[str]) -> tuple[Row, ...]:
    """Return the rows that read one of these names, in their order.

    Of columns whose first value counts, they read those alone that are among the names.
    """
    return tuple(_narrowed(row, names) for row in rows if not {*row.columns}.isdisjoint(names))


def _narrowed(row: Row, names: Collection[str]) -> Row:
    if isinstance(row.source, (str, Values, OfReading)):
        return row
    return row._replace(source=tuple(column for column in row.columns if column in names))


def build(
    rows: Iterable[Row], record: Mapping[str, Any], into: dict[str, Any], subject: Any = None
) -> None:
    """Evaluate a table for one record.

    Args:
        rows: the table; conditions are not looked at, see `select`.
        record: where the columns are.
        into: where the values are written; what a row writes replaces what was there.
        subject: what conversions of `OfReading` rows get; the record itself when None.
    """
    get = record.get
    for to, source, convert, _ in rows:
        if isinstance(source, str):
            value = get(source)
        elif isinstance(source, Values):
            value = tuple(map(get, source.columns))
        elif isinstance(source, OfReading):
            value = record if subject is None else subject
        else:
            value = first_value(record, source)
        if not value and value != 0:  # is_absent, written out: this line runs for every row
            continue
        if convert is not None:
            value = convert(*value) if isinstance(source, Values) else convert(value)
            if value is None:
                continue
        into[to] = value
