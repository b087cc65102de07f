"""Rows that read the event's own properties, as one function: what it reads may move. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from singer_delivery.mapping import table
from singer_delivery.mapping.table import OfReading, Row, Values


class Rows(NamedTuple):
    """Rows that read the event's own properties, by where what they make goes to.

    Attributes:
        top: keys at the top of the event.
        of_user: its user properties.
        own: its properties, by another name.
    """

    top: tuple[Row, ...]
    of_user: tuple[Row, ...]
    own: tuple[Row, ...]

    def reading(self, names: Collection[str]) -> Rows:
        """Return those that read a property of these names, narrowed to what is there."""
        return Rows(*(table.reading(rows, names) for rows in self))


class Move(Protocol):
    """What rows do with the event's own properties."""

    def __call__(
        self,
        own: Mapping[str, Any],
        properties: dict[str, Any],
        top: dict[str, Any],
        of_user: dict[str, Any],
        made: dict[str, Any],
    ) -> None:
        """Write what the rows make; take what moves out of the properties.

        Args:
            own: the event's own properties.
            properties: those that stay so far.
            top: gets what `Rows.top` makes.
            of_user: gets what `Rows.of_user` makes.
            made: gets what `Rows.own` makes.
        """


def moves(rows: Rows, moving: Collection[str]) -> Move:
    """Return a function that does what these rows say: `table.build`, and it moves.

    A row that writes nothing moves nothing; of several columns the first that has a value moves.
    The function is written out in Python:

        def move(own, properties, top, of_user, made):
            value = own.get('$os')
            if value or value == 0:
                top['os_name'] = value
                properties.pop('$os', None)

    Args:
        rows: the rows.
        moving: names of properties that do not stay where a row reads them.
    """
    given: dict[str, Any] = {"moving": frozenset(moving)}
    lines = ["def move(own, properties, top, of_user, made):", " get = own.get"]
    for into, of in rows._asdict().items():
        for number, row in enumerate(of):
            convert = f"{into}{number}"
            given[convert] = row.convert
            lines += _row_source(row, _INTO[into], convert, moving)
    exec("\n".join(lines), given)  # noqa: S102 - of our tables, never of data
    move: Move = given["move"]
    return move


_INTO = {"top": "top", "of_user": "of_user", "own": "made"}


def _row_source(row: Row, into: str, convert: str, moving: Collection[str]) -> Iterator[str]:
    indent, columns = " ", row.columns
    if isinstance(row.source, (Values, OfReading)):
        read = ", ".join(f"get({column!r})" for column in columns)
        yield f" value = {convert}({'own' if isinstance(row.source, OfReading) else read})"
    else:
        yield from _first_source(columns)
        yield " if value or value == 0:"  # `table.is_absent`, turned around
        indent = "  "
        if row.convert is not None:
            yield f"{indent}value = {convert}(value)"
    if row.convert is not None:
        yield f"{indent}if value is not None:"
        indent += " "
    yield f"{indent}{into}[{row.to!r}] = value"
    yield from (f"{indent}{line}" for line in _moving_source(row, moving))


def _first_source(columns: tuple[str, ...]) -> Iterator[str]:
    first, *others = columns
    yield f" name, value = {first!r}, get({first!r})" if others else f" value = get({first!r})"
    for column in others:
        yield " if not value and value != 0:"
        yield f"  name, value = {column!r}, get({column!r})"


def _moving_source(row: Row, moving: Collection[str]) -> Iterator[str]:
    columns = [column for column in row.columns if column in moving]
    if len(row.columns) == 1 or isinstance(row.source, (Values, OfReading)):
        yield from (f"properties.pop({column!r}, None)" for column in columns)
    elif columns:
        yield "if name in moving:"
        yield " properties.pop(name, None)"
