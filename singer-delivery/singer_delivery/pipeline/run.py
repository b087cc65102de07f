"""One run of a target: its parts put together, and its end, however it comes.

CONTRIBUTING.md names them in the order in which a record passes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from singer_delivery.endpoint import Endpoint
from singer_delivery.errors import EventsWait
from singer_delivery.io.retry import Backoff, Clock
from singer_delivery.io.transport import Transport
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.lock import SoleUse
from singer_delivery.model import Event, RecordMapping
from singer_delivery.pipeline.blocks import Input, State
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.control import Control
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.decide import Decider
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.dispatcher import Dispatcher
from singer_delivery.pipeline.doubles import warn_of_doubles
from singer_delivery.pipeline.dry_run import DryRun
from singer_delivery.pipeline.journal import Journal, logged
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.packing import Tasks
from singer_delivery.pipeline.parking import Parking
from singer_delivery.pipeline.plan import Plan
from singer_delivery.pipeline.progress import RunProgress, Share
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.requests import Requests
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.pipeline.workers import Workers

FEW = 32
"""Records of a block that wait for more, though a STATE behind them waits too: some taps write a
STATE after every record, and a block costs as much as some records."""

GRACE = 10.0
"""Seconds that requests in flight may take when a run is stopped: what a container is given."""


class Run:
    """Opens what a run needs, and takes its records.

    Args:
        settings: the user's.
        endpoints: of the destination, by the name that events give.
        scope: names the destination's project in the ledger.
        emit_state: receives STATE values that are safe to store. A dry run gives none back, so that
            the real run after it starts where it should.
        clock: the time.
        alarms: see `Outcomes`.

    Attributes:
        report: what the run counts.
        dead_letters: where records go that no retry can save.
        ledger: what is remembered.
        workers: the processes that map.

    Raises:
        DeliveryError: something cannot be opened; nothing was sent.
    """

    def __init__(
        self,
        settings: RunSettings,
        endpoints: Mapping[str, Endpoint],
        scope: str,
        emit_state: Callable[[State], None],
        clock: Clock | None = None,
        alarms: Mapping[str, str] | None = None,
    ) -> None:
        self._settings, self._alarms = settings, alarms
        self._clock = clock or Clock()
        self.report = RunReport(self._clock.now())
        self._held: State | None = None
        self._place = ExitStack()
        self._is_closed = False
        self._requests: Requests | None = None
        self._pace = Pace(settings.max_events_per_second, self._clock)
        self._journal = Journal(settings, self.report, self._clock)
        try:
            with ExitStack() as opened:
                self._open(endpoints, scope, emit_state, opened)
                self._opened = opened.pop_all()
        except BaseException as error:
            with self._place:
                self._journal.fail(error)
            raise

    def input(self, stream: str, mapping: RecordMapping, *, are_messages: bool) -> Input:
        """Return what `take` needs to know of the records of a stream, in one of their forms."""
        counts = self.report.stream(stream)
        return Input(stream, mapping, counts, are_messages, self._settings.service)

    def take(self, of: Input, line: bytes, original: bytes | None = None) -> None:
        """Take a record: see `Decider.take`."""
        self._dispatch.raise_if_over()
        self._decider.take(of, line, original)

    def refuse(self, of: Input, message: bytes, reason: str, detail: str) -> None:
        """Put a RECORD message among the dead letters: see `Decider.refuse`."""
        self._dispatch.raise_if_over()
        self._decider.refuse(of, message, reason, detail)

    def checkpoint(self, state: State) -> None:
        """Give `state` back when every record taken before is decided and on disk.

        While dead letters may still prove too many it waits for a later one, or for the end.
        """
        self._held = state if self._outcomes.is_doubtful else None
        if self._held is None:
            self._checkpoints.last.states.append(state)
            self._close_unless_small()

    def end_of_file(self, path: Path) -> None:
        """Remove a file when every record taken before is decided and on disk."""
        self._checkpoints.last.files.append(path)
        self._close_unless_small()

    def rest(self, *, hurry: bool = False) -> None:
        """Send what has come, since nothing comes for a while; give back at once what is decided.

        Args:
            hurry: whether whoever sends the records waits for these to be decided.
        """
        self._delivery.flush()
        if hurry:
            self._dispatch.hurry()
        self._checkpoints.rest()

    def interrupt(self, exit_code: int) -> None:
        """Make the next call raise `Interrupted`. Safe in a signal handler."""
        self._dispatch.interrupt(exit_code)

    def say_progress(self) -> None:
        """Log how far the run is. Safe in a signal handler."""
        self._journal.ask()

    def finish(self, last: Iterable[tuple[str, Event]] = ()) -> None:
        """Return when everything taken is decided, on disk and reported.

        `last` are sent last: see `Delivery.finish`. The dead letters are judged before, so that no
        STATE passes those that are too many, and once more when the service has answered.

        Raises:
            DeliveryError: the run could not be brought to its end; `abandon` is still to be called.
            EventsWait: it is at its end, and the service takes events of some ids later; likewise.
            Interrupted: the run is to stop.
        """
        self._progress.is_finishing = True
        self._outcomes.judge()
        if self._held is not None:
            self._checkpoints.last.states.append(self._held)
        self._delivery.finish(last)
        self._outcomes.judge()
        self._dispatch.stop(GRACE)
        self.ledger.end_well()
        if self._parking.events:
            raise EventsWait(self._parking.events, self._parking.ids)
        self._close()

    def abandon(self, cause: BaseException) -> None:
        """End a run that failed or was stopped: what is in flight is waited for, for a while.

        Whatever is decided by then is on disk and its STATE given back; the rest is read again by
        the next run.
        """
        if self._is_closed:  # the report alone could not be written
            return
        self._dispatch.stop(GRACE)
        with logged(cause):
            self._checkpoints.rest()
        with self._checkpoints.lock:  # a reply may still come
            for block, undecided in self._checkpoints.unsettled():
                self._outcomes.count(block, undecided)
                self._outcomes.remember(block)
        with logged(cause):
            self._outcomes.save()
            if self._dispatch.is_idle:
                self.ledger.end_well()
        with logged(cause):
            self._close(cause)

    def _open(
        self,
        endpoints: Mapping[str, Endpoint],
        scope: str,
        emit_state: Callable[[State], None],
        opened: ExitStack,
    ) -> None:
        settings, is_dry = self._settings, self._settings.dry_run
        self._use = SoleUse(settings.ledger_url, scope, keep=not is_dry)
        self._place.callback(self._use.release)
        self._journal.begin()
        self.dead_letters = opened.enter_context(closing(DeadLetters(settings.dead_letters_to)))
        self.ledger = opened.enter_context(closing(self._ledger_of(scope)))
        most = None if is_dry else settings.max_dead_letters
        self._outcomes = Outcomes(self.ledger, self.dead_letters, self.report, most, self._alarms)
        share = Share()
        emit = share.of((lambda _state: None) if is_dry else emit_state)
        self._checkpoints = Checkpoints(
            self._outcomes.settle, self._outcomes.save, emit, self._outcomes.cover
        )
        self._open_ways(endpoints, opened)
        self._progress = self._progress_of(share)
        opened.callback(self._journal.stop)
        self._journal.show(self._progress)

    def _ledger_of(self, scope: str) -> Ledger:
        """Return the ledger; the log has what an earlier run may have left to count twice."""
        settings, is_dry = self._settings, self._settings.dry_run
        ledger = Ledger(
            settings.ledger_url,
            scope,
            keep=not is_dry,
            before_save=(self._use.make_sure, self.dead_letters.flush),
            lists=settings.keep_books and not is_dry,
            now=self._clock.now if settings.remember_deliveries else None,
        )
        if settings.remember_deliveries and not is_dry:
            warn_of_doubles(ledger.cut_off_at, self._clock.now())
        return ledger

    def _open_ways(self, endpoints: Mapping[str, Endpoint], opened: ExitStack) -> None:
        """Open what a record passes through, from its end to its beginning."""
        settings, is_dry = self._settings, self._settings.dry_run
        self._parking = Parking(
            self.ledger,
            self._outcomes.park,
            self._clock,
            settings.max_events_per_second_per_id,
            settings.max_wait_minutes,
        )
        self._dispatch = self._dry_run(endpoints) if is_dry else self._dispatcher(endpoints, opened)
        tasks = Tasks(endpoints, packs=not is_dry, lists=self.ledger.lists and not is_dry)
        self.workers = opened.enter_context(closing(Workers(settings.processes, tasks)))
        self._delivery = Delivery(
            endpoints,
            self.ledger,
            self._checkpoints,
            self._outcomes,
            self.workers,
            self._dispatch,
            self._parking,
        )
        self._decider = Decider(
            self.ledger, self._checkpoints, self._outcomes, self._delivery, tasks
        )

    def _progress_of(self, share: Share) -> RunProgress:
        parts = (self.report, self._checkpoints, self._parking, self._dispatch, share)
        if self._requests is None:
            return RunProgress(*parts)
        path = self._settings.control_path
        control = None if path is None else Control(path, self._pace)
        return RunProgress(*parts, self._requests.answers, self._pace, control)

    def _dry_run(self, endpoints: Mapping[str, Endpoint]) -> DryRun:
        plan = Plan(endpoints, self._settings)
        return DryRun(plan, self._outcomes, self._checkpoints, self.report, self._clock)

    def _dispatcher(self, endpoints: Mapping[str, Endpoint], opened: ExitStack) -> Dispatcher:
        settings, clock = self._settings, self._clock
        self._requests = Requests(
            endpoints,
            opened.enter_context(closing(Transport(settings.user_agent))),
            self._outcomes,
            max_retries=settings.max_retries,
            pace=self._pace,
            backoff=Backoff(settings.first_wait),
            clock=clock,
            parking=self._parking,
        )
        return Dispatcher(
            endpoints, self._requests, self._checkpoints, max_in_flight=settings.max_in_flight
        )

    def _close_unless_small(self) -> None:
        """Close the last block, so that what waits for its records waits for no others."""
        few = 0 < len(self._checkpoints.last.lines) < FEW
        if not few:
            self._delivery.close_block()

    def _close(self, cause: BaseException | None = None) -> None:
        self._is_closed = True
        with self._place:  # another run would write to the same files
            self._opened.close()
            self._journal.end(self.dead_letters, cause)
