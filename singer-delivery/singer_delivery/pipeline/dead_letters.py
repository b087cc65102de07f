"""Records no retry can save, as a Singer file that can be piped back in once they are mended.

`target < dead-letters.singer` sends them again: the file holds SCHEMA messages and the RECORD
messages as they came, each record with a `_dead_letter` column that says why it is there.
Mappings leave that column out.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO, NamedTuple

import msgspec

from singer_delivery.errors import StorageError
from singer_delivery.io.sharing import append_shared

COLUMN = "_dead_letter"

_NO_MESSAGE = (msgspec.MsgspecError, RecursionError, ValueError, TypeError, KeyError)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class DeadLetter(NamedTuple):
    """A RECORD message that was refused, and why.

    `message` is the message's line as it was read. `attempts` counts the requests it travelled
    in: 0 when it was caught before sending.
    """

    stream: str
    message: bytes
    reason: str
    detail: str
    attempts: int
    endpoint: str


class DeadLetters:
    """Appends dead letters to one file, which is made when the first is written.

    A letter is in the hands of the operating system when `add` returns, and on the disk when
    `flush` returns. Until it is closed the file is shared: nobody replaces it.

    Args:
        path: of the file.
        now: returns the time, in seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now
        self._reasons: Counter[str] = Counter()
        self._example = ""
        self._file: BinaryIO | None = None
        self._schemas: dict[str, bytes] = {}
        self._written_schemas: set[str] = set()
        self._lock = threading.Lock()
        self._dirty = False
        self._failure: OSError | None = None

    def know_schema(self, message: Mapping[str, Any]) -> None:
        """Remember the SCHEMA message of a stream, as it is now; its next letter follows it."""
        stream, line = message["stream"], _line(message)
        with self._lock:
            if self._schemas.get(stream) != line:
                self._schemas[stream] = line
                self._written_schemas.discard(stream)

    def add(self, letter: DeadLetter) -> None:
        """Write a letter.

        Raises:
            StorageError: the file cannot be written.
        """
        stream, line = _marked(letter, self._now())
        with self._lock, self._naming_the_file():
            if self._file is None:
                self._file = append_shared(self._path)
            if stream in self._schemas and stream not in self._written_schemas:
                self._file.write(self._schemas[stream])
                self._written_schemas.add(stream)
            self._file.write(line)
            self._file.flush()
            self._reasons[letter.reason] += 1
            self._example = self._example or _example(letter)
            self._dirty = True

    def flush(self) -> None:
        """Return when every letter is on the disk.

        Raises:
            StorageError: the disk refuses.
        """
        with self._lock, self._naming_the_file():
            if self._file is not None and self._dirty:
                os.fsync(self._file.fileno())
                self._dirty = False

    def warning(self) -> str | None:
        """Say where the letters of this run are and why, with one example; None without any.

        No record is quoted: reasons and details are written for logs.
        """
        if not self._reasons:
            return None
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in self._reasons.most_common(5))
        return (
            f"Dead letters: {self._reasons.total():,} in {self._path} ({reasons}). For example "
            f"{self._example} `singer-delivery dead-letters summary {quote(str(self._path))}` says "
            "what to do for each reason; `dead-letters retry` sends them again."
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):  # only what failed before is still in its buffer
                    self._file.close()
                self._file = None

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """Name the file in what failed, and go on failing.

        An fsync that succeeds after one that failed says nothing of what the first should have
        written (PostgreSQL wiki, "Fsync Errors").
        """
        try:
            if self._failure is not None:
                raise self._failure
            yield
        except OSError as error:
            self._failure = error
            msg = (
                f"The dead letters could not be written to {self._path} ({error.strerror}). STATE "
                "did not move: make room or set dead_letter_path, and start the same run again."
            )
            raise StorageError(msg) from error


def _example(letter: DeadLetter) -> str:
    return f"a record of stream '{letter.stream}' ({letter.reason}): {letter.detail.rstrip('.')}."


def _marked(letter: DeadLetter, now: float) -> tuple[str, bytes]:
    """Return the stream of a letter's message, and its line with the reason in it.

    The message is of another stream than the letter where the Singer SDK renamed that one.
    """
    why = {
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "endpoint": letter.endpoint,
        "at": datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds"),
    }
    with suppress(*_NO_MESSAGE):
        return _marked_to_the_byte(letter.message, why)
    with suppress(*_NO_MESSAGE):
        return _marked_by_values(letter.message, why)
    # Nested deeper than json goes, though orjson read it; or no JSON object at all.
    quoted = {**why, "message": letter.message.decode(errors="replace")}
    record = {"type": "RECORD", "stream": letter.stream, "record": {COLUMN: quoted}}
    return letter.stream, _line(record)


def _marked_to_the_byte(line: bytes, why: Mapping[str, Any]) -> tuple[str, bytes]:
    line.decode()  # bytes that are no UTF-8 have no place in a file of text
    message = _PARTS.decode(line)
    record = _PARTS.decode(message["record"])
    record[COLUMN] = msgspec.Raw(_line(why).strip())
    message["record"] = msgspec.Raw(msgspec.json.encode(record))
    return msgspec.json.decode(message["stream"], type=str), msgspec.json.encode(message) + b"\n"


def _marked_by_values(line: bytes, why: Mapping[str, Any]) -> tuple[str, bytes]:
    """Mark what no strict writer of JSON writes: NaN, bare control characters, half an emoji.

    The standard library's json keeps integers of any size; orjson would round them.
    """
    message: dict[str, Any] = json.loads(line, strict=False)
    message["record"][COLUMN] = why
    return str(message["stream"]), _line(message)


def _line(message: Mapping[str, Any]) -> bytes:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can write
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"
