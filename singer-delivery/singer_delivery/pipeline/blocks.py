"""Blocks: up to about a thousand records with their decisions, and what becomes of them.

A block is decided in one thread, mapped in any process, and sent in pieces. It is *complete* when
each of its pieces is delivered or dead, and *settled* when so are all blocks before it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from singer_delivery.ledger.accepted import NOTHING_ACCEPTED, Accepted
from singer_delivery.model import Decision, RecordMapping
from singer_delivery.pipeline.report import StreamCounts

MOST_RECORDS = 1_000
MOST_BYTES = 4 * 1024 * 1024

OVERHEAD = 700
"""Bytes that a record takes besides its line, about: its decision, its place, its event."""

State = Mapping[str, Any]


def record_head(stream: str) -> bytes:
    """Return what stands before the record in the RECORD messages of a stream."""
    return b'{"type":"RECORD","stream":%b,"record":' % orjson.dumps(stream)


@dataclass(eq=False)
class Input:
    """The records of one stream, in one form.

    Attributes:
        stream: its name.
        mapping: says what they become.
        counts: of the stream, in the run report.
        are_messages: whether lines are RECORD messages, or records themselves.
        service: what cannot read a record that is not clean, for people.
    """

    stream: str
    mapping: RecordMapping
    counts: StreamCounts
    are_messages: bool
    service: str
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.head = record_head(self.stream)

    def message_of(self, line: bytes) -> bytes:
        """Return the RECORD message that a line is, or stands for."""
        return line if self.are_messages else b"%b%b}\n" % (self.head, line)


class Undecided(Protocol):
    """A piece of a block, as far as the block knows it."""

    def records(self) -> Iterable[int]:
        """Return the places of the records that its events come from."""

    def event_places(self) -> Iterable[int]:
        """Return where its events come from, see `pieces.place_of`."""


class Section(NamedTuple):
    """Records of a block that came one after the other in one stream."""

    input: Input
    lines: list[bytes]
    decisions: list[Decision]
    lanes: bytes


@dataclass(eq=False, slots=True)
class Block:
    """Records that are to be sent, in order, and the counts of those that are not.

    Attributes:
        number: how many blocks came before.
        inputs, lines, decisions, lanes: of each record that is sent.
        originals: messages as they came, by the place of a record whose line was changed.
        needs: {lane: lanes, as bits, whose earlier pieces must be delivered before its own}.
        spread: into how many groups of lanes its events are packed.
        size: bytes it takes in memory, about.
        unsent: how many records, by stream and rule, are decided without anything to send.
        left_out: how many records in all are not sent with the block.
        states, files: given back and removed when the block is settled.
        gathers: whether a record of it is sent only when the run ends.
        undecided: pieces that are neither delivered nor dead; None until it is mapped.
        dead: places of records of which an event was refused.
        parked: places of records of which an event waits in the ledger; they are counted there.
        accepted: its events that are listed and counted when they are delivered.
        left: where events come from that are refused, or wait in the ledger.
    """

    number: int
    inputs: list[Input] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    lanes: bytearray = field(default_factory=bytearray)
    originals: dict[int, bytes] = field(default_factory=dict)
    needs: dict[int, int] = field(default_factory=dict)
    spread: int = 1
    size: int = 0
    unsent: Counter[tuple[Input, str | None]] = field(default_factory=Counter)
    left_out: int = 0
    states: list[State] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    gathers: bool = False
    undecided: set[Undecided] | None = None
    dead: set[int] = field(default_factory=set)
    parked: set[int] = field(default_factory=set)
    accepted: Accepted = NOTHING_ACCEPTED
    left: set[int] = field(default_factory=set)
    begun: float = field(default_factory=time.monotonic)

    def add(
        self, of: Input, line: bytes, decision: Decision, lane: int, original: bytes | None
    ) -> None:
        """Add a record that is sent."""
        if original is not None:
            self.originals[len(self.lines)] = original
            self.size += len(original)
        self.inputs.append(of)
        self.lines.append(line)
        self.decisions.append(decision)
        self.lanes.append(lane)
        self.size += len(line) + OVERHEAD

    @property
    def is_full(self) -> bool:
        """Whether it should take no more records."""
        return len(self.lines) + self.left_out >= MOST_RECORDS or self.size >= MOST_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether no record came to it."""
        return not self.lines and not self.left_out

    @property
    def is_complete(self) -> bool:
        """Whether each of its pieces is delivered or dead."""
        return self.undecided is not None and not self.undecided

    def sections(self) -> Iterator[Section]:
        """Yield its records by stream, in their order."""
        start = 0
        for _, group in groupby(self.inputs, key=id):
            end = start + sum(1 for _ in group)
            yield Section(
                self.inputs[start],
                self.lines[start:end],
                self.decisions[start:end],
                bytes(self.lanes[start:end]),
            )
            start = end

    def message(self, place: int) -> bytes:
        """Return the RECORD message of a record, as it came."""
        original = self.originals.get(place)
        return self.inputs[place].message_of(self.lines[place]) if original is None else original

    def outcomes(self, undecided: Iterable[int] = ()) -> Counter[tuple[Input, str | None]]:
        """Count its records by stream and by the rule that skipped them, if any.

        Left out are the dead and the parked, which are counted already, and the `undecided`.
        """
        left_out = self.dead.union(self.parked, undecided)
        counts = Counter(self.unsent)
        for place, (of, decision) in enumerate(zip(self.inputs, self.decisions, strict=True)):
            if place not in left_out:
                counts[of, decision.skipped] += 1
        return counts

    def delivered(self) -> Accepted:
        """Return its events that are delivered, for the list of deliveries and the books."""
        left = self.left.union(*[piece.event_places() for piece in self.undecided or ()])
        return self.accepted.without(left) if left else self.accepted

    def undecided_records(self) -> set[int]:
        """Return the places of records that have an event which is not decided."""
        if self.undecided is None:
            return set(range(len(self.lines)))
        return {record for piece in self.undecided for record in piece.records()}

    def release(self) -> None:
        """Let go of its records: nobody asks for them any more."""
        self.lines, self.decisions, self.inputs = [], [], []
        self.originals.clear()
        self.accepted = NOTHING_ACCEPTED
