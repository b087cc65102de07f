"""When a STATE value may be given back, and a file be removed.

Both wait until every record before them is delivered, skipped or dead, and until the dead letters
and the ledger are on disk. Writing these costs little beside what it takes to begin. So while more
records come it is done once in a while; as soon as the input rests, at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from singer_delivery.model import Decision
from singer_delivery.pipeline.blocks import Block, State
from singer_delivery.pipeline.pieces import Piece

SAVE_EVERY = 1.0
"""Seconds between two saves while more keeps coming: what a killed run sends again is that much
more, and what is said of one person a hundred times within them is written once."""


class Checkpoints:
    """The blocks that are not settled, the oldest first. One thread adds to the last of them.

    Args:
        settle: lets the facts and counts of a block last; called for each block, in order.
        save: puts on disk what has settled.
        emit: receives each STATE value that may be given back, in order.
        cover: takes note of each of them before the save.

    Attributes:
        lock: guards what becomes of blocks.
        last: the block that takes records.
        settled: the number up to which all blocks are settled.
        size: bytes that unsettled blocks take.
    """

    def __init__(
        self,
        settle: Callable[[Block], None],
        save: Callable[[], None],
        emit: Callable[[State], None],
        cover: Callable[[State], None] = lambda _state: None,
    ) -> None:
        self.lock = threading.RLock()
        self.last = Block(0)
        self.settled = -1
        self.size = 0
        self._unsettled = deque([self.last])
        self._settle, self._save, self._emit, self._cover = settle, save, emit, cover
        self._states: deque[State] = deque()
        self._files: deque[Path] = deque()
        self._is_holding = False
        self._due = -math.inf
        self._is_resting = False

    def next_block(self) -> Block:
        """Close the last block and begin another; return the closed one."""
        with self.lock:
            closed, self.last = self.last, Block(self.last.number + 1)
            self._unsettled.append(self.last)
            self.size += closed.size
            self._is_resting = False
        return closed

    def finished(self, pieces: Iterable[Piece]) -> None:
        """Take note that every event of some pieces is decided: see `dispatcher.Finished`."""
        with self.lock:
            for piece in pieces:
                if piece.block is not None and piece.block.undecided is not None:
                    piece.block.undecided.discard(piece)
        self.complete()

    def complete(self) -> None:
        """Take note that a block may have become complete: settle those that can be."""
        with self.lock:
            while self._unsettled[0].is_complete:
                self._pass(self._unsettled.popleft())
            if self._is_resting or time.monotonic() >= self._due:
                self._give_back()

    def rest(self) -> None:
        """Wait with nothing until another block begins: the input rests, or has ended."""
        with self.lock:
            self._is_resting = True
        self.complete()

    def release(self) -> None:
        """Let go of what waited for records that are sent when the run ends."""
        with self.lock:
            self._is_holding = False

    def unsettled(self) -> list[tuple[Block, set[int]]]:
        """Return each block that is not settled, and the places of its undecided records."""
        with self.lock:
            return [(block, block.undecided_records()) for block in self._unsettled]

    def decision_of_first(self) -> Decision | None:
        """Return the decision of the first record that is not settled; None without any.

        It takes no lock: who asks only shows it, and must not wait for a STATE that nobody reads.
        """
        decisions = self._unsettled[0].decisions
        return decisions[0] if decisions else None

    def _pass(self, block: Block) -> None:
        self._settle(block)
        self.settled = block.number
        self.size -= block.size
        if block.gathers and not self._is_holding:
            self._give_back()  # what came before waits for nothing
            self._is_holding = True
        self._states += block.states
        self._files += block.files
        block.release()

    def _give_back(self) -> None:
        if self._is_holding or not (self._states or self._files):
            return
        for state in self._states:
            self._cover(state)
        self._save()  # first: where it fails, these states stay the next to be given back
        while self._states:
            self._emit(self._states[0])
            self._states.popleft()
        while self._files:
            self._files.popleft().unlink(missing_ok=True)
        self._due = time.monotonic() + SAVE_EVERY
