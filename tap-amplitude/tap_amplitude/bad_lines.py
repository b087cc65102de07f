"""Sifts the lines of an export: what is a row passes, what is no JSON object is kept and counted.

A row passes as it is, unless few programs can read it: halves of surrogate pairs and NUL characters
become U+FFFD (PostgreSQL's `jsonb`, for one, takes neither).

Each line is appended to `bad_lines.jsonl` as `{"file": …, "line": 17, "error": …, "text": …}`, with
`base64` in place of `text` when its bytes are no UTF-8. Its content goes to no other place; the log
names the first broken line of each file by its number.
"""

from __future__ import annotations

import base64
import os
from typing import IO, TYPE_CHECKING

import msgspec
import orjson
from singer_delivery.io.files import make_private
from singer_delivery.mapping.json_lines import mended, reason_to_refuse

from tap_amplitude.errors import TooManyBroken
from tap_amplitude.order import Key, Rows, keys_of, keys_of_sound
from tap_amplitude.spool import open_private, spool_errors

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FILE_NAME = "bad_lines.jsonl"
NUL = rb"\u0000"
ENOUGH, MOST_PERCENT = 1_000, 20
"""The share of broken lines that stops a run, and from how many lines on it says anything: those
of a target's `max_dead_letters`, since lines that no target sees must not pass for success."""

WHAT_TO_DO = (
    "Put a complete export in its place, or take it out of the archive; in a download, go on with "
    "a start_date after its hour."
)


def as_evidence(file: str, number: int, why: str, line: bytes) -> bytes:
    """Return the entry of `bad_lines.jsonl` for one line, with its newline."""
    entry: dict[str, str | int] = {"file": file, "line": number, "error": why}
    try:
        entry["text"] = line.decode()
    except UnicodeDecodeError:
        entry["base64"] = base64.b64encode(line).decode()
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def sound_keys(lines: Sequence[bytes]) -> list[Key] | None:
    """Return the order keys of lines, stripped, that are all rows as they are; None if in doubt."""
    try:
        keys = keys_of_sound(lines)
    except (msgspec.DecodeError, RecursionError):
        return None
    # One byte is looked for much faster than six, and most lines hold no backslash.
    if any([NUL in line for line in lines if b"\\" in line]):  # noqa: C419 - a list is faster
        return None
    return keys if all(map(_is_utf8, [line for line in lines if not line.isascii()])) else None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class BadLines:
    """The broken lines of a run.

    Attributes:
        count: how many there are so far.
        read: how many lines with text are read so far.
    """

    def __init__(self, spool_dir: Path, logger: logging.Logger) -> None:
        self.count = self.read = 0
        self._path = spool_dir / FILE_NAME
        self._logger = logger
        self._file: IO[bytes] | None = None
        self._named: str | None = None

    def sifted(self, file: str, blocks: Iterable[list[bytes]]) -> Iterator[Rows]:
        """Yield the rows of `file`, stripped, and keep the broken lines.

        Raises:
            TooManyBroken: Nothing of the file can be read, or too much of the run cannot.
            SpoolUnwritable: As in `add`.
        """
        number = 0
        read, broken = self.read, self.count
        for block in blocks:
            lines = [*filter(None, map(bytes.strip, block))]
            self.read += len(lines)
            keys = sound_keys(lines)
            if keys is None:
                lines = [*self._sift(file, number, block)]
                keys = keys_of(lines)
            number += len(block)
            self._check_share(file)
            if lines:
                yield Rows(lines, keys)
        self._check_file(file, self.read - read, self.count - broken)

    def add(self, file: str, number: int, why: str, line: bytes) -> None:
        """Keep line `number` of `file`.

        Raises:
            SpoolUnwritable: The line cannot be written.
        """
        with spool_errors(self._path.parent):
            if self._file is None:
                make_private(self._path.parent)
                self._file = open_private(self._path, append=True)
            self._file.write(as_evidence(file, number, why, line))
            self._file.flush()  # a complete line at a time: another run may append to the same file
        self.count += 1
        self._name_once(file, number, why)

    def to_disk(self) -> None:
        """Return when every line kept so far is on disk. Call it before STATE moves past them.

        Raises:
            SpoolUnwritable: They cannot be written.
        """
        if self._file is not None:
            with spool_errors(self._path.parent):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with spool_errors(self._path.parent):
                self._file.close()

    def _sift(self, file: str, before: int, block: list[bytes]) -> Iterator[bytes]:
        for number, raw in enumerate(block, before + 1):
            line = raw.strip()
            why = reason_to_refuse(line)
            sound = line if why is None and NUL not in line else mended(line)
            if sound is not None:
                yield sound
            elif line:
                self.add(file, number, str(why), line)

    def _check_file(self, file: str, read: int, broken: int) -> None:
        if read and broken == read:
            msg = (
                f"Nothing of {file} can be read: none of its {read:,} lines is a JSON object. They "
                f"are kept in {self._path}. {WHAT_TO_DO}"
            )
            raise TooManyBroken(msg)

    def _check_share(self, file: str) -> None:
        if self.read >= ENOUGH and self.count * 100 > self.read * MOST_PERCENT:
            msg = (
                f"{self.count:,} of the {self.read:,} lines read so far are broken, the last of "
                f"them in {file}: more than {MOST_PERCENT}%. They are kept in {self._path}. "
                f"{WHAT_TO_DO}"
            )
            raise TooManyBroken(msg)

    def _name_once(self, file: str, number: int, why: str) -> None:
        if self._named == file:
            return
        self._named = file
        self._logger.warning(
            "Line %d of %s is broken (%s). It is kept in %s, as are further ones of this file.",
            number,
            file,
            why,
            self._path,
        )
