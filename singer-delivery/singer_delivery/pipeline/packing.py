"""Maps the records of a block and packs their events: what a process that maps does. Pure."""

from __future__ import annotations

import pickle
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple
from zlib import crc32

from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.io.compression import Deflated, deflated
from singer_delivery.ledger.accepted import NOTHING_ACCEPTED, Accepted, Gathering
from singer_delivery.mapping.lines import read
from singer_delivery.model import EVENT, Decision, Delivery, Event, RecordMapping, Unmappable
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.pieces import Tallies, place_of

LANES = 256
"""Among which people are dealt out; as many requests at most can be in flight."""

PIECES_A_REQUEST = 8
"""A piece is an eighth of a request at most: none is cut, and requests are nearly full still."""


def lane_of(order: str) -> int:
    """Return the lane of a person, or of whatever keeps an order: the same in every process."""
    return crc32(order.encode()) % LANES


@dataclass(frozen=True)
class Task:
    """What is to be done with the lines of a stream.

    Attributes:
        mapping: says what their records become.
        endpoints: by the name that events give.
        service: what cannot read a record that is not clean, for people.
        are_messages: whether lines are RECORD messages, or records themselves.
        packs: whether events may be packed at all; a dry run writes each by itself.
        lists: whether events are listed and counted when they are delivered.
    """

    mapping: RecordMapping
    endpoints: Mapping[str, Endpoint]
    service: str
    are_messages: bool
    packs: bool
    lists: bool = False


