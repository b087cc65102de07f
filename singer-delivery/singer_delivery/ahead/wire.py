"""How blocks and results travel between a run and the process that maps ahead. Pure.

A frame is its length and its bytes. Both ends are the same Python, so that `marshal` serves for
what is made of tuples, texts, numbers and bytes; it takes half the time of `pickle`.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterable, Iterator, Sequence
from sys import intern
from typing import Any, NamedTuple

from singer_delivery.ahead.mirror import FactRow
from singer_delivery.model import ENCODED, Event, Fact, Key, Mapped, Note

LENGTH = struct.Struct("<Q")

_VERSION = 2
"""The version of marshal that looks for no value that occurs twice: looking takes longer."""

Head = tuple[str, str, str]
"""What many events have in common: endpoint, kind and name."""

Row = tuple[Any, ...]
"""What became of one record; its length tells which of three."""

PLAIN = 4
"""What most become, an event that says nothing new: its head's number, person, time and bytes."""

UNMAPPABLE = 2
"""Nothing can be made of it: the reason and a detail."""

ANYTHING = 5
"""All else: events, what was skipped, notes, what it renews, whether it is held."""


class Block(NamedTuple):
    """Lines to be mapped.

    Attributes:
        task: number of what is to be done with them.
        afresh: whether all that was known is to be forgotten.
        news: what must be learned before.
        lines: the lines.
        unclear: numbers of those whose records are not surely clean. To tell takes as long as a
            twentieth of the mapping: the process that sends has that time to spare.
    """

    task: int
    afresh: bool
    news: list[FactRow]
    lines: list[bytes]
    unclear: list[int]


class Result(NamedTuple):
    """What became of a block.

    Attributes:
        looked_up: what it found on disk, see `Mirror`.
        heads: of its events.
        rows: one for each line.
        renewed: what its records renew, but for what stands in a row.
    """

    looked_up: list[FactRow]
    heads: list[Head]
    rows: list[Row]
    renewed: list[FactRow]


def frame(content: Any) -> bytes:
    """Return the bytes that carry a value."""
    packed = marshal.dumps(content, _VERSION)
    return LENGTH.pack(len(packed)) + packed


class Packer:
    """Writes down what the records of a block become.

    What is renewed is written down once for all records that renew it, at the end of the block, or
    with the record that says something else of the same.
    """

    def __init__(self) -> None:
        self._heads: dict[Head, int] = {}
        self._rows: list[Row] = []
        self._renewed: dict[Key, Fact] = {}

    def add(self, mapped: Mapped, encoded: Sequence[bytes]) -> None:
        """Write down what the next record becomes, each event encoded."""
        for fact in mapped.renewed:
            self._renewed[fact[:2]] = fact
        events, skipped, notes, _, held = mapped
        if len(events) == 1 and not (skipped or notes or held):
            event = events[0]
            if not (event.facts or event.claims or event.merges or event.deferred):
                self._rows.append((self._head(event), event.person, event.at, encoded[0]))
                return
        renewed = [fact for fact in map(self._renewed_before, said_by(events)) if fact]
        rows = [self._event_row(*each) for each in zip(events, encoded, strict=True)]
        self._rows.append((rows, skipped, _rows(notes), _rows(renewed), held))

    def add_unmappable(self, reason: str, detail: str) -> None:
        """Write down that nothing can be made of the next record."""
        self._rows.append((reason, detail))

    def result(self, looked_up: list[FactRow]) -> tuple[Any, ...]:
        """Return the `Result` of the block, as a plain tuple."""
        renewed = list(_rows(self._renewed.values()))
        return looked_up, list(self._heads), self._rows, renewed

    def _head(self, event: Event) -> int:
        return self._heads.setdefault((event.endpoint, event.kind, event.name), len(self._heads))

    def _renewed_before(self, fact: Fact) -> Fact | None:
        return self._renewed.pop(fact[:2], None)

    def _event_row(self, event: Event, encoded: bytes) -> tuple[Any, ...]:
        head, person, at = self._head(event), event.person, event.at
        claims, facts = _rows(event.claims), _rows(event.facts)
        return head, person, at, encoded, event.merges, claims, facts, event.deferred


def shared_heads(heads: Iterable[Head]) -> list[Head]:
    """Return heads in whose texts thousands of events share one copy."""
    return [(intern(endpoint), intern(kind), name) for endpoint, kind, name in heads]


def read_plain(row: Row, heads: Sequence[Head]) -> tuple[Event, bytes]:
    """Return the event that a PLAIN row was made of, but for its body, and its bytes."""
    head, person, at, encoded = row
    endpoint, kind, name = heads[head]
    return Event(endpoint, kind, name, person, at, ENCODED), encoded


def read_outcome(row: Row, heads: Sequence[Head]) -> tuple[Mapped, list[bytes]]:
    """Return what a row of ANYTHING was made of, but for the bodies of the events."""
    rows, skipped, notes, renewed, held = row
    events = [_read_event(each, heads) for each in rows]
    noted = tuple([Note(*note) for note in notes])
    mapped = Mapped(tuple(events), skipped, noted, read_facts(renewed), held)
    return mapped, [each[3] for each in rows]


def _read_event(row: tuple[Any, ...], heads: Sequence[Head]) -> Event:
    head, person, at, _, merges, claims, facts, deferred = row
    endpoint, kind, name = heads[head]
    claimed, told = read_facts(claims), read_facts(facts)
    return Event(endpoint, kind, name, person, at, ENCODED, merges, claimed, told, deferred)


def read_facts(rows: Sequence[FactRow]) -> tuple[Fact, ...]:
    """Return the facts of rows that all have a value."""
    return tuple([Fact(intern(row[0]), *row[1:]) for row in rows]) if rows else ()  # type: ignore[arg-type]


def said_by(events: Iterable[Event]) -> Iterator[Fact]:
    """Yield every fact that events say, in the order in which they hold."""
    for event in events:
        yield from event.claims
        yield from event.facts


def touched_by(result: Result) -> Iterator[Key]:
    """Yield what a block found on disk, says or renews, by kind and name."""
    for row in (*result.looked_up, *result.renewed):
        yield row[:2]
    for made in result.rows:
        if len(made) == ANYTHING:
            mapped, _ = read_outcome(made, result.heads)
            for fact in (*said_by(mapped.events), *mapped.renewed):
                yield fact[:2]


def _rows(values: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    # marshal takes tuples, and nothing that is a kind of tuple.
    return tuple([tuple(value) for value in values])
