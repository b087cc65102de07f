"""What becomes of records and events: for the run report, the dead letters and the ledger."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import orjson

from singer_delivery.endpoint import Judgement, Verdict
from singer_delivery.errors import ServiceRefused
from singer_delivery.io.compression import grown, shrunk
from singer_delivery.ledger.coverage import ranges_by_stream
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.ledger.update import Update
from singer_delivery.model import EVENTS_A_RECORD, Note
from singer_delivery.pipeline.blocks import Block, Input, State
from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters
from singer_delivery.pipeline.packing import Apart
from singer_delivery.pipeline.pieces import Gathered, Piece, Place, Single
from singer_delivery.pipeline.report import RunReport

PARKED_BEFORE = "parked_before"
"""The rule that leaves a record out whose event waits in the ledger already."""

logger = logging.getLogger(__name__)


class Outcomes:
    """Takes note of what becomes of records and events. Called from any thread.

    Args:
        ledger: what is remembered.
        dead_letters: where records go that no retry can save.
        report: what is counted.
        most: how many dead letters stop the run.
        alarms: a sentence for each note that the user must hear of at once, when it is counted
            first: what it is about cannot be mended when the run is over.
    """

    def __init__(
        self,
        ledger: Ledger,
        dead_letters: DeadLetters,
        report: RunReport,
        most: DeadLetterLimit | None = None,
        alarms: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._report = report
        self._most = most
        self._alarms = dict(alarms or {})
        self._gathered: Counter[str] = Counter()
        self._lock = report.lock

    def save(self) -> None:
        """Put on disk what is decided: the ledger sees to it that the dead letters go first."""
        self._ledger.save()

    # Records ----------------------------------------------------------------------------------

    def note(self, notes: Iterable[Note], count: int = 1) -> None:
        """Count notes."""
        with self._lock:
            for note in notes:
                self._report.note(note, count)
                if note[0] in self._alarms:
                    logger.warning("%s", self._alarms.pop(note[0]))

    def gather(self, of: Input) -> None:
        """Count a record that is sent with the others of its stream when the run ends."""
        self._gathered[of.stream] += 1

    @property
    def is_all_sent(self) -> bool:
        """Whether every record that was gathered is delivered."""
        return not self._gathered

    def unmappable(self, of: Input, message: bytes, reason: str, detail: str) -> None:
        """Put a record of which nothing can be made among the dead letters.

        Raises:
            DeliveryError: they are too many.
        """
        with self._lock:
            self._die(of, DeadLetter(of.stream, message, reason, detail, 0, ""))

    def unmappable_after_all(self, block: Block, record: int, reason: str, detail: str) -> None:
        """Do the same for a record that had been decided: its facts are forgotten.

        Raises:
            DeliveryError: they are too many.
        """
        self._ledger.forget((block.number, record), kept=True)
        self._refuse(block, record, (reason, detail, 0, ""))

    def settle(self, block: Block) -> None:
        """Let what a block says last, and count its records: all of it is delivered or dead."""
        self.count(block)
        self.remember(block)
        self._ledger.settle(block.number)

    def remember(self, block: Block) -> None:
        """List and count the events of a block that are delivered."""
        self._ledger.delivered([block.delivered()])

    def cover(self, state: State) -> None:
        """Take note of what a STATE value that is about to be given back says is covered."""
        for source, ranges in ranges_by_stream(state).items():
            self._ledger.cover(source, ranges)

    def count(self, block: Block, undecided: Iterable[int] = ()) -> None:
        """Count the records of a block that are decided."""
        with self._lock:
            for (of, skipped), count in block.outcomes(undecided).items():
                if skipped is None:
                    of.counts.delivered += count
                else:
                    of.counts.skipped[skipped] += count

    @property
    def is_doubtful(self) -> bool:
        """Whether dead letters would stop the run if more had been read: no STATE may pass them."""
        with self._lock:
            most, streams = self._most, self._report.streams.values()
            return most is not None and any(
                most.doubts(counts.read, counts.dead.total()) for counts in streams
            )

    def judge(self) -> None:
        """Judge the dead letters of each stream, of which no more records come.

        Raises:
            TooManyDeadLetters: they are too many.
        """
        with self._lock:
            for counts in self._report.streams.values():
                self._check(counts.read, counts.dead, at_end=True)

    # Events -----------------------------------------------------------------------------------

    def before_sending(self) -> None:
        """Put every claim on disk: see `requests.Listener`."""
        self._ledger.save_claims()

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Count a request: see `requests.Listener`."""
        with self._lock:
            counts = self._report.endpoint(endpoint)
            counts.requests += 1
            counts.bytes_sent += size
            if retry_reason:
                counts.retries[retry_reason] += 1

    def noted(self, name: str) -> None:
        """Count what a reply is noted for: see `requests.Listener`."""
        self.note([Note(name)])

    def delivered(self, endpoint: str, pieces: Sequence[Piece]) -> None:
        """Count what was delivered: see `requests.Listener`."""
        with self._lock:
            for piece in pieces:
                self._report.delivered(endpoint, piece.tallies)
                if piece.single is not None:
                    self._single_delivered(piece.single)

    def decided(
        self, endpoint: str, events: Sequence[tuple[Single, Judgement]], attempts: int
    ) -> None:
        """Act on verdicts: see `requests.Listener`.

        Raises:
            DeliveryError: the dead letters are too many.
        """
        with self._lock:
            for single, judgement in events:
                if judgement.verdict is Verdict.DELIVERED:
                    self._report.delivered(endpoint, {(single.kind, single.name): 1})
                    self._single_delivered(single)
                else:
                    self._report.rejected(endpoint, judgement.reason)
                    self._rejected(endpoint, single, judgement, attempts)

    def park(self, endpoint: str, single: Single, queue: str, ids: tuple[str, ...]) -> bool:
        """Keep an event of a block in the ledger until the service takes those of its id.

        Returns:
            Whether it did not wait there already, from an earlier run.
        """
        origin = single.origin
        assert isinstance(origin, Place), "nothing else is parked"
        block, record, _ = origin
        of = block.inputs[record]
        with self._lock:
            listed = tuple(block.accepted.at(origin.number))
            is_first = record not in block.parked and record not in block.dead
            event = ParkedEvent(
                0, queue, ids, endpoint, single.kind, single.name, of.stream, single.encoded,
                shrunk(block.message(record)), int(is_first), listed,
            )  # fmt: skip
            is_new = self._ledger.park(event, (block.number, record))
            if is_first and is_new:
                of.counts.waiting += 1
            elif is_first:
                of.counts.skipped[PARKED_BEFORE] += 1
            block.parked.add(record)
            block.left.add(origin.number)
        return is_new

    def keep(self, block: Block, event: Apart) -> None:
        """Keep a deferred update in the outbox until the run ends."""
        record = event.place // EVENTS_A_RECORD
        self._ledger.keep_update(
            Update(
                event.endpoint,
                event.order,
                event.at or 0,
                event.kind,
                event.name,
                block.inputs[record].stream,
                event.encoded,
                shrunk(block.message(record)),
                orjson.dumps(event.facts).decode(),
            )
        )

    def _single_delivered(self, single: Single) -> None:
        if isinstance(single.origin, Update):
            self._ledger.sent(single.origin)
        elif isinstance(single.origin, ParkedEvent):
            self._ledger.unpark(single.origin, is_delivered=True)
            if self._ledger.is_of_this_run(single.origin):
                counts = self._report.stream(single.origin.stream)
                counts.waiting -= single.origin.records
                counts.delivered += single.origin.records
        elif isinstance(single.origin, Gathered):
            stream = single.origin.stream
            self._report.stream(stream).delivered += self._gathered.pop(stream, 0)

    def _rejected(self, endpoint: str, single: Single, of: Judgement, attempts: int) -> None:
        why = (of.reason, of.detail, attempts, endpoint)
        if isinstance(single.origin, Update):
            self._update_refused(single.origin, why)
        elif isinstance(single.origin, ParkedEvent):
            self._parked_refused(single.origin, why)
        elif isinstance(single.origin, Place):
            block, record, _ = single.origin
            block.left.add(single.origin.number)
            self._ledger.forget((block.number, record), kept=False)
            self._refuse(block, record, why)
        else:  # of many records: all of them would be lost
            raise ServiceRefused(of.detail)

    def _refuse(self, block: Block, record: int, why: tuple[str, str, int, str]) -> None:
        with self._lock:
            if record in block.dead:
                return
            block.dead.add(record)
            of = block.inputs[record]
            letter = DeadLetter(of.stream, block.message(record), *why)
            if record in block.parked:  # it counts as one that waits
                self._dead_letters.add(letter)
            else:
                self._die(of, letter)

    def _update_refused(self, update: Update, why: tuple[str, str, int, str]) -> None:
        # Its record was counted when its event was decided; the endpoint's counts tell of this.
        counts = self._report.endpoint(update.endpoint)
        self._check(counts.delivered + counts.dead.total(), counts.dead)
        self._dead_letters.add(DeadLetter(update.stream, grown(update.message), *why))
        self._ledger.refused(update)

    def _parked_refused(self, event: ParkedEvent, why: tuple[str, str, int, str]) -> None:
        self._dead_letters.add(DeadLetter(event.stream, grown(event.message), *why))
        self._ledger.unpark(event, is_delivered=False)
        if self._ledger.is_of_this_run(event):
            counts = self._report.stream(event.stream)
            counts.waiting -= event.records
            counts.dead[why[0]] += event.records
            self._check(counts.read, counts.dead)

    def _die(self, of: Input, letter: DeadLetter) -> None:
        self._dead_letters.add(letter)
        of.counts.dead[letter.reason] += 1
        self._check(of.counts.read, of.counts.dead)

    def _check(self, read: int, dead: Counter[str], *, at_end: bool = False) -> None:
        # Before the block is complete: STATE must not pass what stops the run.
        if self._most is not None:
            self._most.check(read, dead, at_end=at_end)
