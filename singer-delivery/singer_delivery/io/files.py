"""Files that hold people's data: readable by their owner alone, never half-written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, and every folder above it that is missing.

    `Path.mkdir` leaves the mode of those above to the umask.

    Raises:
        OSError: one cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)  # another run may make it at this moment


def create_private(path: Path) -> None:
    """Make an empty file for its owner alone, and its folder, unless the file exists already.

    Raises:
        OSError: the file cannot be made.
    """
    make_private(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, PRIVATE))


def write_private(path: Path, text: str) -> None:
    """Replace a file's content at once: a reader sees the old text or the new, never a part.

    Raises:
        OSError: the file cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    create_private(draft)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def append_private(path: Path) -> BinaryIO:
    """Open a file of lines to append to, without a last line torn by a killed run.

    Raises:
        OSError: the file cannot be opened.
    """
    create_private(path)
    with path.open("r+b") as file:
        file.truncate(_end_of_last_line(file))
    return path.open("ab")  # appending: what another run writes meanwhile is not overwritten


def _end_of_last_line(file: BinaryIO) -> int:
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - 65_536)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0
