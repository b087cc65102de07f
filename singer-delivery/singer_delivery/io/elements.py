"""Reads JSON that is not one value a line as if it were: arrays, and values over many lines. Pure.

    [                            {
      {"a": 1},         or         "a": 1            is read as the lines   {"a": 1}
      {"a": 2}                   } {"a": 2}                                 {"a": 2}
    ]

Tools write such files from exports: `jq .` writes each value over many lines, and `jq --slurp`, or
a program that dumps a list, writes an array. An element comes out with its own digits and escapes,
without the space between its parts. One element is in memory at a time, with a few blocks.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING

import msgspec

from singer_delivery.io.expansion import LONGEST_LINE, MIB, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
"""A byte order mark, with which Windows begins files of UTF-8."""

BETWEEN = re.compile(r"[ \t\r\n,\[\]]*")
"""What stands between elements. An array within the array is read as its elements, too."""

# Nobody asks for the values, only where they end.
_end_of = json.JSONDecoder(parse_int=len, parse_float=len, strict=False).raw_decode


class NoEvents(Unreadable):
    """A file begins like an array of JSON objects, and does not go on like one."""


def without_bom(blocks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield blocks of lines, without the byte order mark before the first."""
    for lines in blocks:
        lines[0] = lines[0].removeprefix(BOM)
        yield lines
        break
    yield from blocks


def one_value_a_line(blocks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield blocks of lines, each of them a value: as they are, or from an array or long values.

    Raises:
        NoEvents: An array or a value over many lines breaks off, or is no JSON.
    """
    for lines in blocks:
        first = next(filter(None, map(bytes.strip, lines)), None)
        if first is not None:
            is_long = begins_long(first)
            yield from _elements(lines, blocks) if is_long else _as_they_are(lines, blocks)
            return
        yield lines


def begins_long(line: bytes) -> bool:
    """Tell whether a file whose first line with text this is holds more than a value a line."""
    if line in (b"[", b"{"):
        return True
    after = line[1:].lstrip()
    # A line such as `[1,2]` is a broken line among others.
    return line[:1] == b"[" and after[:1] in (b"{", b"]", b"")


def _as_they_are(lines: list[bytes], blocks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    yield lines
    yield from blocks


def _elements(lines: list[bytes], blocks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    text = _Text(lines, blocks)
    number = 0
    while found := text.elements():
        number += len(found)
        yield found
    if text.rest:
        msg = (
            f"is an array of JSON, or JSON over many lines, that cannot be read after its first "
            f"{number:,} elements."
        )
        raise NoEvents(msg)


class _Text:
    """The text that is left of a file.

    Attributes:
        rest: what is not read yet; when `elements` returns none, what cannot be read.
    """

    def __init__(self, lines: list[bytes], blocks: Iterator[list[bytes]]) -> None:
        self._blocks = blocks
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self.rest = self._decode(b"\n".join(lines))

    def elements(self) -> list[bytes]:
        """Return the elements that are complete, and read on until there is one."""
        while not (found := self._complete()) and self._grows():
            pass
        return found

    def _complete(self) -> list[bytes]:
        found: list[bytes] = []
        at = _begin(self.rest, 0)
        while at < len(self.rest) and self.rest[at] == "{":
            try:
                end = _end_of(self.rest, at)[1]
            except (ValueError, RecursionError):
                break
            found.append(_compact(self.rest[at:end].encode("utf-8", "surrogateescape")))
            at = _begin(self.rest, end)
        self.rest = self.rest[at:]
        return found

    def _grows(self) -> bool:
        """Read as much again, so that a long element is not tried at each block."""
        before = len(self.rest)
        while self._reads_on() and len(self.rest) < 2 * before:
            pass
        return len(self.rest) > before

    def _reads_on(self) -> bool:
        lines = next(self._blocks, None)
        if lines is None:
            return False
        self.rest += "\n" + self._decode(b"\n".join(lines))
        if len(self.rest) > LONGEST_LINE:
            msg = f"is no export: it has an element of more than {LONGEST_LINE // MIB} MiB."
            raise NoEvents(msg)
        return True


def _begin(text: str, at: int) -> int:
    """Return where the next element begins."""
    found = BETWEEN.match(text, at)
    return found.end() if found else at


def _compact(element: bytes) -> bytes:
    """Return an element on one line; one that is no JSON to its last byte stays as it is."""
    try:
        return msgspec.json.format(element, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return b" ".join(element.split(b"\n"))
