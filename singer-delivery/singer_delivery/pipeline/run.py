"""One run of a target: its parts put together, and its end, however it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from singer_delivery.ahead.worker import LedgerAddress
from singer_delivery.endpoint import Endpoint
from singer_delivery.errors import DeliveryError
from singer_delivery.io.retry import Backoff, Clock
from singer_delivery.io.transport import Transport
from singer_delivery.ledger.facts import Ledger
from singer_delivery.ledger.lock import SoleUse
from singer_delivery.pipeline.chapters import State
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.dispatcher import Dispatcher, Interrupted
from singer_delivery.pipeline.dry_run import DryRun
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.run_settings import RunSettings
from singer_delivery.pipeline.tickets import Whole

logger = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds that requests in the air may take when a run is stopped: what a container is given."""


class Run:
    """Opens what a run needs; `delivery` takes the records, `ledger` knows the past.

    Args:
        settings: the user's.
        endpoints: of the destination, by the name that events give.
        scope: names the destination's project in the ledger.
        emit_state: receives STATE values that are safe to store. A dry run gives none back, so that
            the real run after it starts where it should.
        clock: the time.

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
    ) -> None:
        self.endpoints = endpoints
        self._settings = settings
        self._scope = scope
        self._clock = clock or Clock()
        self.report = RunReport(self._clock.now())
        with ExitStack() as opened:
            self._open(emit_state, opened)
            self._opened = opened.pop_all()

    @property
    def ledger_address(self) -> LedgerAddress:
        """Where another process finds the ledger."""
        settings = self._settings
        return LedgerAddress(settings.ledger_url, self._scope, not settings.dry_run)

    def interrupt(self, exit_code: int) -> None:
        """Make the next call on `delivery` raise `Interrupted`. Safe in a signal handler."""
        self._dispatcher.interrupt(exit_code)

    def finish(self, wholes: Iterable[Whole] = ()) -> None:
        """Return when everything taken is decided, on disk and reported.

        `wholes` are sent last: see `Delivery.finish`.

        Raises:
            DeliveryError: the run could not be brought to its end; `abandon` is still to be called.
            Interrupted: the run was told to stop.
        """
        self.delivery.finish(wholes)
        self._close("complete")

    def abandon(self, cause: BaseException) -> None:
        """End a run that failed or was stopped: what is in the air is waited for, for a while.

        Whatever is decided by then is on disk and its STATE given back; the rest is read again by
        the next run.
        """
        self._dispatcher.stop(GRACE)
        with _logged():
            self.delivery.rest()
        with _logged():
            self._outcomes.save()
        with _logged():
            self._close("interrupted" if isinstance(cause, Interrupted) else _sentence(cause))

    def _open(self, emit_state: Callable[[State], None], opened: ExitStack) -> None:
        settings, is_dry = self._settings, self._settings.dry_run
        if not is_dry:
            opened.callback(SoleUse(settings.ledger_url, self._scope).release)
        self._write_report()
        ledger = Ledger(settings.ledger_url, self._scope, keep=not is_dry)
        self.ledger = opened.enter_context(closing(ledger))
        dead_letters = DeadLetters(_dead_letter_path(settings))
        self.dead_letters = opened.enter_context(closing(dead_letters))
        self._outcomes = Outcomes(
            ledger,
            dead_letters,
            self.report,
            _keep_back if is_dry else emit_state,
            None if is_dry else settings.max_dead_letters,
        )
        self.delivery = Delivery(self.endpoints, ledger, self._outcomes)
        self._transport = opened.enter_context(closing(Transport(settings.user_agent)))
        self._dispatcher = self._connect()
        self.delivery.dispatch = self._dispatcher

    def _connect(self) -> Dispatcher | DryRun:
        if self._settings.dry_run:
            return DryRun(self._settings.output_path, self._outcomes)
        return Dispatcher(
            self.endpoints,
            self._transport,
            self._outcomes,
            max_in_flight=self._settings.max_in_flight,
            max_retries=self._settings.max_retries,
            pace=Pace(self._settings.max_events_per_second, self._clock),
            backoff=Backoff(self._settings.first_wait),
            clock=self._clock,
        )

    def _close(self, outcome: str) -> None:
        self._dispatcher.stop(GRACE)
        self._opened.close()
        self.report.finished = self._clock.now()
        self.report.outcome = outcome
        for line in self.report.lines():
            logger.info("%s", line)
        self._write_report()

    def _write_report(self) -> None:
        # Also at the start: an address that cannot be written is found before anything is sent,
        # and a run that was killed leaves no report of an older one behind.
        if self._settings.report_path is not None:
            self.report.write(self._settings.report_path)


@contextmanager
def _logged() -> Iterator[None]:
    """Log an error that must not take the place of the one that ended the run."""
    try:
        yield
    except (DeliveryError, BrokenPipeError) as error:  # nobody may read STATE any more
        logger.error("%s", _sentence(error))  # noqa: TRY400 - the sentence is for people


def _dead_letter_path(settings: RunSettings) -> Path:
    if not settings.dry_run:
        return settings.dead_letter_path
    return settings.output_path.with_name(settings.output_path.name + ".dead-letters.singer")


def _keep_back(_state: State) -> None:
    return None


def _sentence(cause: BaseException) -> str:
    # The text of an error that is not ours may quote a record.
    return str(cause) if isinstance(cause, DeliveryError) else type(cause).__name__
