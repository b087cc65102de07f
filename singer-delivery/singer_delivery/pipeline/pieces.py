"""Pieces: events of one endpoint and a few lanes that travel together, compressed or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from singer_delivery.endpoint import Endpoint
from singer_delivery.io.compression import Deflated, deflated, gzipped
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.ledger.update import Update
from singer_delivery.mapping.lines import read
from singer_delivery.model import EVENTS_A_RECORD, Event
from singer_delivery.pipeline.blocks import Block

Tallies = dict[tuple[str, str], int]
"""How many events there are of each kind and name."""


def place_of(record: int, event: int) -> int:
    """Return as one number where an event comes from: its record and its number there."""
    return record * EVENTS_A_RECORD + event


class Place(NamedTuple):
    """Where an event comes from: a record of a block, and which of its events it is."""

    block: Block
    record: int
    event: int

    @property
    def number(self) -> int:
        """It as one number, see `place_of`."""
        return place_of(self.record, self.event)


class Gathered(NamedTuple):
    """The records of a stream that are sent as one event when the run ends."""

    stream: str


@dataclass(frozen=True, slots=True)
class Single:
    """One event by itself, encoded.

    Attributes:
        kind: of the event, for the report.
        name: the event's name, for the report.
        encoded: its JSON.
        origin: what it was made of.
        at: when it happened, in microseconds since 1970; None where nobody knows, or asks.
    """

    kind: str
    name: str
    encoded: bytes
    origin: Place | Update | Gathered | ParkedEvent
    at: int | None = None

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return len(self.encoded)


@dataclass(slots=True, eq=False)
class Piece:
    """Events that travel in one request, with others of the same endpoint.

    Attributes:
        endpoint: that receives it.
        lanes: that its events belong to, as bits.
        needs: lanes, as bits, whose earlier pieces must be delivered before this one.
        count: events.
        size: bytes of their JSON.
        tallies: its events by kind and name.
        packed: the events, compressed; None for a single event.
        places: where they come from, see `place_of`.
        single: the event, if it is one by itself.
        block: of the records; None for what comes from no block.
        ids: of its events, where a request may have each once only.
        since: when it began to wait, in seconds of a monotonic clock.
    """

    endpoint: str
    lanes: int
    needs: int
    count: int
    size: int
    tallies: Tallies
    packed: Deflated | None = None
    places: Sequence[int] = ()
    single: Single | None = None
    block: Block | None = None
    ids: frozenset[str] = frozenset()
    since: float = 0.0

    def records(self) -> Iterator[int]:
        """Yield the places of the records that its events come from."""
        for place in self.event_places():
            yield place // EVENTS_A_RECORD

    def event_places(self) -> Iterator[int]:
        """Yield where its events come from, see `place_of`."""
        if self.single is not None and isinstance(self.single.origin, Place):
            yield self.single.origin.number
        yield from self.places

    @classmethod
    def of_single(
        cls, endpoint: str, single: Single, lanes: int, block: Block | None = None
    ) -> Piece:
        """Return the piece of one event."""
        tallies = {(single.kind, single.name): 1}
        return cls(endpoint, lanes, 0, 1, single.size, tallies, single=single, block=block)


COMMA = deflated(b",")


def body_of_pieces(endpoint: Endpoint, pieces: list[Piece]) -> bytes:
    """Return the body that carries pieces, in their order."""
    singles = [piece.single for piece in pieces if piece.single is not None]
    if len(singles) == len(pieces):
        return body_of_singles(endpoint, singles)
    before, after, is_gzipped = endpoint.envelope
    assert is_gzipped, "what is packed is compressed"
    parts = [deflated(before)]
    for number, piece in enumerate(pieces):
        if number:
            parts.append(COMMA)
        if piece.packed is not None:
            parts.append(piece.packed)
        elif piece.single is not None:
            parts.append(deflated(endpoint.as_sent(piece.single.encoded)))
    return gzipped([*parts, deflated(after)])


def body_of_singles(endpoint: Endpoint, singles: list[Single]) -> bytes:
    """Return the body that carries events, in their order."""
    before, after, is_gzipped = endpoint.envelope
    events = b",".join([endpoint.as_sent(single.encoded) for single in singles])
    if not is_gzipped:
        return before + events + after
    return gzipped([deflated(before), deflated(events), deflated(after)])


def singles_of(piece: Piece, endpoint: Endpoint) -> list[Single]:
    """Return the events of a piece one by one; they are mapped again. Pure mappings make it so."""
    if piece.single is not None:
        return [piece.single]
    assert piece.block is not None, "what is packed comes from a block"
    found: list[Single] = []
    known: tuple[int, list[Event]] = (-1, [])
    for place in piece.places:
        record, number = divmod(place, EVENTS_A_RECORD)
        if known[0] != record:
            known = record, mapped_again(piece.block, record)
        event = known[1][number]
        encoded, origin = endpoint.encode(event), Place(piece.block, record, number)
        found.append(Single(event.kind, event.name, encoded, origin))
    return found


def mapped_again(block: Block, record: int) -> list[Event]:
    """Return the events of a record of a block."""
    of = block.inputs[record]
    clean = read(block.lines[record], is_message=of.are_messages, service=of.service)
    return list(of.mapping.map(clean, block.decisions[record]).events)
