"""Takes blocks that are decided: maps them, and sends what their records become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import filterfalse, islice
from typing import Protocol

from singer_delivery.endpoint import Endpoint
from singer_delivery.io.heaps import give_back
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.ledger.update import Update
from singer_delivery.model import CREATION, DEVICE, EVENTS_A_RECORD, Event, Note
from singer_delivery.pipeline.blocks import Block
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.lanes import lanes_of_group
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.packing import Apart, Packed, Result, lane_of
from singer_delivery.pipeline.parking import Parking
from singer_delivery.pipeline.pieces import Gathered, Piece, Place, Single
from singer_delivery.pipeline.queues import FIRST_PAUSE, LONGEST_PAUSE
from singer_delivery.pipeline.workers import Workers

ROOM = 24 * 1024 * 1024
"""Bytes of records that may be undecided at once; one block may go beyond it. About 9,000 records:
they fill the requests that are in flight at 200 ms a reply, while the next ones are filled."""

UPDATES_AT_ONCE = 2_000
"""Updates that are read from the ledger and queued at once."""


class Dispatch(Protocol):
    """Carries pieces: `Dispatcher`, or a dry run's writer."""

    @property
    def spread(self) -> int:
        """Into how many groups of lanes the next block's events are to be packed."""

    @property
    def undecided(self) -> int:
        """How many pieces are not decided."""

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Queue pieces in their order."""

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return when something is so that progress brings about."""

    def drain(self) -> None:
        """Return when every piece is decided."""

    def hurry(self) -> None:
        """Let what waits for more events leave now."""

    def raise_if_over(self) -> None:
        """Raise what stopped the run, if anything did."""