class Tasks:
    """The task of each input of a run.

    Args:
        endpoints: of the destination, by name.
        packs: whether events may be packed.
        lists: whether they are listed and counted.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], *, packs: bool, lists: bool = False
    ) -> None:
        self._endpoints = endpoints
        self._packs, self._lists = packs, lists
        self._tasks: dict[Input, Task] = {}
        self._pickled: dict[Input, bytes] = {}

    def of(self, of: Input) -> Task:
        """Return what is to be done with the records of an input."""
        task = self._tasks.get(of)
        if task is None:
            task = self._tasks[of] = Task(
                of.mapping, self._endpoints, of.service, of.are_messages, self._packs, self._lists
            )
        return task

    def pickled(self, of: Input) -> bytes:
        """Return the same for another process."""
        found = self._pickled.get(of)
        if found is None:
            found = self._pickled[of] = pickle.dumps(self.of(of))
        return found


class Packed(NamedTuple):
    """Events of one endpoint and one group of lanes, compressed.

    `ids` are those of its events, no two the same, where a request may have each once only.
    """

    endpoint: str
    group: int
    body: Deflated
    tallies: Tallies
    places: Sequence[int]
    ids: frozenset[str] = frozenset()


class Apart(NamedTuple):
    """One event that is not packed."""

    endpoint: str
    kind: str
    name: str
    at: int | None
    encoded: bytes
    place: int
    lane: int
    order: str
    deferred: bool
    facts: tuple[tuple[str, str, str, int, str], ...]
    leads: bool = False


class Result(NamedTuple):
    """What the records of a block became.

    Attributes:
        packed: pieces, in the order of their records.
        apart: events by themselves, in the order of their records.
        notes: how often each note is due.
        dead: place, reason and detail of records of which nothing can be made after all.
        accepted: what is listed and counted once it is delivered.
    """

    packed: list[Packed]
    apart: list[Apart]
    notes: dict[tuple[str, str | None], int]
    dead: list[tuple[int, str, str]]
    accepted: Accepted = NOTHING_ACCEPTED


def mapped_and_encoded(
    line: bytes, task: Task, decision: Decision
) -> tuple[Sequence[Event], list[bytes], Sequence[tuple[str, str | None]]]:
    """Return the events of a line, each encoded, and its notes.

    Raises:
        Unmappable: nothing can be made of it.
    """
    record = read(line, is_message=task.are_messages, service=task.service)
    events, notes = task.mapping.map(record, decision)
    return events, [task.endpoints[event.endpoint].encode(event) for event in events], notes


class Packer:
    """Maps records one after the other and packs what they become.

    Args:
        spread: into how many groups lanes are dealt.
    """

    def __init__(self, spread: int) -> None:
        self._spread = spread
        self._place = 0
        self._open: dict[tuple[str, int], _OpenPiece] = {}
        self._result = Result([], [], Counter(), [])
        self._listed = Gathering()

    def add_all(
        self, task: Task, lines: Sequence[bytes], decisions: Sequence[Decision], lanes: bytes
    ) -> None:
        """Map the next records of the block."""
        for line, decision, lane in zip(lines, decisions, lanes, strict=True):
            self._add(line, task, decision, lane)
            self._place += 1

    def _add(self, line: bytes, task: Task, decision: Decision, lane: int) -> None:
        try:
            events, encoded, notes = mapped_and_encoded(line, task, decision)
        except Unmappable as error:
            self._result.dead.append((self._place, error.reason, error.detail))
            return
        for note in notes:
            self._result.notes[note[0], note[1]] += 1
        of = place_of(self._place, 0)
        for event, content in zip(events, encoded, strict=True):
            endpoint = task.endpoints[event.endpoint]
            if event.kind == EVENT and task.lists and decision.skipped is None:
                self._list(event, decision, of)
            its_lane = lane if event.order is None else lane_of(event.order)
            if task.packs and endpoint.is_packed and not (event.deferred or event.leads):
                self._pack(endpoint, its_lane % self._spread, event, content, of)
            else:
                self._put_apart(event, content, of, its_lane, event.order or decision.person)
            of += 1

    def result(self) -> Result:
        """Return what all records became."""
        for (endpoint, group), piece in self._open.items():
            self._close(endpoint, group, piece)
        self._open.clear()
        return self._result._replace(accepted=self._listed.accepted())

    def _list(self, event: Event, decision: Decision, of: int) -> None:
        """Let an event be listed and counted once it is delivered."""
        hour = max(event.source_hour, 0)  # nobody exports what came before 1970
        known = decision.delivery
        if known is None:
            if event.id and event.at is not None:
                known = Delivery.of(event.id, event.at)
                self._listed.add(known, (hour, event.name, event.source_name, False), of)
            return
        # What is listed is not sent again, and decisions say by which keys it is asked for.
        self._listed.add(known, (hour, event.name, event.source_name, True), of)
        also = decision.also_known
        if also is not None:
            self._listed.add(also, (hour, "", "", True), of)

    def _pack(self, endpoint: Endpoint, group: int, event: Event, content: bytes, of: int) -> None:
        key = (endpoint.name, group)
        piece = self._open.get(key)
        if piece is None:
            piece = self._open[key] = _OpenPiece(endpoint.limits)
        elif event.id in piece.ids or not piece.has_room(len(content)):
            self._close(*key, piece)
            piece = self._open[key] = _OpenPiece(endpoint.limits)
        piece.add(event.kind, event.name, content, of)
        if endpoint.limits.distinct_ids:
            piece.ids.add(event.id)

    def _close(self, endpoint: str, group: int, piece: _OpenPiece) -> None:
        body = deflated(b",".join(piece.encoded))
        ids = frozenset(piece.ids)
        packed = Packed(endpoint, group, body, piece.tallies, piece.places, ids)
        self._result.packed.append(packed)

    def _put_apart(self, event: Event, content: bytes, of: int, lane: int, order: str) -> None:
        facts = tuple([(*fact,) for fact in event.facts])
        self._result.apart.append(
            Apart(
                event.endpoint, event.kind, event.name, event.at, content, of, lane, order,
                event.deferred, facts, event.leads,
            )
        )  # fmt: skip


@dataclass(slots=True)
class _OpenPiece:
    """Events that will be one piece."""

    limits: InitVar[Limits]
    ids: set[str] = field(default_factory=set)
    encoded: list[bytes] = field(default_factory=list)
    size: int = 0
    most: int = field(init=False)
    most_bytes: int = field(init=False)
    tallies: Tallies = field(default_factory=dict)
    places: array[int] = field(default_factory=lambda: array("Q"))

    def __post_init__(self, limits: Limits) -> None:
        self.most = max(1, limits.max_events // PIECES_A_REQUEST)
        self.most_bytes = limits.max_bytes // PIECES_A_REQUEST

    def has_room(self, size: int) -> bool:
        return len(self.encoded) < self.most and self.size + size < self.most_bytes

    def add(self, kind: str, name: str, content: bytes, of: int) -> None:
        self.encoded.append(content)
        self.size += len(content) + 1
        self.tallies[kind, name] = self.tallies.get((kind, name), 0) + 1
        self.places.append(of)
