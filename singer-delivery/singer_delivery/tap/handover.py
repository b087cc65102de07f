"""Hands complete files over to the target, and waits until it has taken them.

The tap puts files into a folder of this run, as they are stored: it links them where archive and
folder are on one disk, and copies them elsewhere. The target deletes each file when all its rows
are decided; so the tap knows that it has taken the file. At most `MOST_FILES` and `MOST_BYTES` wait
at a time, so that a slow target fills no disk. A target that never deletes a file gets no more of
them, and those it has stay.

A linked file is the archive's own file under a second name: nobody may write to it or change its
mode, but it may be deleted. Only the owner may enter the folder.
"""

from __future__ import annotations

import logging
import math
import os
import re
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from singer_delivery.tap.spool import open_private, run_folder, spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from singer_delivery.io.retry import Clock
    from singer_delivery.tap.progress import Waiting

logger = logging.getLogger("singer-delivery.handover")

MOST_FILES = 64
MOST_BYTES = 1024 * 1024 * 1024
SHORTEST_NAP, LONGEST_NAP, OF_THE_WAIT = 0.01, 1.0, 1 / 20
"""Seconds between two looks at the files: a part of the wait so far, so that no wait is much longer
than it need be, and a long one costs nothing."""

A_WHILE = 0.2
"""Seconds of waiting after which the target may itself be waiting, for a STATE."""

PATIENCE = 60.0
"""Seconds between two log lines while the tap waits."""

ENOUGH_FILES = 20
LONG_PATIENCE = 600.0
"""A target that has deleted none of `ENOUGH_FILES` after `PATIENCE`, or of fewer files after
`LONG_PATIENCE`, seems to delete none. A large file alone may take it minutes."""

FOR_THE_TARGET = "the target reads the files"

ROOT_SETTING = "batch_config's storage.root"
NO_PLAIN_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 100


