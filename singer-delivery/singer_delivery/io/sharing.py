"""A file that several processes append to, and that one may replace when none of them does.

Who appends shares the file until it closes it, however the process ends: the operating system
gives locks back. Where there are no such locks (Windows, some network file systems), nobody is
kept apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from singer_delivery.io.files import append_private

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def append_shared(path: Path) -> BinaryIO:
    """Open a file of lines to append to, and share it until it is closed.

    It waits while somebody replaces the file.

    Raises:
        OSError: the file cannot be opened.
    """
    while True:
        file = append_private(path)
        if fcntl is not None:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_SH)
        if is_at(file, path):
            return file
        file.close()  # it was replaced meanwhile


@contextmanager
def alone_with(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read and replace while nobody appends to it.

    Raises:
        BlockingIOError: somebody does.
        OSError: the file cannot be opened.
    """
    while True:
        file = path.open("rb")
        with file:
            if fcntl is not None and not _is_had(file):
                raise BlockingIOError
            if is_at(file, path):
                yield file
                return


def _is_had(file: BinaryIO) -> bool:
    """Tell whether nobody else has a file from now on, as far as the file system can say."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks there
        return True
    return True


def is_at(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file is the one that a path names."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on the disk, where the operating system can say so."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
