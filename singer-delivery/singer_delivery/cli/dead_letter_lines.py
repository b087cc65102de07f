"""Reads a dead letter file line by line, however large it is and whatever stands in it.

A run may append to it meanwhile: what is read ends with the last complete line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from singer_delivery.errors import SettingsError
from singer_delivery.pipeline.dead_letters import COLUMN

_UNREADABLE = (msgspec.MsgspecError, RecursionError, ValueError, TypeError, KeyError)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Why(msgspec.Struct):
    """Why a record is here, as the target wrote it.

    Attributes:
        reason: a short word; empty where the record has no mark.
        detail: for people.
        attempts: how many requests it travelled in.
        endpoint: of the request that was refused; empty for none.
        at: when it was written, RFC 3339; empty where an older version wrote it.
        message: the line itself, where it is no record.
    """

    reason: str = ""
    detail: str = ""
    attempts: int = 0
    endpoint: str = ""
    at: str = ""
    message: str | None = None


class _Record(msgspec.Struct, rename={"why": COLUMN}):
    why: Why | None = None


class _Message(msgspec.Struct):
    type: str
    stream: str = ""
    record: _Record | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


@dataclass(frozen=True)
class Line:
    """A line of the file.

    Attributes:
        number: counted from 1.
        end: of the line, in bytes from the beginning of the file.
        content: the line as it stands there.
    """

    number: int
    end: int
    content: bytes

    @property
    def whole(self) -> bytes:
        """The line with its newline, which the last one of a file that was edited may lack."""
        return self.content if self.content.endswith(b"\n") else self.content + b"\n"


@dataclass(frozen=True)
class Schema(Line):
    """A SCHEMA message."""

    stream: str

    def keys(self) -> list[str]:
        """Return the names of the stream's key."""
        message = _read(self.content)
        keys = message.get("key_properties") if isinstance(message, dict) else None
        return [key for key in keys or () if isinstance(key, str)]


@dataclass(frozen=True)
class Letter(Line):
    """A RECORD message, and why it is here."""

    stream: str
    why: Why

    @property
    def record(self) -> dict[str, Any] | None:
        """The record, without its mark; None where it cannot be read, though it can be sent."""
        message = _read(self.content)
        if message is None:
            return None
        return {name: of for name, of in message["record"].items() if name != COLUMN}

    @property
    def digest(self) -> bytes:
        """What stands for the record, whatever it is marked with."""
        return blake2b(self._unmarked(), digest_size=16).digest()

    def _unmarked(self) -> bytes:
        if self.why.message is not None:
            return self.why.message.encode(errors="replace")
        with suppress(*_UNREADABLE):
            parts = _PARTS.decode(_PARTS.decode(self.content)["record"])
            parts.pop(COLUMN, None)
            return msgspec.json.encode([self.stream, parts])
        record = self.record
        if record is None:
            return self.content
        return json.dumps([self.stream, record], sort_keys=True).encode()


@dataclass(frozen=True)
class Damaged(Line):
    """A line that is neither."""

    what: str


def read_lines(
    file: Iterable[bytes], until: int | None = None
) -> Iterator[Schema | Letter | Damaged]:
    """Yield what the lines of a file are.

    Args:
        file: the lines of a dead letter file, from the first.
        until: bytes after which nothing is read; None for the end of the file.
    """
    end = 0
    for number, line in enumerate(file, start=1):
        end += len(line)
        if until is not None and end > until:
            return
        if not line.isspace():
            yield _line(Line(number, end, line))


def opened(path: Path) -> BinaryIO:
    """Open a dead letter file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        msg = f"There is no {path}: either nothing has become a dead letter, or it lies elsewhere."
        raise SettingsError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror})."
        raise SettingsError(msg) from error


def _line(line: Line) -> Schema | Letter | Damaged:
    of = (line.number, line.end, line.content)
    if not line.content.endswith(b"\n") and _read(line.content) is None:
        return Damaged(*of, "is cut off: a run is writing it, or was killed")
    message = _message(line.content)
    if message is None:
        return Damaged(*of, "is no Singer message")
    if message.type == "SCHEMA" and message.stream:
        return Schema(*of, message.stream)
    if message.type == "RECORD" and message.stream and message.record is not None:
        return Letter(*of, message.stream, message.record.why or Why())
    return Damaged(*of, f"is a {message.type} message, which has no place here")


def _message(line: bytes) -> _Message | None:
    with suppress(*_UNREADABLE):
        return _MESSAGE.decode(line)
    with suppress(*_UNREADABLE):  # what no strict reader of JSON takes, such as NaN
        return msgspec.convert(_read(line), _Message)
    return None


def _read(line: bytes) -> Any:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None
