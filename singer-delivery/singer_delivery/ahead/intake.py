"""Takes the results of workers in the order of their records, as if each were mapped in its turn.

A result is taken as it is when nothing it assumed has proved wrong: what was first asked for in
this block is held against the ledger, and no record before it in the block, mapped anew, touched
what it relies on. Else the record is mapped here and now, with the ledger itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from singer_delivery.ahead.assuming import AssumptionRow, FactRow, holds, row_of
from singer_delivery.ahead.pool import Pool, Result
from singer_delivery.ahead.wire import read_outcome
from singer_delivery.events import Fact, Known, Mapped, Unmappable

Key = tuple[str, str]
Encoded = list[bytes]


class Desk(Protocol):
    """Where the records of a stream are taken in their order."""

    def message_of(self, line: bytes) -> bytes:
        """Return the RECORD message that a line stands for."""

    def take_mapped(self, message: bytes, mapped: Mapped, encoded: Encoded) -> None:
        """Take a record that was mapped."""

    def take_unmappable(self, message: bytes, error: Unmappable) -> None:
        """Take a record of which nothing can be made."""

    def map_now(self, line: bytes, known: Known) -> tuple[Mapped, Encoded]:
        """Map a line here.

        Raises:
            Unmappable: nothing can be made of it.
        """


class Intake:
    """The way of blocks through the workers to the desk.

    Args:
        pool: the workers.
        known: what is known when a record's turn comes: the ledger.
        desk: takes the records.
    """

    def __init__(self, pool: Pool, known: Known, desk: Desk) -> None:
        self._pool = pool
        self._known = known
        self._desk = desk
        self._in_order: deque[Callable[[], None] | None] = deque()  # None: the next block
        self.remapped = 0

    def give(self, lines: list[bytes]) -> None:
        """Take lines, in their turn."""
        while self._pool.is_full:
            self._take_next()
        self._pool.give(lines)
        self._in_order.append(None)

    def then(self, action: Callable[[], None]) -> None:
        """Do something when all that was given before is taken."""
        self._in_order.append(action)
        self._act()

    def drain(self) -> None:
        """Return when all that was given is taken."""
        while self._in_order:
            self._take_next()

    def close(self) -> None:
        """End the workers; what was given and not taken is left."""
        self._pool.close()

    def _take_next(self) -> None:
        """Take the oldest block, and do what was to follow it."""
        self._in_order.popleft()
        self._take(self._pool.take())
        self._act()

    def _act(self) -> None:
        while self._in_order and (action := self._in_order[0]) is not None:
            self._in_order.popleft()
            action()

    def _take(self, result: Result) -> None:
        checks = _Checks(result.assumptions, self._known)
        for line, (places, touched, outcome) in zip(result.lines, result.made, strict=True):
            if checks.hold(places, touched):
                self._accept(line, outcome, result.worker)
            else:
                self._map_anew(line, touched, checks)
        for fact in checks.corrections:
            self._pool.correct(result.worker, fact)

    def _accept(self, line: bytes, outcome: tuple[Any, ...], worker: int) -> None:
        message = self._desk.message_of(line)
        if len(outcome) == 2:
            self._desk.take_unmappable(message, Unmappable(*outcome))
            return
        mapped, encoded = read_outcome(outcome)
        self._tell(mapped, but=worker)
        self._desk.take_mapped(message, mapped, encoded)

    def _map_anew(self, line: bytes, touched: Iterable[int], checks: _Checks) -> None:
        self.remapped += 1
        message, watched = self._desk.message_of(line), _Watched(self._known)
        try:
            mapped, encoded = self._desk.map_now(line, watched)
        except Unmappable as error:
            checks.spoil(touched, watched.asked)
            self._desk.take_unmappable(message, error)
            return
        checks.spoil(touched, watched.asked | {fact[:2] for fact in said_by(mapped)})
        self._tell(mapped)
        self._desk.take_mapped(message, mapped, encoded)

    def _tell(self, mapped: Mapped, *, but: int | None = None) -> None:
        said = [row_of(fact) for event in mapped.events for fact in (*event.claims, *event.facts)]
        if said:
            self._pool.tell(said, but=but)


class _Checks:
    """Whether what a block assumed is true, record by record."""

    def __init__(self, assumptions: list[AssumptionRow], known: Known) -> None:
        self._assumptions = assumptions
        self._known = known
        self._checked = 0
        self._spoilt: set[int] = set()
        self._places: dict[Key, int] | None = None
        self.corrections: list[FactRow] = []

    def hold(self, places: int, touched: Iterable[int]) -> bool:
        """Tell whether the next record may be taken as it is; see `wire.Made`."""
        is_true = True
        for place in range(self._checked, places):
            kind, name, *_ = assumption = self._assumptions[place]
            fact = self._known.recall(kind, name)
            if not holds(assumption, fact):
                is_true = False
                self.corrections.append((kind, name, None, 0) if fact is None else row_of(fact))
        self._checked = places
        return is_true and (not self._spoilt or self._spoilt.isdisjoint(touched))

    def spoil(self, places: Iterable[int], keys: Iterable[Key]) -> None:
        """Say that a record was mapped anew, which touched these places and keys."""
        if self._places is None:
            self._places = {each[:2]: place for place, each in enumerate(self._assumptions)}
        self._spoilt.update(places)
        self._spoilt.update(self._places[key] for key in keys if key in self._places)


class _Watched:
    """The known past, and a note of what was asked of it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.asked: set[Key] = set()

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known; see `Known`."""
        self.asked.add((kind, name))
        return self._known.recall(kind, name)

    def last_told(self, fact: Fact) -> Fact | None:
        """Return what is known of the same; see `Known`."""
        self.asked.add(fact[:2])
        return self._known.last_told(fact)


def said_by(mapped: Mapped) -> Iterator[Fact]:
    """Yield every fact that a record says."""
    for event in mapped.events:
        yield from event.claims
        yield from event.facts
    yield from mapped.renewed
