"""Which records a STATE value covers, and when it may be given back.

Records are counted in chapters, each closed by a STATE message or by the end of a file. A chapter
is settled when every record in it is delivered, skipped or dead. When it and all before it are
settled, what they led to is put on disk, and only then its STATE leaves and its file is removed.

What is put on disk is little beside what it takes to put it there. So while more keeps coming it is
done once in a while; as soon as the input rests, at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Any

State = Mapping[str, Any]

SAVE_EVERY = 1.0
"""Seconds between two saves while more keeps coming: what a killed run sends again is that much
more, and what is said of one person a hundred times within them is written once."""


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


class Chapters:
    """The chapters that are not settled, the oldest first. One thread reads into the last of them.

    Args:
        lock: guards what is decided.
        save: puts on disk what is decided.
        emit: receives each STATE value whose records are all decided, in order.
    """

    def __init__(
        self, lock: threading.RLock, save: Callable[[], None], emit: Callable[[State], None]
    ) -> None:
        self.last = Chapter()
        self._unsettled = deque([self.last])
        self._lock = lock
        self._save = save
        self._emit = emit
        self._due = -math.inf
        self._resting = False

    def close(self, *, state: State | None = None, file: Path | None = None) -> None:
        """End the last chapter and begin another."""
        with self._lock:
            ended, self.last = self.last, Chapter()
            self._unsettled.append(self.last)
            ended.state, ended.file, ended.is_closed = state, file, True
            self._resting = False
        self.settle()

    def rest(self) -> None:
        """Wait with nothing until another chapter is closed: the input rests, or has ended."""
        with self._lock:
            self._resting = True
        self.settle()

    def settle(self) -> None:
        """Give back the STATE of every chapter that is settled, and remove its file, when due."""
        if not self._resting and time.monotonic() < self._due:
            return
        with self._lock:
            settled = list(takewhile(attrgetter("is_settled"), self._unsettled))
            if settled:
                self._save()  # first: where it fails, these chapters stay the next to settle
            for chapter in settled:
                if chapter.state is not None:
                    self._emit(chapter.state)
                if chapter.file is not None:
                    chapter.file.unlink(missing_ok=True)
                self._unsettled.popleft()
            if settled:
                self._due = time.monotonic() + SAVE_EVERY