class Delivery:
    """The way of a block from its decisions to its pieces. One thread uses it.

    Args:
        endpoints: of the destination, by name.
        ledger: keeps deferred updates.
        checkpoints: has the blocks.
        outcomes: learns what becomes of records.
        workers: map blocks.
        dispatch: carries pieces.
        parking: knows which events wait for their id, and how long at the end.
        room: bytes of records that may be undecided at once.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        ledger: Ledger,
        checkpoints: Checkpoints,
        outcomes: Outcomes,
        workers: Workers,
        dispatch: Dispatch,
        parking: Parking,
        room: int = ROOM,
    ) -> None:
        self._endpoints = endpoints
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._outcomes = outcomes
        self._workers = workers
        self._dispatch = dispatch
        self._parking = parking
        self._room = room

    def close_block(self) -> None:
        """Begin another block, and send the last one on its way.

        Raises:
            DeliveryError: the run cannot go on.
            Interrupted: the run is to stop.
        """
        self._dispatch.raise_if_over()
        block = self._checkpoints.next_block()
        if not block.lines:
            block.undecided = set()
            self._checkpoints.complete()
            return
        block.spread = self._dispatch.spread
        self._workers.map(block)
        while self._take_result(is_needed=False):
            pass
        self._send_due()
        self._make_room()

    def flush(self) -> None:
        """Close the last block, and take what every block becomes. Raises as `close_block` does."""
        self._dispatch.raise_if_over()
        if not self._checkpoints.last.is_empty:
            self.close_block()
        while self._take_result(is_needed=True):
            pass

    def finish(self, last: Iterable[tuple[str, Event]]) -> None:
        """Return when everything is decided. Raises as `close_block` does.

        First come the events of all records, then those that wait for their id, then the updates
        that waited for all of them, then the `last` events: each is made of all the records that
        were gathered of the stream named with it. What goes on waiting stays in the ledger.
        """
        self.flush()
        self._dispatch.drain()
        self._checkpoints.rest()
        give_back()
        self._send_parked()
        self._send_updates_until_taken()
        for stream, event in last:
            self._dispatch.submit([self._piece_of_gathered(stream, event)])
        self._dispatch.drain()
        if self._outcomes.is_all_sent:
            self._checkpoints.release()
        self._checkpoints.rest()
        self._outcomes.save()

    def _send_due(self) -> None:
        """Send the events that waited for their id, and whose turn it is."""
        due = self._parking.due()
        if due:
            self._dispatch.submit(_piece_of_parked(event) for event in due)

    def _send_parked(self) -> None:
        """Send what waits for its id, unless that takes too long."""
        if not self._parking.events:
            return
        until = self._parking.until()
        while True:
            self._send_due()
            self._dispatch.drain()
            if not self._parking.is_worth_waiting(until):
                return
            self._parking.say_what_waits()
            self._parking.rest(self._parking.seconds_until_due(), self._dispatch.raise_if_over)

    def _send_updates_until_taken(self) -> None:
        """Send every update; those that the service takes later again, unless it takes too long."""
        until, pause = self._parking.until(), FIRST_PAUSE
        while True:
            self._parking.updates = 0
            self._send_updates()
            if not self._parking.updates or self._parking.until(pause) > until:
                return
            self._parking.rest(pause, self._dispatch.raise_if_over)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _send_updates(self) -> None:
        """Send the newest update of everybody, those that an earlier run left behind included.

        Creations leave when all others are delivered. What waited of a device that has an owner by
        now is not sent.
        """
        self._send_those(lambda update: update.kind != CREATION)
        self._send_those(lambda update: update.kind == CREATION)

    def _send_those(self, is_one: Callable[[Update], bool]) -> None:
        dispatch = self._dispatch
        updates = filterfalse(self._is_dropped, filter(is_one, self._ledger.updates()))
        while some := list(islice(updates, UPDATES_AT_ONCE)):
            # Nothing else is under way, and no two are of one name: they keep no order.
            dispatch.submit([_piece_of_update(update, lanes=0) for update in some])
            dispatch.wait_until(lambda: dispatch.undecided < 2 * UPDATES_AT_ONCE)
        if dispatch.undecided:
            dispatch.drain()

    def _is_dropped(self, update: Update) -> bool:
        """Drop the update of a device that has an owner; tell whether it was one."""
        if update.kind != DEVICE or self._ledger.recall("owner", update.name) is None:
            return False
        self._outcomes.note([Note("device_has_an_owner", update.name)])
        self._ledger.sent(update)
        return True

    def _make_room(self) -> None:
        """Return when another block may come."""

        def is_room() -> bool:
            return self._checkpoints.size < self._room

        # What is still to be mapped takes room too, and is decided only after it was sent.
        while not is_room() and self._take_result(is_needed=True):
            pass
        self._dispatch.wait_until(is_room)

    def _take_result(self, *, is_needed: bool) -> bool:
        """Send what the next block becomes; tell whether there was one."""
        found = self._workers.result(self._dispatch.raise_if_over, is_needed=is_needed)
        if found is not None:
            self._send(*found)
        return found is not None

    def _send(self, block: Block, result: Result) -> None:
        for (name, example), count in result.notes.items():
            self._outcomes.note([Note(name, example)], count)
        pieces, leading = [_piece_of(block, packed) for packed in result.packed], list[Piece]()
        for event in result.apart:
            (leading if event.leads else pieces).extend(self._pieces_apart(block, event))
        for record, reason, detail in result.dead:
            self._outcomes.unmappable_after_all(block, record, reason, detail)
        with self._checkpoints.lock:  # from now on another thread may settle the block
            block.accepted = result.accepted
            block.undecided = {each for each in leading + pieces if each.block is not None}
        if leading:
            self._dispatch.submit(leading)
            self._dispatch.drain()
        self._dispatch.submit(pieces)
        self._checkpoints.complete()

    def _pieces_apart(self, block: Block, event: Apart) -> Iterator[Piece]:
        if event.deferred:
            self._outcomes.keep(block, event)
            return
        # A dry run packs nothing; there it must not be otherwise for what a run would pack.
        is_apart = event.leads or not self._endpoints[event.endpoint].is_packed
        if is_apart and self._ledger.may_keep(event.endpoint):
            # A change is about to be laid over the update that waits: the last to arrive wins.
            update = self._ledger.take_update(event.endpoint, event.order)
            if update is not None:
                yield _piece_of_update(update, 1 << event.lane)
        origin = Place(block, *divmod(event.place, EVENTS_A_RECORD))
        single = Single(event.kind, event.name, event.encoded, origin, event.at)
        piece = Piece.of_single(event.endpoint, single, 1 << event.lane, block)
        piece.needs = _needs(block, {event.lane})
        yield piece

    def _piece_of_gathered(self, stream: str, event: Event) -> Piece:
        encoded = self._endpoints[event.endpoint].encode(event)
        single = Single(event.kind, event.name, encoded, Gathered(stream))
        return Piece.of_single(event.endpoint, single, 1)


def _piece_of(block: Block, packed: Packed) -> Piece:
    endpoint, group, body, tallies, places, ids = packed
    lanes = lanes_of_group(group, block.spread)
    return Piece(
        endpoint,
        lanes,
        _needs(block, {lane for lane in block.needs if lanes >> lane & 1}),
        len(places),
        body.size,
        tallies,
        packed=body,
        places=places,
        block=block,
        ids=ids,
    )


def _needs(block: Block, lanes: Iterable[int]) -> int:
    needs = 0
    for lane in lanes:
        needs |= block.needs.get(lane, 0)
    return needs


def _piece_of_parked(event: ParkedEvent) -> Piece:
    single = Single(event.kind, event.event, event.encoded, event)
    return Piece.of_single(event.endpoint, single, 1 << lane_of(event.queue))


def _piece_of_update(update: Update, lanes: int) -> Piece:
    single = Single(update.kind, update.event, update.encoded, update)
    return Piece.of_single(update.endpoint, single, lanes)
