"""Writes what a run would send, one JSON line an event, and sends nothing; says what it costs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from singer_delivery.errors import Interrupted, StorageError
from singer_delivery.io.files import create_private
from singer_delivery.io.retry import Clock
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.pieces import Piece, Place, Single
from singer_delivery.pipeline.plan import Plan, lines
from singer_delivery.pipeline.report import RunReport

logger = logging.getLogger(__name__)


class DryRun:
    """Stands in for the dispatcher: every event counts as delivered once it is written.

    Args:
        plan: counts what a run would send.
        outcomes: learns what is written.
        checkpoints: likewise.
        report: of the run; it gets the plan when the run ends.
        clock: the time.

    Attributes:
        spread: one group: nothing travels.
        undecided: never any.

    Raises:
        StorageError: the file cannot be written.
    """

    spread = 1
    undecided = 0
    is_idle = True

    def __init__(
        self,
        plan: Plan,
        outcomes: Outcomes,
        checkpoints: Checkpoints,
        report: RunReport,
        clock: Clock,
    ) -> None:
        self._path = plan.output_path
        self._outcomes = outcomes
        self._checkpoints = checkpoints
        self._plan, self._report, self._clock = plan, report, clock
        report.plan = {}  # a dry run that is killed must not look like a run
        self._exit_code: int | None = None
        self._file = self._open()

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Write each event: `{"endpoint": …, "kind": …, "event": …}`."""
        self.raise_if_over()
        for piece in pieces:
            self._write(piece)
            self._outcomes.delivered(piece.endpoint, [piece])
            self._checkpoints.finished([piece])

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return: whatever progress brings about is so already."""

    def drain(self) -> None:
        """Return when everything is written."""
        try:
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def hurry(self) -> None:
        """Do nothing: nothing ever waits."""

    def raise_if_over(self) -> None:
        """Raise `Interrupted` when the run is to stop."""
        if self._exit_code is not None:
            raise Interrupted(self._exit_code)

    def interrupt(self, exit_code: int) -> None:
        """Make `raise_if_over` raise from now on."""
        self._exit_code = exit_code

    def fail(self, error: BaseException) -> None:
        """Do nothing: what could fail beside it is in the same thread."""
        del error

    def stop(self, within: float) -> None:  # noqa: ARG002 - nothing is ever in flight
        """Close the file, and report what a run would do."""
        with suppress(OSError):  # `drain` has said so, if the run came so far
            self._file.close()
        report = self._report
        report.plan = self._plan.as_dict(report.notes, self._clock.now() - report.started)
        for line in lines(report.plan):
            logger.info("%s", line)

    def _write(self, piece: Piece) -> None:
        single = piece.single
        assert single is not None, "a dry run packs nothing"
        self._count(piece.endpoint, single)
        head = f'{{"endpoint":"{piece.endpoint}","kind":"{single.kind}","event":'.encode()
        try:
            self._file.write(head + single.encoded + b"}\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _count(self, endpoint: str, single: Single) -> None:
        person, origin = "", single.origin
        if isinstance(origin, Place):
            person = origin.block.decisions[origin.record].person
        self._plan.add(endpoint, single.kind, single.name, single.encoded, single.at, person)

    def _open(self) -> BinaryIO:
        try:
            create_private(self._path)
            os.truncate(self._path, 0)
            return self._path.open("ab")
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The dry run's output could not be written to {path} ({error.strerror}): set output_path."
    )
