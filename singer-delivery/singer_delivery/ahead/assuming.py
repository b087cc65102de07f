"""What a worker knows of the past, and what it assumed of it while it mapped a block. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from singer_delivery.events import Fact, Mapped

Key = tuple[str, str]

KNOWN = 50_000
"""Facts kept in memory, at least; at most twice as many: 20 MB."""

NEVER, EXACT, SAID = 2**62, -(2**62), -(2**62) - 1
"""As `before` of an assumption, see `AssumptionRow`."""

UNKNOWN = Fact("", "", "", 0)
"""Stands for what was never looked up: unlike None, which says that there is nothing."""


FactRow = tuple[str, str, "str | None", int]
"""A fact, or that there is none where the value is None."""

AssumptionRow = tuple[str, str, "str | None", int, int]
"""Kind, name, value and time of what was known of a place (see `Assuming.assumed`), no value where
there was nothing; and `before`, the earliest time of what was taken for news after it.

A later time of the same value makes no difference as long as it is earlier than that: NEVER where
there was no news. EXACT says that the mapping may have made anything of the fact, SAID that nothing
was assumed: the block itself said it first.
"""


def holds(assumption: AssumptionRow, fact: Fact | None) -> bool:
    """Tell whether a mapping would have got the same answers from this fact.

    But for what was renewed: whoever takes that must leave out what is not later than the fact.
    """
    _, _, value, at, before = assumption
    if before == SAID:
        return True
    if fact is None or value is None:
        return fact is None and value is None
    return fact.value == value and (fact.at == at or at < fact.at < before)


def row_of(fact: Fact) -> FactRow:
    """Return the fact as plain values."""
    return fact.kind, fact.name, fact.value, fact.at


class Assuming:
    """Answers a mapping from what this worker knows; implements `Known`.

    Args:
        read: looks up what is on disk.

    Attributes:
        assumed: of the present block, in the order in which it was first asked for or said. An
            index into it is called a place.
        touched: places that the present record asked for or said something of.
    """

    def __init__(self, read: Callable[[str, str], Fact | None]) -> None:
        self._read = read
        self._known: dict[Key, Fact | None] = {}
        self._older: dict[Key, Fact | None] = {}
        self._places: dict[Key, int] = {}
        self._before: list[int] = []
        self.assumed: list[FactRow] = []
        self.touched: list[int] = []

    def learn(self, facts: Iterable[FactRow]) -> None:
        """Take what came to be known elsewhere; a value of None says that there is nothing."""
        for kind, name, value, at in facts:
            self._known[kind, name] = None if value is None else Fact(kind, name, value, at)

    def begin_block(self) -> None:
        """Forget what was assumed: the next record is the first of a block."""
        if len(self._known) >= KNOWN:  # not within a block, whose places must stay known
            self._known, self._older = {}, self._known
        self._places = {}
        self._before = []
        self.assumed = []

    def begin_record(self) -> None:
        """Forget what the record before touched."""
        self.touched = []

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known; the mapping may make anything of it."""
        key = (kind, name)
        place = self._places.get(key)
        if place is None:
            return self._assume(key, EXACT)
        if self._before[place] != SAID:
            self._before[place] = EXACT
        self.touched.append(place)
        return self._known[key]

    def last_told(self, fact: Fact) -> Fact | None:
        """Return what is known of the same; the mapping only asks whether `fact` is news."""
        key = fact[:2]
        place = self._places.get(key)
        if place is None:
            known = self._assume(key, NEVER)
            place = self.touched[-1]
        else:
            known = self._known[key]
            self.touched.append(place)
        if known is not None and known.value != fact.value and known.at < fact.at:
            self._before[place] = min(self._before[place], fact.at)
        return known

    def believe(self, mapped: Mapped) -> None:
        """Go on as if what a record said were true by now."""
        for event in mapped.events:
            for fact in (*event.claims, *event.facts):
                self._say(fact)
        for fact in mapped.renewed:
            self._say(fact)

    def assumptions(self) -> list[AssumptionRow]:
        """Return what was assumed in this block, place by place."""
        return [(*each, before) for each, before in zip(self.assumed, self._before, strict=True)]

    def _say(self, fact: Fact) -> None:
        key = fact[:2]
        if key not in self._places:
            self._place(key, None, SAID)
        self._known[key] = fact

    def _assume(self, key: Key, before: int) -> Fact | None:
        fact = self._known.get(key, UNKNOWN)
        if fact is UNKNOWN:
            fact = self._older.get(key, UNKNOWN)
            if fact is UNKNOWN:
                fact = self._read(*key)
            self._known[key] = fact
        self._place(key, fact, before)
        return fact

    def _place(self, key: Key, fact: Fact | None, before: int) -> None:
        place = self._places[key] = len(self.assumed)
        self.assumed.append((*key, None, 0) if fact is None else row_of(fact))
        self._before.append(before)
        self.touched.append(place)