class Handover:
    """The files that wait for the target.

    Attributes:
        is_given_up: whether the target seems to delete no file, so that no more are handed over.

    Args:
        folder: where to put them.
        prefix: the beginning of their names.
        clock: used for every wait.
        reader_is_gone: returns whether the target has ended.
        waiting: surrounds long waits, told for what.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        clock: Clock,
        reader_is_gone: Callable[[], bool],
        waiting: Waiting = nullcontext,
    ) -> None:
        self._folder = folder
        self._prefix = prefix
        self._clock = clock
        self._reader_is_gone = reader_is_gone
        self._waiting_for = waiting
        self._number = 0
        self._waiting: dict[Path, int] = {}
        self._waiting_since = 0.0
        self._is_deleting = False
        self.is_given_up = False

    def put(self, name: str, source: Path | None, chunks: Iterable[bytes]) -> Path:
        """Link or copy a file into the folder, and return its path there.

        Args:
            name: what the file is named after.
            source: where it is on this machine; None if it cannot be linked.
            chunks: its bytes, which are not asked for where it is linked.

        Raises:
            SpoolUnwritable: The copy cannot be written.
        """
        path = self._path(name)
        if source is None or not _linked(source, path):
            with spool_errors(self._folder, ROOT_SETTING), open_private(path) as copy:
                for chunk in chunks:
                    copy.write(chunk)
        self._waiting[path] = path.stat().st_size
        return path

    def put_lines(self, name: str, blocks: Iterator[list[bytes]], most: int) -> Path:
        """Write lines into a file in the folder, and return its path there.

        Args:
            name: what the file is named after.
            blocks: the lines; those that fit no more are left.
            most: about how many bytes the file may have.

        Raises:
            SpoolUnwritable: The file cannot be written.
        """
        path = self._path(name)
        with spool_errors(self._folder, ROOT_SETTING), open_private(path) as file:
            for lines in blocks:
                file.write(b"\n".join(lines) + b"\n")
                if file.tell() >= most:
                    break
        self._waiting[path] = path.stat().st_size
        return path

    def _path(self, name: str) -> Path:
        self._number += 1
        return self._folder / file_name(self._prefix, self._number, name)

    def take_back(self, path: Path) -> None:
        """Delete a file of which the target knows nothing yet."""
        del self._waiting[path]
        path.unlink()

    def has_room(self, size: int) -> bool:
        """Tell whether a file of `size` bytes may be put; a single one always may."""
        self._look()
        few = len(self._waiting) < MOST_FILES
        return not self._waiting or (few and sum(self._waiting.values()) + size <= MOST_BYTES)

    def wait_for_room(self, size: int, after_a_while: Callable[[], None]) -> bool:
        """Wait until a file of `size` bytes may be put; return False to give files up for good.

        Args:
            size: the bytes of the next file.
            after_a_while: called once, when the wait exceeds `A_WHILE`.

        Raises:
            BrokenPipeError: The target has ended.
        """
        if self.is_given_up:
            return False
        if not self._has_come(lambda: self.has_room(size), within=A_WHILE):
            after_a_while()
            with self._waiting_for(FOR_THE_TARGET):
                self._has_come(lambda: self.has_room(size) or self._gives_up())
        if self.is_given_up:
            logger.warning("%s RECORD messages follow from here on.", self._nobody_deletes())
        return not self.is_given_up

    def wait_until_taken(self) -> None:
        """Return when the target has taken every file, or deletes none; then they stay.

        Raises:
            BrokenPipeError: The target has ended.
        """
        if self.is_given_up:
            return
        with self._waiting_for(FOR_THE_TARGET):
            self._has_come(lambda: self._are_all_taken() or self._gives_up())
        if self.is_given_up:
            logger.warning("%s They stay until the next run.", self._nobody_deletes())

    def _look(self) -> None:
        """Forget the files that the target has taken."""
        there = {path: size for path, size in self._waiting.items() if path.exists()}
        self._is_deleting = self._is_deleting or len(there) < len(self._waiting)
        self._waiting = there

    def _are_all_taken(self) -> bool:
        self._look()
        return not self._waiting

    def _gives_up(self) -> bool:
        """Tell whether the target seems never to delete a file.

        One that does, and only waits for its service, loses nothing: RECORD messages wait in the
        pipe, and its files stay.
        """
        patience = PATIENCE if len(self._waiting) >= ENOUGH_FILES else LONG_PATIENCE
        waited = self._clock.monotonic() - self._waiting_since
        self.is_given_up = not self._is_deleting and waited >= patience
        return self.is_given_up

    def _has_come(self, is_there: Callable[[], bool], within: float = math.inf) -> bool:
        """Wait until `is_there` returns True; return False after `within` seconds."""
        start = noted = self._clock.monotonic()
        if within == math.inf:
            self._waiting_since = start
        while not is_there():
            now = self._clock.monotonic()
            if self._reader_is_gone():
                raise BrokenPipeError
            if now - start >= within:
                return False
            if now - noted >= PATIENCE:
                noted = now
                self._log_that_it_waits()
            nap = max(SHORTEST_NAP, OF_THE_WAIT * (now - start))
            self._clock.sleep(min(nap, LONGEST_NAP))
        return True

    def _log_that_it_waits(self) -> None:
        logger.warning(
            "Waiting for the target to read and delete %d files in %s. Its log says what keeps it.",
            sum(path.exists() for path in self._waiting),
            self._folder,
        )

    def _nobody_deletes(self) -> str:
        return (
            f"The target has deleted none of {len(self._waiting)} files in {self._folder}, though "
            "it had time. Leave batch_config out for a target that deletes no files."
        )


@contextmanager
def handing_over(
    root: Path,
    prefix: str,
    clock: Clock,
    reader_is_gone: Callable[[], bool],
    waiting: Waiting = nullcontext,
) -> Iterator[Handover]:
    """Make a `Handover` below `root`; on leaving, wait until the target has taken every file.

    The folder must be the tap's own: it deletes those of its dead runs.

    After an error of the export it waits too, since the files already handed over are good. When
    the target has ended, or a signal ends the run, it deletes the folder with its files at once.

    Raises:
        BrokenPipeError: The target has ended.
        SpoolUnwritable: The folder cannot be made.
    """
    with run_folder(root, ROOT_SETTING, stays=lambda: handover.is_given_up) as folder:
        handover = Handover(folder, prefix, clock, reader_is_gone, waiting)
        try:
            yield handover
        except BrokenPipeError:
            raise
        except Exception:
            with suppress(BrokenPipeError):
                handover.wait_until_taken()
            raise
        handover.wait_until_taken()


def file_name(prefix: str, number: int, name: str) -> str:
    """Return a unique name for a file in the folder, safe in a path and in a URL.

    Anybody may choose the names in a zip; only their letters, digits, dots and dashes are kept.
    """
    last_part = name.replace("\\", "/").rpartition("/")[2]
    return NO_PLAIN_CHARACTERS.sub("-", f"{prefix}{number:06}-{last_part[-LONGEST_NAME:]}")


def _linked(source: Path, path: Path) -> bool:
    """Give a file a second name; return False where that fails, or the name is not readable."""
    try:
        os.link(source.resolve(), path)
    except OSError:  # another disk, a disk without links, a file of somebody else
        return False
    if os.access(path, os.R_OK):
        return True
    path.unlink()
    return False
