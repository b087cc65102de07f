"""Writes what a run would send, one JSON line an event, and sends nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from singer_delivery.endpoint import Judgement, Verdict
from singer_delivery.errors import StorageError
from singer_delivery.io.files import create_private
from singer_delivery.pipeline.dispatcher import Interrupted
from singer_delivery.pipeline.queued import Listener, Queued

WOULD_DELIVER = Judgement(Verdict.DELIVERED)


class DryRun:
    """Stands in for the dispatcher: every event is taken for delivered once it is written.

    Raises:
        StorageError: `path` cannot be written.
    """

    def __init__(self, path: Path, listener: Listener) -> None:
        self._path = path
        self._listener = listener
        self._exit_code: int | None = None
        self._file = self._open()

    def submit(self, queued: Iterable[Queued]) -> None:
        """Write each event: `{"endpoint": …, "kind": …, "event": …}`."""
        self.raise_if_over()
        for each in queued:
            self._write(each)

    def drain(self) -> None:
        """Return when everything is written."""
        try:
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def hurry(self) -> None:
        """Do nothing: nothing ever waits."""

    def raise_if_over(self) -> None:
        """Raise `Interrupted` when the run was told to stop."""
        if self._exit_code is not None:
            raise Interrupted(self._exit_code)

    def interrupt(self, exit_code: int) -> None:
        """Make `raise_if_over` raise from now on."""
        self._exit_code = exit_code

    def stop(self, within: float) -> None:  # noqa: ARG002 - nothing is ever in the air
        """Close the file."""
        with suppress(OSError):  # `drain` has told of it, if the run came so far
            self._file.close()

    def _write(self, queued: Queued) -> None:
        event = queued.event
        head = f'{{"endpoint":"{event.endpoint}","kind":"{event.kind}","event":'.encode()
        try:
            self._file.write(head + queued.encoded + b"}\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._listener.decided([(queued, WOULD_DELIVER)], 0)

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
