"""How an export goes wrong after its 200: acts for `FakeServer.misbehave`.

Sources: public reports of exports that ended with a line of text, in the middle of a gzip member or
of a line. What breaks before the 200 is a `Reply` of `refusals`, a `DropConnection`, a `Delay`; a
connection that breaks in the body is a `TruncateBody`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.http.exchanges import Act
from tests.fakes.mixpanel_export.refusals import TERMINATED

CORRUPT = b'{"event":"Cut in two","properties":{"time":17'


@dataclass(frozen=True)
class Spoiled(Act):
    """Change what was answered; the status stays 200 and the connection ends cleanly."""

    def body(self, lines: list[bytes]) -> bytes:
        """Write the rows, before they are compressed."""
        return whole(lines)

    def encoded(self, body: bytes) -> bytes:
        """Change the bytes that are sent."""
        return body


@dataclass(frozen=True)
class EndsEarly(Spoiled):
    """The first rows, then a line of text. With `keep=0` that line is all."""

    keep: float = 0.5
    marker: bytes = TERMINATED
    newline: bool = True

    def body(self, lines: list[bytes]) -> bytes:
        kept = lines[: int(len(lines) * self.keep)]
        return whole(kept) + self.marker + (b"\n" if self.newline else b"")


@dataclass(frozen=True)
class CutLine(Spoiled):
    """The first rows; the last of them lacks its end."""

    keep: float = 0.5

    def body(self, lines: list[bytes]) -> bytes:
        return whole(lines[: max(1, int(len(lines) * self.keep))])[:-3]


@dataclass(frozen=True)
class CorruptLines(Spoiled):
    """Some lines in the middle that are no JSON; all rows are there besides."""

    count: int = 1
    line: bytes = CORRUPT

    def body(self, lines: list[bytes]) -> bytes:
        middle = len(lines) // 2
        return whole([*lines[:middle], *[self.line] * self.count, *lines[middle:]])


@dataclass(frozen=True)
class CutGzip(Spoiled):
    """A gzip member without its end. A body that came plain is cut in the same way."""

    keep: float = 0.5

    def encoded(self, body: bytes) -> bytes:
        return body[: int(len(body) * self.keep)]


def whole(lines: list[bytes]) -> bytes:
    """The rows of a body that ends as it should."""
    return b"".join(line + b"\n" for line in lines)
