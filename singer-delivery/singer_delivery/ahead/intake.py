"""Takes what was mapped ahead in the order of the records, as if each were mapped in its turn.

The mapper gets every line, in order, so it knows what the lines before it will say. It is wrong
only about what it cannot have seen: a fact taken back because the event that told it was refused; a
record that was taken without it; a fact that it forgot and looked up on disk before the ledger had
put it there. All of these are noticed. Then this block, and those that are under way already, are
mapped here and now, with the ledger itself, and the mapper is told what holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from sys import intern
from typing import Protocol

from singer_delivery.ahead.mirror import FactRow, read_row, row_of
from singer_delivery.ahead.wire import Block, Result, touched_by
from singer_delivery.ahead.worker import Task
from singer_delivery.mapping.cleaning import is_surely_clean
from singer_delivery.model import Fact, Key, Known


class Mapper(Protocol):
    """What maps blocks in order; `Process` is the real one."""

    @property
    def is_ready(self) -> bool:
        """Whether it has come up; until then it is given nothing."""

    @property
    def is_full(self) -> bool:
        """Whether it has as many blocks as it may."""

    def learn(self, task: Task) -> int:
        """Tell of a task, and return its number."""

    def give(self, block: Block) -> None:
        """Let it map a block."""

    def take(self) -> Result:
        """Return the result of the oldest block."""

    def close(self) -> None:
        """Let it end."""


class Truth(Known, Protocol):
    """What is known when a record's turn comes: the ledger."""

    def in_memory(self) -> Mapping[Key, Fact | None]:
        """Return all that may not be on disk, and more."""

    def agrees(self, key: Key, on_disk: Fact | None) -> bool:
        """Tell whether what was on disk a moment ago is what is known."""

    def taken_back(self) -> set[Key]:
        """Return what proved untrue since the last call, or may have, by kind and name."""


class Desk(Protocol):
    """Where the records of a stream are taken in their order."""

    @property
    def task(self) -> int:
        """The number of what is to be done with them."""

    @property
    def taken_otherwise(self) -> int:
        """How many records, of any stream, were taken past every desk."""

    def take(self, lines: list[bytes], result: Result) -> None:
        """Take lines as they were mapped."""

    def map_here(self, line: bytes) -> list[Fact]:
        """Map a line with the ledger, take what it becomes, and return what it says."""


class Intake:
    """The way of blocks through the mapper to their desks.

    Args:
        mapper: maps them.
        truth: the ledger.

    Attributes:
        remapped: how many records were mapped here after all.
    """

    def __init__(self, mapper: Mapper, truth: Truth) -> None:
        self._mapper = mapper
        self._truth = truth
        # Blocks that are under way, each with its desk; and what is to be done between them.
        self._in_order: deque[tuple[Desk, list[bytes]] | Callable[[], None]] = deque()
        self._taken_otherwise = -1
        self._wrong: set[Key] = set()
        self.remapped = 0

    def learn(self, task: Task) -> int:
        """Tell the mapper of a task, and return its number."""
        return self._mapper.learn(task)

    def give(self, desk: Desk, lines: list[bytes]) -> None:
        """Take lines, in their turn; at once as long as the mapper is not ready."""
        if not self._mapper.is_ready:
            for line in lines:
                desk.map_here(line)
            return
        while self._mapper.is_full:
            self._take_next()
        afresh = desk.taken_otherwise != self._taken_otherwise
        if afresh or self._is_wrong():
            self.drain()
        news = self._everything() if afresh else self._corrections()
        self._taken_otherwise = desk.taken_otherwise
        unclear = [number for number, line in enumerate(lines) if not is_surely_clean(line)]
        self._mapper.give(Block(desk.task, afresh, news, lines, unclear))
        self._in_order.append((desk, lines))

    def then(self, action: Callable[[], None]) -> None:
        """Do something when all that was given before is taken."""
        self._in_order.append(action)
        self._act()

    def drain(self) -> None:
        """Return when all that was given is taken."""
        while self._in_order:
            self._take_next()

    def close(self) -> None:
        """End the mapper; what was given and not taken is left."""
        self._mapper.close()

    def _take_next(self) -> None:
        """Take the oldest block, and do what was to follow it."""
        block = self._in_order.popleft()
        assert not callable(block)
        desk, lines = block
        result = self._mapper.take()
        if not self._is_wrong() and self._is_true(result):
            desk.take(lines, result)
        else:
            self._wrong.update(touched_by(result))
            for line in lines:
                self._wrong.update(fact[:2] for fact in desk.map_here(line))
            self.remapped += len(lines)
        self._act()

    def _act(self) -> None:
        while self._in_order and callable(action := self._in_order[0]):
            self._in_order.popleft()
            action()

    def _is_wrong(self) -> bool:
        """Tell whether the mapper is wrong about anything, as far as is known."""
        self._wrong |= self._truth.taken_back()
        return bool(self._wrong)

    def _is_true(self, result: Result) -> bool:
        """Tell whether what was found on disk is what the ledger knows."""
        agrees = self._truth.agrees
        return all(agrees((intern(row[0]), row[1]), read_row(row)) for row in result.looked_up)

    def _everything(self) -> list[FactRow]:
        self._wrong = set()
        return [row_of(key, fact) for key, fact in self._truth.in_memory().items()]

    def _corrections(self) -> list[FactRow]:
        """Return what the mapper is wrong about; all that it mapped is taken by now."""
        wrong, self._wrong = self._wrong, set()
        return [row_of(key, self._truth.recall(*key)) for key in wrong]
