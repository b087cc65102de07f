"""Takes the results of workers in the order of their records, as if each were mapped in its turn.

The records of one device all go to one worker, which so knows most of what their mapping asks. A
result is taken as it is when nothing it assumed has proved wrong: what the worker first asked for
in this block is held against the ledger, and what it asked for again was told anew by nobody else.
Else the record is mapped here and now, with the ledger itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

from singer_delivery.ahead.assuming import AssumptionRow, FactRow, holds, row_of
from singer_delivery.ahead.pool import Pool, Result
from singer_delivery.ahead.wire import news_in, read_outcome, said_in
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

    def whose(self, line: bytes) -> bytes:
        """Return what the lines of one device have in common; see `AheadMapping`."""

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
        # Blocks, each with the worker of each of its lines; and what is to be done between them.
        self._in_order: deque[tuple[list[bytes], list[int]] | Callable[[], None]] = deque()
        self.remapped = 0

    def give(self, lines: list[bytes]) -> None:
        """Take lines, in their turn."""
        while self._pool.is_full:
            self._take_next()
        count, whose = self._pool.count, self._desk.whose
        workers = [hash(whose(line)) % count for line in lines]
        parts: list[list[bytes]] = [[] for _ in range(count)]
        for worker, line in zip(workers, lines, strict=True):
            parts[worker].append(line)
        self._pool.give(parts)
        self._in_order.append((lines, workers))

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
        block = self._in_order.popleft()
        assert not callable(block)
        self._take(*block, self._pool.take())
        self._act()

    def _act(self) -> None:
        while self._in_order and callable(action := self._in_order[0]):
            self._in_order.popleft()
            action()

    def _take(self, lines: list[bytes], workers: list[int], results: list[Result]) -> None:
        checks = [_Checks(result.assumptions, self._known) for result in results]
        made = [iter(result.made) for result in results]
        for line, worker in zip(lines, workers, strict=True):
            places, touched, outcome = next(made[worker])
            if checks[worker].hold(places, touched, outcome):
                said = self._accept(line, outcome)
                self._pool.tell(said, but=worker)
            else:
                said = self._map_anew(line)
                checks[worker].spoil(said_in(outcome), said)
                self._pool.tell(said)
            if said:
                for number, others in enumerate(checks):
                    if number != worker:
                        others.changed(said)
        for worker, of in enumerate(checks):
            self._pool.correct(worker, of.corrections)

    def _accept(self, line: bytes, outcome: tuple[Any, ...]) -> Sequence[FactRow]:
        """Take a result as it is, and return what it says that is new."""
        message = self._desk.message_of(line)
        if len(outcome) == 2:
            self._desk.take_unmappable(message, Unmappable(*outcome))
            return ()
        self._desk.take_mapped(message, *read_outcome(outcome))
        return list(news_in(outcome))

    def _map_anew(self, line: bytes) -> Sequence[FactRow]:
        """Map a line in its turn, take what it becomes, and return what it says."""
        self.remapped += 1
        message = self._desk.message_of(line)
        try:
            mapped, encoded = self._desk.map_now(line, self._known)
        except Unmappable as error:
            self._desk.take_unmappable(message, error)
            return ()
        self._desk.take_mapped(message, mapped, encoded)
        return [row_of(fact) for fact in said_by(mapped)]


class _Checks:
    """Whether what one worker assumed in a block is true, record by record."""

    def __init__(self, assumptions: list[AssumptionRow], known: Known) -> None:
        self._assumptions = assumptions
        self._known = known
        self._checked = 0
        self._spoilt: set[int] = set()
        self.corrections: list[FactRow] = []

    @cached_property
    def _places(self) -> dict[Key, int]:
        return {each[:2]: place for place, each in enumerate(self._assumptions)}

    def hold(self, places: int, touched: Iterable[int], outcome: tuple[Any, ...]) -> bool:
        """Tell whether the next record may be taken as it is; see `wire.Made`."""
        is_true = True
        for place in range(self._checked, places):
            kind, name, *_ = assumption = self._assumptions[place]
            fact = self._known.recall(kind, name)
            if not holds(assumption, fact):
                is_true = False
                self._spoilt.add(place)
                self.corrections.append((kind, name, None, 0) if fact is None else row_of(fact))
        self._checked = places
        if self._spoilt and not self._spoilt.isdisjoint(touched):
            return False
        return is_true and all(map(self._is_news, news_in(outcome)))

    def _is_news(self, row: FactRow) -> bool:
        """Tell whether this still is news: what it is to replace may have been renewed since."""
        known = self._known.recall(row[0], row[1])
        return known is None or (known.at < row[3] and known.value != row[2])

    def changed(self, rows: Iterable[FactRow]) -> None:
        """Note what the record of another worker says: it is not what was known in this block."""
        for row in rows:
            place = self._places.get(row[:2])
            if place is not None and place < self._checked:
                self._spoilt.add(place)

    def spoil(self, before: Iterable[FactRow], now: Iterable[FactRow]) -> None:
        """Note what a record that was mapped anew says, and what was believed that it says.

        Where both agree, what follows stands on true ground again.
        """
        believed, true = {row[:2]: row for row in before}, {row[:2]: row for row in now}
        for key in believed.keys() | true.keys():
            place = self._places.get(key)
            if place is None:
                continue
            if believed.get(key) == true.get(key):
                self._spoilt.discard(place)
            else:
                self._spoilt.add(place)


def said_by(mapped: Mapped) -> Iterator[Fact]:
    """Yield every fact that a record says, in this order."""
    for event in mapped.events:
        yield from event.claims
        yield from event.facts
    yield from mapped.renewed
