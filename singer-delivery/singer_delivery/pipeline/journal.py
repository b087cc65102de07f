"""What a run says of itself: lines and status while it runs, its reports, a table at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from singer_delivery.errors import DeliveryError, Interrupted
from singer_delivery.io.retry import Clock
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.kept_reports import KeptReport, cause_text
from singer_delivery.pipeline.progress import RunProgress
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.pipeline.summary import lines_of
from singer_delivery.progress.figures import COMPLETE, FAILED, INTERRUPTED
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

        Raises:
            StorageError: that of `report_path` cannot be written; nothing was sent.
        """
        self._write_report()
        self._kept.write()

    def show(self, progress: RunProgress) -> None:
        """Say from now on how far the run is."""
        self._progress = progress
        progress.beat()  # a run that is to begin in a pause sends nothing before
        self._reporter = Reporter(
            self._process,
            self._settings.progress,
            progress.figures,
            beat=progress.beat,
            keep=self._keep,
            clock=self._clock,
        )
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
            StorageError: the report cannot be written.
        """
        self._report.finished = self._clock.now()
        self._report.outcome = _outcome(cause)
        self._say_the_end(cause)
        for line in lines_of(self._report):
            logger.info("%s", line)
        self._kept.write(cause)
        self._write_report()
        self._say_where(dead_letters)

    def fail(self, cause: BaseException) -> None:
        """Keep the report of a run that could not be opened."""
        self.stop()
        self._report.finished = self._clock.now()
        self._report.outcome = _outcome(cause)
        self._kept.write(cause)

    def _keep(self) -> None:
        self._report.finished = self._clock.now()
        self._kept.write()

    def _say_the_end(self, cause: BaseException | None) -> None:
        if self._reporter is None or self._progress is None:
            return
        state = COMPLETE if cause is None else FAILED
        state = INTERRUPTED if isinstance(cause, Interrupted) else state
        why = None if cause is None else cause_text(cause)
        figures = self._progress.figures()
        self._reporter.end(replace(figures, state=state, waits=(), cause=why))

    def _write_report(self) -> None:
        if self._settings.report_path is not None:
            self._report.write(self._settings.report_path)

    def _say_where(self, dead_letters: DeadLetters) -> None:
        path, kept = self._settings.report_path, self._kept.path
        if path is not None:
            also = f", and is kept in {kept}" if kept else ""
            logger.info("The run report is in %s%s.", path, also)
        elif kept is not None:
            logger.info("The run report is in %s.", kept)
        warning = dead_letters.warning()
        if warning is not None:
            logger.warning("%s", warning)


def _outcome(cause: BaseException | None) -> str:
    """Return the outcome as the report has it: a word, or the sentence of what failed."""
    if cause is None:
        return COMPLETE
    return INTERRUPTED if isinstance(cause, Interrupted) else cause_text(cause)


@contextmanager
def logged() -> Iterator[None]:
    """Log an error that must not take the place of the one that ended the run."""
    try:
        yield
    except (DeliveryError, BrokenPipeError) as error:  # nobody may read STATE any more
        logger.error("%s", cause_text(error))  # noqa: TRY400 - the sentence is for people
