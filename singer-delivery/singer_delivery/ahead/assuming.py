"""What a worker knows of the past, and what it assumed of it while it mapped a block. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from singer_delivery.events import Fact, Mapped

Key = tuple[str, str]

KNOWN = 20_000
"""Facts kept in memory, at least; at most twice as many: 16 MB."""

NEVER, EXACT, SAID = 2**62, -(2**62), -(2**62) - 1
"""As `before` of an assumption, see `AssumptionRow`."""

UNKNOWN = Fact("", "", "", 0)
"""Stands for what was never looked up: unlike None, which says that there is nothing."""


FactRow = tuple[str, str, "str | None", int]
"""A fact, or that there is none where the value is None."""

AssumptionRow = tuple[str, str, "str | None", int, int]
"""Kind, name, value and time of what was known of a place (see `Place`), no value where
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


class Place:
    """One thing of the past that a block asks for or speaks of.

    Attributes:
        number: its place in the order in which the block came to them.
        assumed: what was known when it was first asked for.
        before: see `AssumptionRow`.
        fact: what holds by now.
    """

    __slots__ = ("assumed", "before", "fact", "number")

    def __init__(self, number: int, fact: Fact | None, before: int) -> None:
        self.number = number
        self.assumed = self.fact = fact
        self.before = before


class Assuming:
    """Answers a mapping from what this worker knows; implements `Known`.

    Args:
        read: looks up what is on disk.

    Attributes:
        touched: numbers of the places that the present record asked for or speaks of.
    """

    def __init__(self, read: Callable[[str, str], Fact | None]) -> None:
        self._read = read
        self._known: dict[Key, Fact | None] = {}
        self._older: dict[Key, Fact | None] = {}
        self._places: dict[Key, Place] = {}
        self.touched: list[int] = []

    def learn(self, facts: Iterable[FactRow]) -> None:
        """Take what came to be known elsewhere; a value of None says that there is nothing."""
        for kind, name, value, at in facts:
            self._known[kind, name] = None if value is None else Fact(kind, name, value, at)

    def begin_block(self) -> None:
        """Assume nothing yet: the next record is the first of a block."""
        self._places = {}

    def begin_record(self) -> None:
        """Forget what the record before touched."""
        self.touched = []

    @property
    def places(self) -> int:
        """How many there are so far in this block."""
        return len(self._places)

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known; the mapping may make anything of it."""
        place = self._places.get((kind, name))
        if place is None:
            return self._place((kind, name), EXACT).fact
        place.before = min(place.before, EXACT)
        self.touched.append(place.number)
        return place.fact

    def last_told(self, kind: str, name: str, value: str | None, at: int) -> Fact | None:
        """Return what is known; the mapping only asks whether this is news."""
        place = self._places.get((kind, name))
        if place is None:
            place = self._place((kind, name), NEVER)
        else:
            self.touched.append(place.number)
        known = place.fact
        if known is not None and known[2] != value and known[3] <= at < place.before:
            place.before = at
        return known

    def believe(self, mapped: Mapped) -> None:
        """Go on as if what a record said were true by now."""
        for event in mapped.events:
            if event.claims or event.facts:
                self._say(event.claims)
                self._say(event.facts)
        self._say(mapped.renewed)

    def end_block(self) -> list[AssumptionRow]:
        """Return what was assumed in this block, place by place, and remember what holds now."""
        if len(self._known) >= KNOWN:
            self._known, self._older = {}, self._known
        self._known.update({key: place.fact for key, place in self._places.items()})
        return [_as_row(key, place) for key, place in self._places.items()]

    def _say(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            place = self._places.get(fact[:2])
            if place is None:
                place = self._places[fact[:2]] = Place(len(self._places), None, SAID)
                self.touched.append(place.number)
            place.fact = fact

    def _place(self, key: Key, before: int) -> Place:
        fact = self._known.get(key, UNKNOWN)
        if fact is UNKNOWN:
            fact = self._older.get(key, UNKNOWN)
            if fact is UNKNOWN:
                fact = self._read(*key)
        place = self._places[key] = Place(len(self._places), fact, before)
        self.touched.append(place.number)
        return place


def _as_row(key: Key, place: Place) -> AssumptionRow:
    fact = place.assumed
    return (*key, None, 0, place.before) if fact is None else (*fact, place.before)
