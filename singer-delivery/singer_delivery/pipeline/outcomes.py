"""What outcomes mean: for the report, the dead letters, the ledger and the chapters."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from singer_delivery.endpoint import Judgement, Verdict
from singer_delivery.io.compression import grown
from singer_delivery.ledger.facts import Ledger
from singer_delivery.ledger.updates import Update
from singer_delivery.model import Event, Note
from singer_delivery.pipeline.chapters import Chapter, Chapters, State
from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters
from singer_delivery.pipeline.queued import Queued
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.tickets import HeldBack, Receipt, Waiting


class Outcomes:
    """Takes note of what became of records and events. Called from any thread.

    Args:
        ledger: what is remembered.
        dead_letters: where records go that no retry can save.
        report: what is counted.
        emit_state: receives each STATE value whose records are all decided, in order. Called from
            any thread, one at a time.
        max_dead_letters: how many make the run stop.

    Attributes:
        chapters: which records a STATE covers.
    """

    def __init__(
        self,
        ledger: Ledger,
        dead_letters: DeadLetters,
        report: RunReport,
        emit_state: Callable[[State], None],
        max_dead_letters: DeadLetterLimit | None = None,
    ) -> None:
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._report = report
        self._max_dead_letters = max_dead_letters
        self._held: dict[str, list[Chapter]] = {}
        self._lock = threading.RLock()
        self.chapters = Chapters(self._lock, self.save, emit_state)

    def open(self, stream: str, message: bytes) -> Receipt:
        """Count a record, and return what its outcome is written on. One thread calls it."""
        chapter = self.chapters.last
        chapter.read += 1
        self._report.stream(stream).read += 1
        return Receipt(message, stream, chapter)

    def save(self) -> None:
        """Put on disk what is decided, in the order that the promise asks for."""
        self._dead_letters.flush()
        self._ledger.save()

    def note(self, notes: Iterable[Note]) -> None:
        """Count notes."""
        with self._lock:
            for note in notes:
                self._report.note(note)

    def hold(self, receipt: Receipt) -> None:
        """Keep a record's outcome open until its stream's whole is decided."""
        self._held.setdefault(receipt.stream, []).append(receipt.chapter)

    def nothing_to_send(self, receipt: Receipt) -> None:
        """Take note of a record that is decided without an event."""
        with self._lock:
            self._close(receipt)
        self.chapters.settle()

    def unmappable(self, receipt: Receipt, reason: str, detail: str) -> None:
        """Put a record of which nothing can be made among the dead letters.

        Raises:
            DeliveryError: they are too many.
        """
        with self._lock:
            self._die(receipt, reason, detail, 0, "")
            self._close(receipt)
        self.chapters.settle()

    def before_sending(self) -> None:
        """Put every claim on disk: see `Listener`."""
        self._ledger.save_claims()

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Count a request: see `Listener`."""
        with self._lock:
            counts = self._report.endpoint(endpoint)
            counts.requests += 1
            counts.bytes_sent += size
            if retry_reason:
                counts.retries[retry_reason] += 1

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        """Take note of outcomes: see `Listener`."""
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
        self.chapters.settle()

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
                    grown(update.message),
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
