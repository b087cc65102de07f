"""What a queued event belongs to, and so what its outcome decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from singer_delivery.events import Event
from singer_delivery.lanes import Ticket
from singer_delivery.updates import Update

State = Mapping[str, Any]


@dataclass(slots=True)
class Chapter:
    """The records up to a STATE message, or to the end of a file.

    Attributes:
        read: how many there are; counted by the thread that takes records.
        decided: how many of them are; counted by any thread, under one lock.
        is_closed: whether no more will come.
        state: given back when all is decided; None at the end of a file.
        file: removed when all is decided.
    """

    read: int = 0
    decided: int = 0
    is_closed: bool = False
    state: State | None = None
    file: Path | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is closed, and all its records are decided."""
        return self.is_closed and self.decided == self.read


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

    def __init__(self, update: Update) -> None:
        super().__init__(update.message)
        self.update = update

    @property
    def event(self) -> Event:
        """The update as an event, but for its body, which is encoded already."""
        of = self.update
        return Event(of.endpoint, of.kind, of.event, of.name, of.at, body={})


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
        receipt.message,
        json.dumps(event.facts),
    )
