"""Reads Singer messages as bytes, one line at a time."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import orjson
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.singerlib.exceptions import InvalidInputLine

from singer_delivery.io.stdin import Unterminated, stdin_lines, without_newline
from singer_delivery.mapping.json_lines import mended, read_json
from singer_delivery.pipeline.blocks import record_head

Guard = Callable[[], AbstractContextManager[object]]
Taker = Callable[[bytes], None]

KEEPS_GOING = "Everything decided before it is kept; mend the tap or its output and run again."

BEGINNING = re.compile(
    rb"""\s* \{ \s* (?: "type"\s*:\s*"RECORD" \s*,\s* "stream"\s*:\s* ("(?:[^"\\]|\\.)*")
                   | "stream"\s*:\s* ("(?:[^"\\]|\\.)*") \s*,\s* "type"\s*:\s*"RECORD" )""",
    re.VERBOSE,
)
"""How a RECORD message begins, in either order of its first keys; the groups are its stream."""

LONG_NUMBER = re.compile(rb"\d{16}")
"""Digits of which a double may keep only the first."""


class LineReader(GenericSingerReader[bytes]):
    """Hands the lines of records to who takes them, and other messages to the SDK's callbacks.

    What the SDK's reader does otherwise: numbers are plain floats instead of Decimals; blank lines
    are passed over; a line that cannot be read is named by its number and never quoted, since it
    holds people's data. RECORD lines of a stream with a taker are its business, also when they are
    no JSON: one bad record ends no run. Only where the input ends in the middle of a line that is
    none, the tap was cut off, and that is said.

    Attributes:
        line: the line that is processed.
        busy: whether a message is processed, as opposed to waited for.
        guard: surrounds the reading; it sees whatever ends it early.
        takers: what takes the RECORD lines of a stream, by the stream's name.
        before_waiting: called when all that has come is processed, and more is waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.busy = False
        self.guard: Guard = nullcontext
        self.takers: dict[str, Taker] = {}
        self.before_waiting: Callable[[], None] = _nothing
        self._number = 0
        # How the RECORD lines of a stream begin, as most taps write them, and who takes them.
        self._head = b""
        self._taker: Taker | None = None

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
        lines = map(_encoded, file_input) if file_input else stdin_lines(self._before_waiting)
        with self.guard():
            for number, line in enumerate(lines, start=1):
                self._number = number
                self.line = line
                self.busy = True
                if line and not line.isspace():
                    counts[self._process(line, callbacks)] += 1
                self.busy = False
            self.busy = True  # nothing is waited for any more
        return counts

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Return the message of a line, mended where need be. STATE is given back as it came.

        Raises:
            InvalidInputLine: it is no JSON object.
        """
        try:
            message = read_json(line)
        except orjson.JSONDecodeError as error:
            better = mended(line)
            message = None if better is None else read_json(better)
            if message is None or message.get("type") == "STATE":
                is_cut = isinstance(line, Unterminated)
                what = "is cut off, and " if is_cut else ""
                what += f"is not valid JSON: {error.msg} at column {error.colno}"
                raise self.invalid(what) from None
        if not isinstance(message, dict):
            what = "is no JSON object"
            raise self.invalid(what)
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
            raise self.invalid(what)

    def invalid(self, what: str) -> InvalidInputLine:
        """Return the error of the line that is processed; `what` goes on after its number."""
        return InvalidInputLine(f"Line {self._number} of the input {what}. {KEEPS_GOING}")

    def state(self, value: Any) -> dict[str, Any] | None:
        """Return the value of the STATE message that is processed, every digit kept.

        Args:
            value: of the message, as it was read.

        Raises:
            InvalidInputLine: it is neither an object nor null.
        """
        if value is not None and not isinstance(value, dict):
            what = "is a STATE message whose value is no object"
            raise self.invalid(what)
        if value is None or LONG_NUMBER.search(self.line) is None:
            return value
        exact: dict[str, Any] = json.loads(self.line)["value"]  # orjson keeps a double of it
        return exact

    def _process(self, line: bytes, callbacks: dict[str, Callable[[dict[str, Any]], None]]) -> str:
        if self._taker is not None and line.startswith(self._head) and type(line) is bytes:
            self._taker(line)
            return "RECORD"
        try:
            message = self.deserialize_json(line)
        except InvalidInputLine:
            stream = _stream_of_broken(line)
            if stream not in self.takers or isinstance(line, Unterminated):
                raise
            self.takers[stream](line)
            return "RECORD"
        self.assert_line_requires(message, {"type"})
        kind = message["type"]
        if kind == "RECORD" and self._has_taker(message):
            self._taker(line)  # type: ignore[misc] # it was set
            return "RECORD"
        callback = callbacks.get(kind) if isinstance(kind, str) else None
        if callback is None:
            what = "is of no known message type"
            raise self.invalid(what)
        self._taker = None  # a SCHEMA message may have changed who takes what
        callback(message)
        return str(kind)

    def _has_taker(self, message: dict[str, Any]) -> bool:
        """Tell whether somebody takes this RECORD message, and those that begin like it."""
        stream = message.get("stream")
        if not isinstance(stream, str) or stream not in self.takers:
            return False
        self._head, self._taker = record_head(stream), self.takers[stream]
        return True

    def _before_waiting(self) -> None:
        self.busy = True
        self.before_waiting()
        self.busy = False


def _encoded(read: bytes | str) -> bytes:
    """Return a line without its newline. As text is how the SDK's tests give it."""
    return without_newline(read.encode() if isinstance(read, str) else read)


def _stream_of_broken(line: bytes) -> str | None:
    """Return the stream of a line that is no JSON, but begins as a RECORD message."""
    begins = BEGINNING.match(line)
    try:
        return str(orjson.loads(begins[1] or begins[2])) if begins else None
    except orjson.JSONDecodeError:
        return None


def _nothing() -> None:
    return None
