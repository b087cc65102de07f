"""Takes records, and gives STATE back when everything read before it is decided and on disk.

Which records a STATE covers is a matter of `chapters`; dead letters and ledger are put on disk, in
this order, before it leaves.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from singer_delivery.chapters import Chapter, Chapters, State
from singer_delivery.dead_letter_limit import DeadLetterLimit
from singer_delivery.dead_letters import DeadLetter, DeadLetters
from singer_delivery.endpoint import Endpoint, Judgement, Verdict
from singer_delivery.events import ENCODED, Event, Mapped, Note, RecordMapping, Unmappable
from singer_delivery.ledger import Ledger
from singer_delivery.queued import Queued
from singer_delivery.report import RunReport
from singer_delivery.tickets import Dispatch, HeldBack, Receipt, Waiting, Whole, as_update
from singer_delivery.updates import Update


class Delivery:
    """The way of a record from its mapping to its end. One thread calls `take` and `checkpoint`.

    Args:
        endpoints: by the name that events give.
        ledger: what is remembered.
        dead_letters: where records go that no retry can save.
        report: what is counted.
        emit_state: receives each STATE value whose records are all decided, in order. Called from
            any thread, one at a time.
        max_dead_letters: how many make the run stop.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        ledger: Ledger,
        dead_letters: DeadLetters,
        report: RunReport,
        emit_state: Callable[[State], None],
        max_dead_letters: DeadLetterLimit | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._report = report
        self._max_dead_letters = max_dead_letters
        self._held: dict[str, list[Chapter]] = {}
        self._lock = threading.RLock()
        self._chapters = Chapters(self._lock, self.save, emit_state)
        self.dispatch: Dispatch | None = None

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
        receipt = self._open(stream, message)
        receipt.skipped = mapped.skipped
        if mapped.renewed:
            self._ledger.renew(mapped.renewed)
        if mapped.notes:
            self._note(mapped.notes)
        if mapped.held:
            self._held.setdefault(stream, []).append(receipt.chapter)
            return
        self._submit(receipt, mapped.events, encoded)

    def take_unmappable(self, stream: str, message: bytes, error: Unmappable) -> None:
        """Put a record of which nothing can be made among the dead letters.

        Raises as `take` does.
        """
        receipt = self._open(stream, message)
        with self._lock:
            self._die(receipt, error.reason, error.detail, 0, "")
            self._close(receipt)
        self._chapters.settle()

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
        self._send_updates()
        for whole in wholes:
            encoded = self._endpoints[whole.event.endpoint].encode(whole.event)
            self._dispatcher.submit(whole.event, encoded, HeldBack(whole.stream))
        self._dispatcher.drain()
        self._chapters.rest()
        self.save()

    def save(self) -> None:
        """Put on disk what is decided, in the order that the promise asks for."""
        self._dead_letters.flush()
        self._ledger.save()

    @property
    def _dispatcher(self) -> Dispatch:
        assert self.dispatch is not None, "connect a dispatcher before taking records"
        return self.dispatch

    def _encoded(self, event: Event) -> bytes:
        encoded = self._endpoints[event.endpoint].encode(event)
        event.body = ENCODED
        return encoded

    def _open(self, stream: str, message: bytes) -> Receipt:
        self._dispatcher.raise_if_over()
        chapter = self._chapters.last
        chapter.read += 1
        self._report.stream(stream).read += 1
        return Receipt(message, stream, chapter)

    def _note(self, notes: Iterable[Note]) -> None:
        with self._lock:
            for note in notes:
                self._report.note(note)

    def _submit(self, receipt: Receipt, events: Sequence[Event], encoded: Sequence[bytes]) -> None:
        self._tell_ledger(receipt, events, encoded)
        if not receipt.undecided:
            with self._lock:
                self._close(receipt)
            self._chapters.settle()
            return
        for event, each in zip(events, encoded, strict=True):
            if event.deferred:
                continue
            if self._ledger.is_deferring(event.endpoint):
                self._send_update(self._ledger.waiting(event.endpoint, event.person))
            self._dispatcher.submit(event, each, receipt)

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

    def _send_update(self, update: Update | None) -> None:
        """Send the update that a change is about to be laid over: the last to arrive wins."""
        if update is not None:
            ticket = Waiting(update)
            self._dispatcher.submit(ticket.event, update.encoded, ticket)

    def _send_updates(self) -> None:
        """Send the newest update of everybody, those that an earlier run left behind included."""
        for update in self._ledger.updates():
            self._send_update(update)
        self._dispatcher.drain()

    # What follows is called from the lanes' threads.

    def before_sending(self) -> None:
        """Put every claim on disk: see `dispatcher.Listener`."""
        self._ledger.save_claims()

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Count a request: see `dispatcher.Listener`."""
        with self._lock:
            counts = self._report.endpoint(endpoint)
            counts.requests += 1
            counts.bytes_sent += size
            if retry_reason:
                counts.retries[retry_reason] += 1

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        """Take note of outcomes: see `dispatcher.Listener`."""
        with self._lock:
            self._count(batch)
            for queued, judgement in batch:
                ticket = queued.ticket
                if isinstance(ticket, Receipt):
                    self._event_decided(queued.event, ticket, judgement, attempts)
                elif isinstance(ticket, Waiting):
                    self._update_decided(ticket.update, judgement, attempts)
                elif isinstance(ticket, HeldBack):
                    self._release(ticket.stream)
        self._chapters.settle()

    def _count(self, batch: Sequence[tuple[Queued, Judgement]]) -> None:
        delivered = [each.event for each, of in batch if of.verdict is Verdict.DELIVERED]
        if delivered:
            self._report.delivered(delivered)
        if len(delivered) < len(batch):
            for queued, judgement in batch:
                if judgement.verdict is not Verdict.DELIVERED:
                    self._report.rejected(queued.event, judgement.reason)

    def _event_decided(
        self, event: Event, receipt: Receipt, judgement: Judgement, attempts: int
    ) -> None:
        if judgement.verdict is not Verdict.DELIVERED:
            self._ledger.retract(event.facts)
            self._die(receipt, judgement.reason, judgement.detail, attempts, event.endpoint)
        elif event.facts:
            self._ledger.confirm(event.facts)
        receipt.undecided -= 1
        if not receipt.undecided:
            self._close(receipt)

    def _release(self, stream: str) -> None:
        chapters = self._held.pop(stream, [])
        self._report.stream(stream).delivered += len(chapters)
        for chapter in chapters:
            chapter.decided += 1

    def _update_decided(self, update: Update, judgement: Judgement, attempts: int) -> None:
        if judgement.verdict is not Verdict.DELIVERED:
            counts = self._report.endpoint(update.endpoint)
            self._check(counts.delivered + counts.dead.total(), counts.dead)
            # Its record was counted when its event was decided; the endpoint's counts tell of this.
            self._dead_letters.add(
                DeadLetter(
                    update.stream,
                    update.message,
                    judgement.reason,
                    judgement.detail,
                    attempts,
                    update.endpoint,
                )
            )
            self._ledger.refused(update)
        else:
            self._ledger.sent(update)

    def _die(
        self, receipt: Receipt, reason: str, detail: str, attempts: int, endpoint: str
    ) -> None:
        if receipt.dead is None:
            letter = DeadLetter(receipt.stream, receipt.message, reason, detail, attempts, endpoint)
            self._dead_letters.add(letter)
            receipt.dead = reason

    def _close(self, receipt: Receipt) -> None:
        counts = self._report.stream(receipt.stream)
        if receipt.dead is not None:
            counts.dead[receipt.dead] += 1
            self._check(counts.read, counts.dead)
        elif receipt.skipped is not None:
            counts.skipped[receipt.skipped] += 1
        else:
            counts.delivered += 1
        receipt.chapter.decided += 1

    def _check(self, read: int, dead: Counter[str]) -> None:
        # Before the chapter is told: STATE must not pass what stops the run.
        if self._max_dead_letters is not None:
            self._max_dead_letters.check(read, dead)
