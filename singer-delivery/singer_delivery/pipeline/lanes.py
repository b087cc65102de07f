"""Which pieces may leave: what concerns one person leaves in its order. Pure.

People are dealt out to lanes. A piece holds events of a few lanes, and it may leave when nothing
that waits before it, or is in flight, touches those lanes. Pieces that leave in one request may
share lanes: within a request their order stands. Where a request may have each id once only, a
piece that has one again leaves in the next request.

An event that merges another person (a login that links a device to its user) must arrive behind
that person's earlier events. Its person takes over the lane of the other one, if nothing of its own
is under way. Otherwise its piece also *needs* the other's lane: it leaves when what came before
there is delivered. Both look only at earlier blocks, so no two pieces wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from singer_delivery.endpoint import Limits
from singer_delivery.pipeline.packing import LANES, lane_of
from singer_delivery.pipeline.pieces import Piece

NEARLY = 7 / 8
"""A request that is this full need not wait for more."""

REMEMBERED = 40_000
"""People whose lane is remembered, at least: more than have events under way, however small their
records are (`delivery.ROOM`, `blocks.OVERHEAD`)."""


class Load(NamedTuple):
    """Pieces that may leave in one request, and whether they fill it."""

    pieces: list[Piece]
    is_full: bool


class Lanes:
    """The pieces of one endpoint that wait, and the lanes that are in flight."""

    def __init__(self) -> None:
        self._waiting: list[Piece] = []
        self._busy = 0
        self._known: tuple[Limits, Load] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no piece waits."""
        return not self._waiting

    def add(self, piece: Piece) -> None:
        """Let a piece wait, behind all others."""
        self._waiting.append(piece)
        self._known = None

    def next_load(self, limits: Limits) -> Load:
        """Return the pieces that may leave now in one request, in their order; they go on waiting.

        Where more wait than a request takes, it takes those of as few lanes as fill it, so that
        other requests find lanes that are free. A piece larger than a request travels alone: the
        service says whether it is too large.
        """
        # Many threads ask, and mostly nothing has changed.
        if self._known is None or self._known[0] is not limits:
            found = self._found(limits)
            if limits.distinct_ids:
                found = Load(_without_repeated_ids(found.pieces), found.is_full)
            self._known = limits, found
        return self._known[1]

    def _found(self, limits: Limits) -> Load:
        free = self._free()
        count = sum(piece.count for piece in free)
        size = sum(piece.size + 1 for piece in free)
        if count > limits.max_events or size > limits.max_bytes:
            return Load(_first(free, _lanes_that_fill(free, limits), limits), is_full=True)
        is_full = count >= limits.max_events * NEARLY or size >= limits.max_bytes * NEARLY
        return Load(free, is_full)

    def _free(self) -> list[Piece]:
        """Return the pieces that wait for no other, in their order."""
        blocked, free = self._busy, list[Piece]()
        for piece in self._waiting:
            if (piece.lanes | piece.needs) & blocked:
                blocked |= piece.lanes
            else:
                free.append(piece)
        return free

    def take(self, load: Load) -> None:
        """Let the pieces of a load leave."""
        self._known = None
        leaving = set(map(id, load.pieces))
        self._waiting = [piece for piece in self._waiting if id(piece) not in leaving]
        for piece in load.pieces:
            self._busy |= piece.lanes

    def release(self, pieces: Iterable[Piece]) -> None:
        """Take note that pieces which left are delivered or dead."""
        self._known = None
        for piece in pieces:
            self._busy &= ~piece.lanes


def _lanes_that_fill(free: list[Piece], limits: Limits) -> int:
    """Return few lanes, as bits, with a request's worth of events; among them the oldest."""
    events: dict[int, int] = {}
    for piece in free:
        events[piece.lanes] = events.get(piece.lanes, 0) + piece.count
    (chosen, count), *others = events.items()
    for lanes, more in sorted(others, key=itemgetter(1), reverse=True):
        if count >= limits.max_events:
            break
        chosen, count = chosen | lanes, count + more
    return chosen


def _first(free: list[Piece], lanes: int, limits: Limits) -> list[Piece]:
    """Return the first pieces of these lanes that fit one request; at least one."""
    load: list[Piece] = []
    passed_over = count = size = 0
    for piece in free:
        if piece.lanes & ~lanes or (piece.lanes | piece.needs) & passed_over:
            passed_over |= piece.lanes
            continue
        count, size = count + piece.count, size + piece.size + 1
        if load and (count > limits.max_events or size > limits.max_bytes):
            break
        load.append(piece)
    return load


def _without_repeated_ids(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces without those that have an id again, and without what waits for these."""
    kept, ids, passed_over = list[Piece](), set[str](), 0
    for piece in pieces:
        if (piece.lanes | piece.needs) & passed_over or not ids.isdisjoint(piece.ids):
            passed_over |= piece.lanes
        else:
            kept.append(piece)
            ids |= piece.ids
    return kept


def lanes_of_group(group: int, spread: int) -> int:
    """Return the lanes, as bits, that are dealt to one of `spread` groups."""
    return sum(1 << lane for lane in range(group, LANES, spread))


class Where(NamedTuple):
    """The lane of a person, and the last block with an event of theirs."""

    lane: int
    block: int


class People:
    """Deals people to lanes, and remembers the lane of those whose events are under way."""

    def __init__(self) -> None:
        self._recent: dict[str, Where] = {}
        self._older: dict[str, Where] = {}

    def lane(self, person: str, block: int, settled: int) -> int:
        """Return the lane of a person who has an event in a block.

        Args:
            person: whose event it is.
            block: the number of the block.
            settled: the number up to which blocks are settled.
        """
        where = self._recent.get(person)
        if where is None or where.block < block:
            where = self._under_way(person, settled) or Where(lane_of(person), block)
            self._put(person, Where(where.lane, block))
        return where.lane

    def linked(
        self, person: str, merged: str, block: int, settled: int
    ) -> tuple[int, Where | None]:
        """Return the lane of a person whose event merges another.

        Also where the other person's events are, if they must be delivered first.
        """
        own, other = self._under_way(person, settled), self._under_way(merged, settled)
        lane = own.lane if own is not None else other.lane if other is not None else lane_of(person)
        self._put(person, Where(lane, block))
        return lane, other if other is not None and other.lane != lane else None

    def _under_way(self, person: str, settled: int) -> Where | None:
        where = self._recent.get(person) or self._older.get(person)
        return where if where is not None and where.block > settled else None

    def _put(self, person: str, where: Where) -> None:
        if len(self._recent) >= REMEMBERED:
            self._recent, self._older = {}, self._recent
        self._recent[person] = where
