"""Reads Singer messages as bytes, one line at a time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import orjson
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.singerlib.exceptions import InvalidInputLine

from singer_delivery.io.json_lines import read_json
from singer_delivery.io.stdin import stdin_lines

Guard = Callable[[], AbstractContextManager[object]]
Taker = Callable[[dict[str, Any], bytes], None]


MANY = 1_000
"""Records after which it is worth to start a process that maps the others."""


def record_head(stream: str) -> bytes:
    """Return what stands before the record in the RECORD messages of a stream."""
    return b'{"type":"RECORD","stream":%b,"record":' % orjson.dumps(stream)


class LineReader(GenericSingerReader[bytes]):
    """Decodes each line once and hands it to the callback of its type.

    What the SDK's reader does otherwise: numbers are plain floats instead of Decimals; blank lines
    are passed over; a line that cannot be read is named by its number and never quoted, since it
    holds people's data.

    Attributes:
        line: the line being processed.
        busy: whether a message is being processed, as opposed to waited for.
        guard: surrounds the reading; it is told of whatever ends it early.
        takers: what takes the records of a stream, and their lines, past the SDK's callback.
        before_waiting: called when all that has come is processed, and more is waited for.
        after_many: called once, with their stream, when so many records were taken that their
            lines might be collected from now on; see `collect`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.busy = False
        self.guard: Guard = nullcontext
        self.takers: dict[str, Taker] = {}
        self.before_waiting: Callable[[], None] = _nothing
        self.after_many: Callable[[str], None] | None = None
        self._taken = 0
        self._head = b""
        self._collect: Callable[[bytes], None] = _nothing_of
        self._number = 0

    @property
    def default_input(self) -> IO[bytes]:
        """Standard input, as bytes."""
        return sys.stdin.buffer

    def process_lines(
        self,
        file_input: IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        """Process every message and count them by type.

        Raises:
            InvalidInputLine: a line is no Singer message.
        """
        counts: Counter[str] = Counter()
        lines: Iterable[bytes | str] = file_input or stdin_lines(self._before_waiting)
        with self.guard():
            for number, read in enumerate(lines, start=1):
                # As text is how the SDK's tests give it.
                line = read.encode() if isinstance(read, str) else read
                self._number = number
                self.line = line
                self.busy = True
                if self._head and line.startswith(self._head):
                    self._collect(line)
                    counts["RECORD"] += 1
                elif line and not line.isspace():
                    counts[self._process(line, callbacks)] += 1
                self.busy = False
            self.busy = True  # nothing is waited for any more
        return counts

    def collect(self, stream: str, collect: Callable[[bytes], None]) -> None:
        """Hand the lines of a stream's records to `collect` from now on, without reading them.

        Of those only that begin as `tap-amplitude` writes them; others are read as before.
        """
        self._head = record_head(stream)
        self._collect = collect

    def collect_no_more(self) -> None:
        """Read every line again, until there were many records."""
        self._head, self._taken = b"", 0

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Return the message of a line.

        Raises:
            InvalidInputLine: it is no JSON object.
        """
        try:
            message = read_json(line)
        except orjson.JSONDecodeError as error:
            what = f"is not valid JSON: {error.msg} at column {error.colno}"
            raise self._invalid(what) from None
        if not isinstance(message, dict):
            what = "is no JSON object"
            raise self._invalid(what)
        return message

    def assert_line_requires(  # type: ignore[override] # static in the SDK, which needs no number
        self, line_dict: dict[str, Any], requires: set[str]
    ) -> None:
        """Check that a message has the keys its type needs, without quoting it.

        Raises:
            InvalidInputLine: one is missing.
        """
        missing = requires - line_dict.keys()
        if missing:
            what = f"has no {' and no '.join(sorted(missing))}"
            raise self._invalid(what)

    def _process(self, line: bytes, callbacks: dict[str, Callable[[dict[str, Any]], None]]) -> str:
        message = self.deserialize_json(line)
        kind, stream = message.get("type"), message.get("stream")
        if kind == "RECORD" and isinstance(stream, str):
            take, record = self.takers.get(stream), message.get("record")
            if take is not None and isinstance(record, dict):
                take(record, line)
                self._taken += 1
                if self._taken == MANY and self.after_many is not None:
                    self.after_many(stream)
                return "RECORD"
        self.assert_line_requires(message, {"type"})
        callback = callbacks.get(kind) if isinstance(kind, str) else None
        if callback is None:
            what = "is of no known message type"
            raise self._invalid(what)
        callback(message)
        return str(kind)

    def _before_waiting(self) -> None:
        self.busy = True
        self.before_waiting()
        self.busy = False

    def _invalid(self, what: str) -> InvalidInputLine:
        return InvalidInputLine(
            f"Line {self._number} of the input {what}. Everything decided before it is kept; mend "
            "the tap or its output and run again."
        )


def _nothing() -> None:
    return None


def _nothing_of(_line: bytes) -> None:
    return None
