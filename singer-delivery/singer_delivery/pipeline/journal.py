"""What a run says of itself: lines and status while it runs, its reports, a table at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from singer_delivery.errors import DeliveryError, StorageError
from singer_delivery.io.retry import Clock
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.kept_reports import KeptReport
from singer_delivery.pipeline.progress import RunProgress
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.pipeline.summary import lines_of
from singer_delivery.progress.figures import FAILED, Figures, ending_of
from singer_delivery.progress.reporter import Reporter
from singer_delivery.progress.status import Process

logger = logging.getLogger(__name__)


class Journal:
    """What a run says of itself.

    Args:
        settings: the user's.
        report: what the run counts.
        clock: the time of day.
    """

    def __init__(self, settings: RunSettings, report: RunReport, clock: Clock) -> None:
        self._settings, self._report, self._clock = settings, report, clock
        self._process = Process.this(settings.service, report.started)
        self._kept = KeptReport(settings.reports_path, self._process, report)
        self._progress: RunProgress | None = None
        self._reporter: Reporter | None = None

    def begin(self) -> None:
        """Write the reports, so that one that was killed leaves no report of an older run behind.

        The ledger is this run's from now on, and so are the report of the last run and the status.

        Raises:
            StorageError: that of `report_path` cannot be written; nothing was sent.
        """
        self._reporter = Reporter(
            self._process,
            self._settings.progress,
            self._look,
            beat=self._beat,
            keep=self._keep,
            clock=self._clock,
        )
        self._write_report()
        self._kept.write()

    def show(self, progress: RunProgress) -> None:
        """Say from now on how far the run is."""
        self._progress = progress
        self._beat()  # a run that is to begin in a pause sends nothing before
        assert self._reporter is not None, "it has begun"
        self._reporter.start()

    def ask(self) -> None:
        """Say now how far the run is. Safe in a signal handler."""
        if self._reporter is not None:
            self._reporter.ask()

    def stop(self) -> None:
        """Say nothing more of how far it is."""
        if self._reporter is not None:
            self._reporter.stop()

    def end(self, dead_letters: DeadLetters, cause: BaseException | None = None) -> None:
        """Say how the run ended; `cause` is why it did before its time.

        Raises:
            StorageError: the report cannot be written; all else is said.
        """
        unwritten = self._end(cause)
        for line in lines_of(self._report):
            logger.info("%s", line)
        if unwritten is None:
            self._say_where_it_is()
        warning = dead_letters.warning()
        if warning is not None:
            logger.warning("%s", warning)
        if unwritten is not None:
            raise unwritten

    def fail(self, cause: BaseException) -> None:
        """Say that a run could not be opened."""
        self._end(cause)

    def _end(self, cause: BaseException | None) -> StorageError | None:
        """Write how the run ended; return why the report cannot be written."""
        self._report.finished = self._clock.now()
        ending, unwritten = ending_of(cause, DeliveryError), None
        self._report.outcome = str(ending.cause) if ending.state == FAILED else ending.state
        if self._reporter is not None:
            try:
                self._write_report()
            except StorageError as error:
                unwritten = error
                ending = ending_of(cause or error, DeliveryError)
            self._reporter.end(ending)
        self._kept.write(ending)
        return unwritten

    def _look(self) -> Figures:
        return Figures() if self._progress is None else self._progress.figures()

    def _beat(self) -> None:
        if self._progress is not None:
            self._progress.beat()

    def _keep(self) -> None:
        self._report.finished = self._clock.now()
        self._kept.write()

    def _write_report(self) -> None:
        if self._settings.report_path is not None:
            self._report.write(self._settings.report_path)

    def _say_where_it_is(self) -> None:
        path, kept = self._settings.report_path, self._kept.path
        if path is not None:
            also = f", and is kept in {kept}" if kept else ""
            logger.info("The run report is in %s%s.", path, also)
        elif kept is not None:
            logger.info("The run report is in %s.", kept)


@contextmanager
def logged(cause: BaseException) -> Iterator[None]:
    """Log an error that must not take the place of the one that ended the run.

    Args:
        cause: that one. It is said elsewhere, so the same again is not.
    """
    try:
        yield
    except (DeliveryError, BrokenPipeError) as error:  # nobody may read STATE any more
        said = ending_of(error, DeliveryError).cause
        if said != ending_of(cause, DeliveryError).cause:
            logger.error("%s", said)  # noqa: TRY400 - the sentence is for people
