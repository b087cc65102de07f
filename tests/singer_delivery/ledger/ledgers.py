"""Ledgers under test: facts and updates to put into them, and a second look at the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from singer_delivery.ledger.accepted import Accepted, AcceptedEvent
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.update import Update
from singer_delivery.model import Delivery, Fact

FIRST, SECOND, THIRD = (0, 0), (0, 1), (0, 2)
"""Records of the first block."""


def fact(name: str = "ann", value: str = "v1", at: int = 1) -> Fact:
    return Fact("person", name, value, at)


def update(name: str = "ann", at: int = 1, **more: Any) -> Update:
    fields = {"encoded": b"{}", "message": b"{}", "facts": "[]", **more}
    return Update("/engage", name, at, "person", "$set", "people", **fields)


def accepted(of: Delivery, name: str = "", source_name: str = "", hour: int = 0) -> Accepted:
    """Return an event that was delivered; without a name it is listed and not counted."""
    return Accepted.one(AcceptedEvent(*of, hour, name, source_name))


@contextmanager
def opened(url: str, scope: str = "project", *, keep: bool = True) -> Iterator[Ledger]:
    ledger = Ledger(url, scope, keep=keep)
    try:
        yield ledger
    finally:
        ledger.close()


def last(ledger: Ledger, *facts: Fact, block: int = 0) -> None:
    """Let a block say these facts, and settle it."""
    for place, each in enumerate(facts):
        ledger.say([each], (block, place))
    ledger.settle(block)


def on_disk(url: str, name: str = "ann", scope: str = "project") -> Fact | None:
    """Return what a second ledger, with its own connection, reads."""
    with opened(url, scope) as other:
        return other.recall("person", name)


def waiting_on_disk(url: str, scope: str = "project") -> list[Update]:
    """Return the updates that a second ledger, with its own connection, reads."""
    with opened(url, scope) as other:
        return list(other.updates())


def writes_wait(ledger: Ledger) -> tuple[threading.Event, threading.Event]:
    """Let writes wait; return what tells that one has begun, and what lets it go on."""
    is_writing, may_go_on, write = threading.Event(), threading.Event(), ledger._store.write

    def slowly(*rows: Any) -> None:
        is_writing.set()
        assert may_go_on.wait(10)
        write(*rows)

    ledger._store.write = slowly  # type: ignore[method-assign]
    return is_writing, may_go_on
