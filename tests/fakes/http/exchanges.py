"""What a fake server writes down of each request, and the ways it can be told to misbehave."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Act:
    """One way to treat a request."""


@dataclass(frozen=True)
class Reply(Act):
    """Answer with this, whatever was asked.

    The length is announced, unless a header says `Transfer-Encoding: chunked`.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_chunked(self) -> bool:
        """Whether the end of the body is marked instead of announced."""
        return self.headers.get("Transfer-Encoding") == "chunked"


@dataclass(frozen=True)
class Delay(Act):
    """Wait, then behave."""

    seconds: float


@dataclass(frozen=True)
class Hold(Act):
    """Wait for `FakeServer.release`, then behave."""


@dataclass(frozen=True)
class DropConnection(Act):
    """Take the request and close the connection; nothing was processed."""


@dataclass(frozen=True)
class LoseReply(Act):
    """Process the request and close the connection without an answer."""


@dataclass(frozen=True)
class ReplyAfter(Act):
    """Process the request, then answer with another reply than the service's own."""

    reply: Reply


@dataclass(frozen=True)
class TruncateBody(Act):
    """Promise the whole body, send the first part of it, close the connection."""

    keep: float = 0.5


@dataclass(frozen=True)
class Stall(Act):
    """Send the status and the first part of the body, wait, send the rest."""

    seconds: float
    keep: float = 0.5


@dataclass
class Exchange:
    """One request and what became of it.

    Attributes:
        number: 1 for the first request of this server.
        query: The last value of each parameter.
        headers: Names in lower case.
        body: The body as received, if the server keeps bodies; else empty.
        status: Of the reply that was sent or begun; None when there was none.
        act: How the server misbehaved; None when it did not.
        started: Position of the arrival among all arrivals and endings.
        finished: Position of the ending; None while it is in flight.
        notes: What a test may want to know about the request, in the words of the fake.
        is_question: Whether it asks something before a run, as its user agent says.
    """

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    started: int
    body_size: int = 0
    body: bytes = b""
    status: int | None = None
    act: Act | None = None
    finished: int | None = None
    notes: set[str] = field(default_factory=set)
    is_question: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether the service gave its own answer and sent all of it."""
        return self.status is not None and isinstance(self.act, (Delay, Hold, Stall, type(None)))


def basic_login(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password of HTTP Basic; None without one, or without a colon in it.

    Args:
        headers: Names in lower case.
    """
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None
