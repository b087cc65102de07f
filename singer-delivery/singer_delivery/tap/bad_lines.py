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
from typing import IO, TYPE_CHECKING, Generic, TypeVar

import msgspec
import orjson

from singer_delivery.io.files import make_private
from singer_delivery.mapping.json_lines import mended, reason_to_refuse
from singer_delivery.tap.errors import TooManyBroken
from singer_delivery.tap.sorting import Key, Rows
from singer_delivery.tap.spool import open_private, spool_errors

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

FILE_NAME = "bad_lines.jsonl"
NUL = rb"\u0000"
ENOUGH, MOST_PERCENT = 1_000, 20
"""The share of broken lines that stops a run, and from how many lines on it says anything: those
of a target's `max_dead_letters`, since lines that no target sees must not pass for success."""


Read = TypeVar("Read")
"""What is read of a line: its order key, or more."""


def as_evidence(file: str, number: int, why: str, line: bytes) -> bytes:
    """Return the entry of `bad_lines.jsonl` for one line, with its newline."""
    entry: dict[str, str | int] = {"file": file, "line": number, "error": why}
    try:
        entry["text"] = line.decode()
    except UnicodeDecodeError:
        entry["base64"] = base64.b64encode(line).decode()
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def sound_keys(
    lines: Sequence[bytes], keys_of_sound: Callable[[Sequence[bytes]], list[Read]]
) -> list[Read] | None:
    """Return the order keys of lines, stripped, that are all rows as they are; None if in doubt.

    Args:
        lines: the lines.
        keys_of_sound: returns their keys; raises `DecodeError` or `RecursionError` for a line that
            is no JSON object.
    """
    try:
        keys = keys_of_sound(lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # One byte is looked for much faster than six, and most lines hold no backslash.
    if any([NUL in line for line in lines if b"\\" in line]):  # noqa: C419 - a list is faster
        return None
    return keys if all(map(_is_utf8, [line for line in lines if not line.isascii()])) else None


def made_sound(line: bytes) -> tuple[bytes | None, str]:
    """Return a line, stripped, as a row that few programs refuse; else None, and why."""
    why = reason_to_refuse(line)
    sound = line if why is None and NUL not in line else mended(line)
    return sound, str(why)


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
        path: of the file that keeps them.

    Args:
        spool_dir: the folder of the file that keeps them.
        logger: names the first of each file.
    """

    def __init__(self, spool_dir: Path, logger: logging.Logger) -> None:
        self.count = self.read = 0
        self.path = spool_dir / FILE_NAME
        self._logger = logger
        self._file: IO[bytes] | None = None
        self._named: str | None = None

    def add(self, file: str, number: int, why: str, line: bytes) -> None:
        """Keep line `number` of `file`.

        Raises:
            SpoolUnwritable: The line cannot be written.
        """
        with spool_errors(self.path.parent):
            if self._file is None:
                make_private(self.path.parent)
                self._file = open_private(self.path, append=True)
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
            with spool_errors(self.path.parent):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with spool_errors(self.path.parent):
                self._file.close()

    def _name_once(self, file: str, number: int, why: str) -> None:
        if self._named == file:
            return
        self._named = file
        self._logger.warning(
            "Line %d of %s is broken (%s). It is kept in %s, as are further ones of this file.",
            number,
            file,
            why,
            self.path,
        )


class Sifter(Generic[Key]):
    """Sifts files line by line.

    Args:
        bad_lines: keeps the broken lines.
        keys_of_sound: as `sound_keys` takes it.
        keys_of: returns the order keys of rows, whatever their columns hold.
        what_to_do: a sentence for the user about a file that is broken.
    """

    def __init__(
        self,
        bad_lines: BadLines,
        keys_of_sound: Callable[[Sequence[bytes]], list[Key]],
        keys_of: Callable[[Sequence[bytes]], list[Key]],
        what_to_do: str,
    ) -> None:
        self._bad_lines = bad_lines
        self._keys_of_sound = keys_of_sound
        self._keys_of = keys_of
        self._what_to_do = what_to_do

    def sifted(self, file: str, blocks: Iterable[list[bytes]]) -> Iterator[Rows[Key]]:
        """Yield the rows of `file`, stripped, and keep the broken lines.

        Raises:
            TooManyBroken: Nothing of the file can be read, or too much of the run cannot.
            SpoolUnwritable: As in `BadLines.add`.
        """
        number = 0
        read, broken = self._bad_lines.read, self._bad_lines.count
        for block in blocks:
            lines = [*filter(None, map(bytes.strip, block))]
            self._bad_lines.read += len(lines)
            keys = sound_keys(lines, self._keys_of_sound)
            if keys is None:
                lines = [*self._sift(file, number, block)]
                keys = self._keys_of(lines)
            number += len(block)
            self._check_share(file)
            if lines:
                yield Rows(lines, keys)
        self._check_file(file, self._bad_lines.read - read, self._bad_lines.count - broken)

    def _sift(self, file: str, before: int, block: list[bytes]) -> Iterator[bytes]:
        for number, raw in enumerate(block, before + 1):
            line = raw.strip()
            sound, why = made_sound(line)
            if sound is not None:
                yield sound
            elif line:
                self._bad_lines.add(file, number, why, line)

    def _check_file(self, file: str, read: int, broken: int) -> None:
        if read and broken == read:
            msg = (
                f"Nothing of {file} can be read: none of its {read:,} lines is a JSON object. They "
                f"are kept in {self._bad_lines.path}. {self._what_to_do}"
            )
            raise TooManyBroken(msg)

    def _check_share(self, file: str) -> None:
        read, broken = self._bad_lines.read, self._bad_lines.count
        if read >= ENOUGH and broken * 100 > read * MOST_PERCENT:
            msg = (
                f"{broken:,} of the {read:,} lines read so far are broken, the last of them in "
                f"{file}: more than {MOST_PERCENT}%. They are kept in {self._bad_lines.path}. "
                f"{self._what_to_do}"
            )
            raise TooManyBroken(msg)
