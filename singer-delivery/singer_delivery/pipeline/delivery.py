"""Takes records, and gives STATE back when everything read before it is decided and on disk.

Which records a STATE covers is a matter of `chapters`, what outcomes mean one of `outcomes`; dead
letters and ledger are put on disk, in this order, before a STATE leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from singer_delivery.endpoint import Endpoint
from singer_delivery.io.heaps import give_back
from singer_delivery.ledger.facts import Ledger
from singer_delivery.ledger.updates import Update
from singer_delivery.model import ENCODED, Event, Fact, Mapped, Note, RecordMapping, Unmappable
from singer_delivery.pipeline.chapters import State
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.queued import Queued
from singer_delivery.pipeline.tickets import Dispatch, HeldBack, Receipt, Waiting, Whole, as_update


class Delivery:
    """The way of a record from its mapping to its end. One thread uses it.

    Args:
        endpoints: by the name that events give.
        ledger: what is remembered.
        outcomes: learns what becomes of records, here and from what carries their events.

    Attributes:
        dispatch: carries the events; to be set before records are taken.
        taken_singly: how many records came to `take`.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        ledger: Ledger,
        outcomes: Outcomes,
    ) -> None:
        self._endpoints = endpoints
        self._ledger = ledger
        self._outcomes = outcomes
        self._chapters = outcomes.chapters
        self.dispatch: Dispatch | None = None
        self.taken_singly = 0

    def take(
        self, stream: str, record: Mapping[str, Any], message: bytes, mapping: RecordMapping
    ) -> None:
        """Map a record and queue what it becomes.

        Args:
            stream: its stream.
            record: its columns.
            message: the RECORD message as it was read, for the dead letters.
            mapping: says what it becomes.

        Raises:
            DeliveryError: an earlier record stopped the run.
            Interrupted: the run was told to stop.
        """
        self.raise_if_over()
        self.taken_singly += 1
        try:
            mapped = mapping(record, self._ledger)
            encoded = [self._encoded(event) for event in mapped.events]
        except Unmappable as error:
            self.take_unmappable(stream, message, error)
        else:
            self.take_mapped(stream, message, mapped, encoded)

    def take_mapped(
        self, stream: str, message: bytes, mapped: Mapped, encoded: Sequence[bytes]
    ) -> None:
        """Queue what a record became, each event as its endpoint encodes it.

        Raises as `take` does.
        """
        self.send(self.admit(self.open(stream, message), mapped, encoded))

    def take_unmappable(self, stream: str, message: bytes, error: Unmappable) -> None:
        """Put a record of which nothing can be made among the dead letters.

        Raises as `take` does.
        """
        self.raise_if_over()
        self._outcomes.unmappable(self.open(stream, message), error.reason, error.detail)

    def raise_if_over(self) -> None:
        """Raise what ends the run: see `take`."""
        self._dispatcher.raise_if_over()

    def open(self, stream: str, message: bytes) -> Receipt:
        """Count a record, and return what its outcome is written on."""
        return self._outcomes.open(stream, message)

    def admit(self, receipt: Receipt, mapped: Mapped, encoded: Sequence[bytes]) -> Sequence[Queued]:
        """Take note of what a record became, and return what is to be sent of it, in order."""
        events, receipt.skipped, notes, renewed, held = mapped
        self.renew(renewed)
        self.note(notes)
        if held:
            self._outcomes.hold(receipt)
            return ()
        self._tell_ledger(receipt, events, encoded)
        if receipt.undecided:
            return list(self._to_send(receipt, events, encoded))
        self._outcomes.nothing_to_send(receipt)
        return ()

    def send(self, queued: Iterable[Queued]) -> None:
        """Send events in their order. Raises as `take` does."""
        self._dispatcher.submit(queued)

    def note(self, notes: Sequence[Note]) -> None:
        """Count what the report is to tell."""
        if notes:
            self._outcomes.note(notes)

    def renew(self, facts: Sequence[Fact]) -> None:
        """Remember that what was told holds at a later time too."""
        if facts:
            self._ledger.renew(facts)

    def checkpoint(self, state: State) -> None:
        """Give `state` back when everything taken before is decided and on disk."""
        self._chapters.close(state=state)

    def end_of_file(self, path: Path) -> None:
        """Remove a file when everything taken before is decided and on disk."""
        self._chapters.close(file=path)

    def hurry(self) -> None:
        """Send what waits for more events: whoever sends them waits for these to be decided."""
        self._dispatcher.hurry()

    def rest(self) -> None:
        """Give back at once what is decided, from now until the next `checkpoint`."""
        self._chapters.rest()

    def finish(self, wholes: Iterable[Whole] = ()) -> None:
        """Return when everything taken is decided and on disk. Raises as `take` does.

        Events come first, then the updates that waited for them, then `wholes`, each made of all
        the records that a stream held back.
        """
        self._dispatcher.drain()
        self._chapters.rest()
        give_back()
        self._send_updates()
        for whole in wholes:
            encoded = self._endpoints[whole.event.endpoint].encode(whole.event)
            self.send([Queued(whole.event, encoded, HeldBack(whole.stream))])
        self._dispatcher.drain()
        self._chapters.rest()
        self._outcomes.save()

    @property
    def _dispatcher(self) -> Dispatch:
        assert self.dispatch is not None, "connect a dispatcher before taking records"
        return self.dispatch

    def _encoded(self, event: Event) -> bytes:
        encoded = self._endpoints[event.endpoint].encode(event)
        event.body = ENCODED
        return encoded

    def _to_send(
        self, receipt: Receipt, events: Sequence[Event], encoded: Sequence[bytes]
    ) -> Iterator[Queued]:
        for event, each in zip(events, encoded, strict=True):
            if event.deferred:
                continue
            if self._ledger.is_deferring(event.endpoint):
                # A change is about to be laid over the update that waits: the last to arrive wins.
                yield from _updates(self._ledger.waiting(event.endpoint, event.person))
            yield Queued(event, each, receipt)

    def _tell_ledger(
        self, receipt: Receipt, events: Sequence[Event], encoded: Sequence[bytes]
    ) -> None:
        """Remember what the events say, and count those that are to be decided."""
        for event, each in zip(events, encoded, strict=True):
            if event.claims:
                self._ledger.claim(event.claims)
            if event.deferred:
                self._ledger.defer(as_update(event, each, receipt), event.facts)
                continue
            receipt.undecided += 1
            if event.facts:
                self._ledger.expect(event.facts)

    def _send_updates(self) -> None:
        """Send the newest update of everybody, those that an earlier run left behind included."""
        for update in self._ledger.updates():
            self.send(_updates(update))
        self._dispatcher.drain()


def _updates(update: Update | None) -> Iterator[Queued]:
    if update is not None:
        ticket = Waiting(update)
        yield Queued(ticket.event, update.encoded, ticket)
