"""What the process that maps ahead knows of the past: what the ledger would answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern

from singer_delivery.model import Fact, Key, Mapped

KNOWN = 20_000
"""Facts kept in memory, at least; at most twice as many: 16 MB."""

UNKNOWN = Fact("", "", "", 0)
"""Stands for what was never looked up: unlike None, which says that there is nothing."""

FactRow = tuple[str, str, "str | None", int]
"""A fact, or that there is none where the value is None."""


def row_of(key: Key, fact: Fact | None) -> FactRow:
    """Return what is known of something as plain values."""
    return (*key, None, 0) if fact is None else tuple(fact)  # type: ignore[return-value]


def read_row(row: FactRow) -> Fact | None:
    """Return what `row_of` was given."""
    kind, name, value, at = row
    return None if value is None else Fact(intern(kind), name, value, at)


class Mirror:
    """Answers a mapping as the ledger would; implements `Known`.

    What the records before said it knows, since it maps them all. What it does not know it looks up
    on disk, where the ledger may not have put it yet: so that is to be held against the ledger.

    Args:
        read: looks up what is on disk.

    Attributes:
        looked_up: what was on disk of that which this block asked for.
    """

    def __init__(self, read: Callable[[str, str], Fact | None]) -> None:
        self._read = read
        self._known: dict[Key, Fact | None] = {}
        self._older: dict[Key, Fact | None] = {}
        self.looked_up: list[FactRow] = []

    def begin_block(self, news: Iterable[FactRow], *, afresh: bool) -> None:
        """Learn what came to be known elsewhere; first forget all that was, to begin afresh."""
        self.looked_up = []
        if afresh:
            self._known, self._older = {}, {}
        if len(self._known) >= KNOWN:
            self._known, self._older = {}, self._known
        for row in news:
            self._known[row[:2]] = read_row(row)

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known."""
        fact = self._known.get((kind, name), UNKNOWN)
        return self._look_up((kind, name)) if fact is UNKNOWN else fact

    def believe(self, mapped: Mapped) -> None:
        """Take what a record says for true from now on."""
        for event in mapped.events:
            for fact in event.claims:
                self._known[fact[:2]] = fact
            for fact in event.facts:
                self._known[fact[:2]] = fact
        for fact in mapped.renewed:
            self._known[fact[:2]] = fact

    def _look_up(self, key: Key) -> Fact | None:
        fact = self._older.get(key, UNKNOWN)
        if fact is UNKNOWN:
            fact = self._read(*key)
            self.looked_up.append(row_of(key, fact))
        self._known[key] = fact
        return fact
