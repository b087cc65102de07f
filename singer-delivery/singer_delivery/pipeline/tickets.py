"""What a queued event belongs to, and so what its outcome decides; and what it is queued with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import orjson

from singer_delivery.io.compression import shrunk
from singer_delivery.ledger.updates import Update
from singer_delivery.model import ENCODED, Event
from singer_delivery.pipeline.chapters import Chapter
from singer_delivery.pipeline.queued import Queued, Ticket


class Dispatch(Protocol):
    """What carries the events: `Dispatcher`, or a dry run's writer."""

    def submit(self, queued: Iterable[Queued]) -> None:
        """Queue events in their order."""

    def hurry(self) -> None:
        """Send what waits for more events."""

    def drain(self) -> None:
        """Return when every submitted event is decided."""

    def raise_if_over(self) -> None:
        """Raise what stopped the run, if anything did."""


class Receipt(Ticket):
    """One record on its way: how many of its events are undecided, and what it came to."""

    __slots__ = ("chapter", "dead", "skipped", "stream", "undecided")

    def __init__(self, message: bytes, stream: str, chapter: Chapter) -> None:
        super().__init__(message)
        self.stream = stream
        self.chapter = chapter
        self.undecided = 0
        self.skipped: str | None = None
        self.dead: str | None = None


class Waiting(Ticket):
    """An update that waited for the end of the run."""

    __slots__ = ("update",)

    overhead = 1_450  # the words of an update are its own

    def __init__(self, update: Update) -> None:
        super().__init__(update.message)
        self.update = update

    @property
    def event(self) -> Event:
        """The update as an event, but for its body, which is encoded already."""
        of = self.update
        return Event(of.endpoint, of.kind, of.event, of.name, of.at, ENCODED)


class Whole(NamedTuple):
    """What all the records that `stream` held back make together.

    Its endpoint takes it or stops the run: it has no dead letters.
    """

    stream: str
    event: Event


class HeldBack(Ticket):
    """The records of a stream that are decided together."""

    __slots__ = ("stream",)

    def __init__(self, stream: str) -> None:
        super().__init__(b"")
        self.stream = stream


def as_update(event: Event, encoded: bytes, receipt: Receipt) -> Update:
    """Return what is kept of a deferred event until the run ends."""
    return Update(
        event.endpoint,
        event.person,
        event.at or 0,
        event.kind,
        event.name,
        receipt.stream,
        encoded,
        shrunk(receipt.message),
        orjson.dumps([tuple(fact) for fact in event.facts]).decode(),
    )
