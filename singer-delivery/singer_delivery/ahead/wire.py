"""How blocks and results travel between a run and its workers. Pure.

A frame is its length and its bytes. Both ends are the same Python, so that `marshal` serves for
what is made of tuples, texts, numbers and bytes; it takes half the time of `pickle`.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterator, Sequence
from sys import intern
from typing import Any, NamedTuple

from singer_delivery.ahead.assuming import FactRow
from singer_delivery.events import ENCODED, Event, Fact, Mapped, Note

LENGTH = struct.Struct("<Q")

PLAIN = 2
"""The version of marshal that looks for no value that occurs twice: looking takes longer."""


class Block(NamedTuple):
    """Lines to be mapped, and what their worker must learn before."""

    news: list[FactRow]
    lines: list[bytes]


class Made(NamedTuple):
    """What became of one record.

    Attributes:
        places: how many places there were after it; see `assuming.Place`.
        touched: the places that it asked for or said something of.
        outcome: its `outcome_row`, or why nothing can be made of it: a reason and a detail.
    """

    places: int
    touched: Sequence[int]
    outcome: tuple[Any, ...]


def frame(content: Any) -> bytes:
    """Return the bytes that carry a value."""
    packed = marshal.dumps(content, PLAIN)
    return LENGTH.pack(len(packed)) + packed


def outcome_row(mapped: Mapped, encoded: Sequence[bytes]) -> tuple[Any, ...]:
    """Return what a record became as plain values."""
    events = [
        (
            event.endpoint,
            event.kind,
            event.name,
            event.person,
            event.at,
            each,
            event.merges,
            _rows(event.claims),
            _rows(event.facts),
            event.deferred,
        )
        for event, each in zip(mapped.events, encoded, strict=True)
    ]
    return events, mapped.skipped, _rows(mapped.notes), _rows(mapped.renewed)


def read_outcome(row: tuple[Any, ...]) -> tuple[Mapped, list[bytes]]:
    """Return what `outcome_row` was given, but for the bodies of the events."""
    events, skipped, notes, renewed = row
    made, encoded = [], []
    for endpoint, kind, name, person, at, each, merges, claims, facts, deferred in events:
        made.append(
            Event(
                intern(endpoint),
                intern(kind),
                name,
                person,
                at,
                ENCODED,
                merges,
                _facts(claims) if claims else (),
                _facts(facts) if facts else (),
                deferred,
            )
        )
        encoded.append(each)
    noted = tuple([Note(*note) for note in notes]) if notes else ()
    return Mapped(tuple(made), skipped, noted, _facts(renewed) if renewed else ()), encoded


def news_in(row: tuple[Any, ...]) -> Iterator[FactRow]:
    """Yield every fact that a record says for the first time, in the order in which they hold."""
    if len(row) == 4:
        for event in row[0]:
            yield from event[7]
            yield from event[8]


def said_in(row: tuple[Any, ...]) -> Iterator[FactRow]:
    """Yield every fact that a record says or renews, in the order in which they hold."""
    yield from news_in(row)
    if len(row) == 4:
        yield from row[3]


def _facts(rows: Sequence[FactRow]) -> tuple[Fact, ...]:
    return tuple([Fact(*row) for row in rows])  # type: ignore[arg-type] # said, so it has a value


def _rows(values: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    # marshal takes tuples, and nothing that is a kind of tuple.
    return tuple([tuple(value) for value in values]) if values else ()
