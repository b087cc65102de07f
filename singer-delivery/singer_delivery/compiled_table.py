"""Mapping tables as functions: what `table.build` does for clean records, several times faster.

Two things make it fast: what a row says is decided when the table is compiled, not for each record;
and what is made of columns that seldom change is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson

from singer_delivery.remembering import Memory
from singer_delivery.table import Row, Values, Whole

WORTH = 4
"""Rows on end: what fewer of them make is sooner made than remembered."""


class Fill(Protocol):
    """`build` of certain rows."""

    def __call__(
        self, record: Mapping[str, Any], into: dict[str, Any], subject: Any = None
    ) -> None:
        """Evaluate them for one record: see `build`."""


class _Run(NamedTuple):
    """Rows on end, and whether what they make is remembered."""

    rows: tuple[Row, ...]
    is_steady: bool


def compiled(rows: Iterable[Row], steady: Collection[str] = ()) -> Fill:
    """Return a function that does what `build` does with these rows.

    Args:
        rows: the table.
        steady: columns that mostly hold what they held in some record before. What several rows on
            end make of them alone is remembered; it is shared, and must not be changed.

    The function is written out in Python, for instance:

        def fill(record, into, subject=None):
            subject = record if subject is None else subject
            known1, = recall(record)
            try:
                c0 = record['event_id']
                c1 = record['event_type']
            except KeyError:
                c0, c1, = map(record.get, columns)
            if c0 is not None and (c0 or c0 == 0):
                into['$amplitude_event_id'] = c0
            if c1 is not None and (c1 or c1 == 0):
                value = convert1(c1)
                if value is not None:
                    into['$event_type'] = value
            into.update(known1)
    """
    runs = _runs(rows, frozenset(steady))
    straight = [row for run in runs if not run.is_steady for row in run.rows]
    columns = _columns(row for row in straight if not isinstance(row.source, Whole))
    names = {column: f"c{number}" for number, column in enumerate(columns)}
    given: dict[str, Any] = {f"convert{n}": row.convert for n, row in enumerate(straight)}
    given["columns"] = columns
    remembered = [run.rows for run in runs if run.is_steady]
    if remembered:
        given["recall"] = _recalling(remembered)
    exec("\n".join(_source(runs, names)), given)  # noqa: S102 - of our own tables, never of data
    fill: Fill = given["fill"]
    return fill


def _runs(rows: Iterable[Row], steady: frozenset[str]) -> list[_Run]:
    def reads_steady_columns_only(row: Row) -> bool:
        return not isinstance(row.source, Whole) and steady.issuperset(row.columns)

    runs = [(is_steady, (*run,)) for is_steady, run in groupby(rows, reads_steady_columns_only)]
    return [_Run(run, is_steady and len(run) >= WORTH) for is_steady, run in runs]


def _columns(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for row in rows for column in row.columns))


def _recalling(
    runs: Sequence[tuple[Row, ...]],
) -> Callable[[Mapping[str, Any]], tuple[dict[str, Any], ...]]:
    """Return a function that returns what each of these runs makes of a record."""
    columns = _columns(row for run in runs for row in run)
    read = itemgetter(*columns)
    fills = [compiled(run) for run in runs]
    memory: Memory[tuple[dict[str, Any], ...]] = Memory(1024)  # about 4 MB

    def make(record: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        made: list[dict[str, Any]] = [{} for _ in runs]
        for fill, into in zip(fills, made, strict=True):
            fill(record, into)
        return tuple(made)

    def recall(record: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        try:
            content = orjson.dumps(read(record))
        except KeyError:
            content = orjson.dumps(tuple(map(record.get, columns)))
        return memory.get(content) or memory.keep(content, make(record))

    return recall


def _source(runs: Sequence[_Run], names: Mapping[str, str]) -> Iterator[str]:
    yield "def fill(record, into, subject=None):"
    yield " subject = record if subject is None else subject"
    known = [f"known{place}" for place, run in enumerate(runs) if run.is_steady]
    if known:
        yield f" {', '.join(known)}, = recall(record)"
    if names:
        yield " try:"
        yield from (f"  {name} = record[{column!r}]" for column, name in names.items())
        yield " except KeyError:"  # half the cost of asking for each with `get`
        yield f"  {', '.join(names.values())}, = map(record.get, columns)"
    converts = (f"convert{number}" for number in count())
    for place, run in enumerate(runs):
        if run.is_steady:
            yield f" into.update(known{place})"
        else:
            for row in run.rows:
                yield from _row_source(row, names, next(converts))


def _row_source(row: Row, names: Mapping[str, str], convert: str) -> Iterator[str]:
    if isinstance(row.source, Values):
        yield f" value = {convert}({', '.join(names[column] for column in row.columns)})"
        yield " if value is not None:"
        yield f"  into[{row.to!r}] = value"
        return
    value = "subject"
    if not isinstance(row.source, Whole):
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
