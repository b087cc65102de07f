"""The working folder: downloads of this run, and the broken lines of all runs.

Files that are handed over as they are pass through a folder of the same make, see `handover`.

    <spool_dir>/
        bad_lines.jsonl   see bad_lines.py
        lock              held for a moment by whoever makes or clears run folders
        run-*/            one for each live run, with a `lock` its run holds to its end

A run that was killed leaves its folder behind without a holder; the next run removes it, but no
folder without a lock, which may be of somebody else. Everything is readable by its owner alone,
since it holds what the export holds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from singer_delivery.io.files import make_private

from tap_amplitude.errors import SpoolUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: nobody can tell a live run's folder, so none is ever cleared
    fcntl = None  # type: ignore[assignment]


@contextmanager
def run_folder(spool_dir: Path, setting: str = "spool_dir") -> Iterator[Path]:
    """Give a folder for the files of this run, below what `setting` names; remove it on leaving.

    Folders of runs that were killed are removed first, those of live runs are left alone.

    Raises:
        SpoolUnwritable: `spool_dir` cannot be made or written.
    """
    with spool_errors(spool_dir, setting):
        make_private(spool_dir)
        with _holding(spool_dir / "lock"):
            _clear_folders_of_the_dead(spool_dir)
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=spool_dir))
            own_lock = _lock(folder / "lock", wait=False)
    try:
        yield folder
    finally:
        _remove(folder)
        if own_lock is not None:
            own_lock.close()


def _remove(folder: Path) -> None:
    """Remove a folder under another name first, so that nobody writes into it any more.

    A download that is under way after an error would else leave what nothing clears: a file, made
    while the lock beside it is gone already.
    """
    over = folder.with_name(f"{folder.name}-over")
    with suppress(OSError):  # Windows keeps the name of a folder in use
        folder = folder.rename(over)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spool_errors(spool_dir: Path, setting: str = "spool_dir") -> Iterator[None]:
    """Turn the operating system's refusal to write into a sentence.

    Raises:
        SpoolUnwritable: Instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        msg = (
            f"Cannot write to {spool_dir} ({error.strerror or type(error).__name__}). Free some "
            f"space, or set {setting} to a folder with room for an export, which may be 4 GB."
        )
        raise SpoolUnwritable(msg) from error


def open_private(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a file for writing that only its owner may read."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _clear_folders_of_the_dead(spool_dir: Path) -> None:
    if fcntl is None:
        return
    for path in spool_dir.glob("run-*/lock"):
        lock = None
        with suppress(OSError):
            lock = _lock(path, wait=False)
        if lock is not None:
            shutil.rmtree(path.parent, ignore_errors=True)
            lock.close()


@contextmanager
def _holding(path: Path) -> Iterator[None]:
    lock = _lock(path, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def _lock(path: Path, *, wait: bool) -> IO[bytes] | None:
    """Hold `path` until the file is closed or the process ends, however it ends."""
    file = open_private(path)
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            file.close()
            raise
    return file
