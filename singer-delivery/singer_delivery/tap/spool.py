"""The working folder: downloads of this run, and the broken lines of all runs.

Files of a batch pass through a folder that is made the same way, see `handover`.

    <spool_dir>/
        bad_lines.jsonl   see bad_lines.py
        lock              locked while a run makes its folder or deletes those of dead runs
        run-*/            one for each live run, with its downloads or the runs of a sorter
            lock          locked by that run until it ends, however it ends

A killed run leaves its folder behind, and the operating system unlocks it; the next run deletes the
folder. A folder without a lock may be somebody else's, and stays. Only the owner may read any of
it: it holds what the export holds.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from filelock import FileLock

from singer_delivery.io.files import PRIVATE, make_private
from singer_delivery.tap.errors import SpoolUnwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK = "lock"


@contextmanager
def run_folder(
    spool_dir: Path, setting: str = "spool_dir", stays: Callable[[], bool] = lambda: False
) -> Iterator[Path]:
    """Make a folder for the files of this run in `spool_dir`; delete it on leaving.

    Folders of dead runs are deleted first, those of live runs stay.

    Args:
        spool_dir: where to make it; it is made as well when it is not there.
        setting: the setting that says `spool_dir`, for the text of an error.
        stays: asked on leaving; True leaves the folder to the next run.

    Raises:
        SpoolUnwritable: `spool_dir` cannot be made or written.
    """
    with spool_errors(spool_dir, setting):
        make_private(spool_dir)
        with _lock_of(spool_dir):
            _delete_folders_of_dead_runs(spool_dir)
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=spool_dir))
            lock = _lock_of(folder)
            lock.acquire()
    try:
        yield folder
    finally:
        is_over = not stays()
        # After an error a download may still be under way. It finds no folder of this name, so it
        # cannot write a file that nobody deletes.
        if is_over:
            with suppress(OSError):  # Windows renames no folder with an open file
                folder = folder.rename(folder.with_name(f"{folder.name}-over"))
        lock.release()
        if is_over:
            _delete(folder)


@contextmanager
def spool_errors(spool_dir: Path, setting: str = "spool_dir") -> Iterator[None]:
    """Turn an error of the disk into a sentence that names `setting`.

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
    """Open a file for writing; only its owner may read it."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def open_scratch(path: Path) -> IO[bytes]:
    """Make a file to write and to read again; only its owner may read it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")


def _lock_of(folder: Path) -> FileLock:
    # Not per thread: a folder may be made in one and deleted in another.
    return FileLock(folder / LOCK, mode=PRIVATE, thread_local=False)


def _delete_folders_of_dead_runs(spool_dir: Path) -> None:
    for path in spool_dir.glob(f"run-*/{LOCK}"):
        with suppress(OSError):  # among others filelock's Timeout: the run is alive
            with _lock_of(path.parent).acquire(blocking=False):
                pass  # nobody else takes it: that needs the lock of `spool_dir`
            _delete(path.parent)  # Windows deletes no locked file


def _delete(folder: Path) -> None:
    """Delete a folder of files, its lock last: what cannot be deleted now, the next run deletes."""
    with suppress(OSError):  # Windows deletes no open file
        for path in sorted(folder.iterdir(), key=lambda path: path.name == LOCK):
            path.unlink()
        folder.rmdir()
