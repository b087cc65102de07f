"""Keeps and counts the lines of an export that are no JSON object.

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

from tap_amplitude.spool import open_private, spool_errors

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FILE_NAME = "bad_lines.jsonl"


def as_evidence(file: str, number: int, why: str, line: bytes) -> bytes:
    """Return the entry of `bad_lines.jsonl` for one line, with its newline."""
    entry: dict[str, str | int] = {"file": file, "line": number, "error": why}
    try:
        entry["text"] = line.decode()
    except UnicodeDecodeError:
        entry["base64"] = base64.b64encode(line).decode()
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def are_objects(lines: Sequence[bytes]) -> bool:
    """Return True only if every line, stripped, is a JSON object; False may be wrong.

    msgspec skips a value in an eighth of the time that it takes to decode it. It refuses all that
    orjson refuses, but for numbers beyond a double and bytes that are no UTF-8.
    """
    try:
        for line in lines:
            _skip(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return all(line[:1] == b"{" and _is_utf8(line) for line in lines)


_skip = msgspec.json.Decoder(msgspec.Raw).decode


def _is_utf8(line: bytes) -> bool:
    if line.isascii():
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class BadLines:
    """The broken lines of a run.

    Attributes:
        count: how many there are so far.
    """

    def __init__(self, spool_dir: Path, logger: logging.Logger) -> None:
        self.count = 0
        self._path = spool_dir / FILE_NAME
        self._logger = logger
        self._file: IO[bytes] | None = None
        self._named: str | None = None

    def sifted(self, file: str, blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        """Yield the lines of `file` that are JSON objects, stripped, and keep the broken ones.

        Raises:
            SpoolUnwritable: As in `add`.
        """
        number = 0
        for block in blocks:
            lines = [*filter(None, map(bytes.strip, block))]
            if not are_objects(lines):
                lines = [*self._sift(file, number, block)]
            number += len(block)
            if lines:
                yield lines

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
            sound = line if why is None else mended(line)
            if sound is not None:
                yield sound
            elif line:
                self.add(file, number, str(why), line)

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
