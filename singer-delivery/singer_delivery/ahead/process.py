"""The process that maps ahead: blocks go to it, and their results come back in order.

All of it happens in the thread that asks: pipes are read and written as far as they go without
waiting, so that neither side can wait for the other.
"""

from __future__ import annotations

import marshal
import os
import pickle
import select
import subprocess
import sys
from collections import deque
from contextlib import suppress
from typing import Any

from singer_delivery.ahead.wire import LENGTH, Block, Result, frame
from singer_delivery.ahead.worker import LedgerAddress, Task
from singer_delivery.errors import WorkerLost

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

AT_ONCE = 2
"""Blocks that it has at once: one that it maps, one that waits in the pipe."""

PIPE_BYTES = 1024 * 1024
"""The most that Linux lets everybody give to a pipe: a block fits."""

READ_BYTES = 1024 * 1024


class Process:
    """The process that maps ahead, and what is on its way to and from it. One thread uses it.

    Args:
        ledger: where it looks up what it does not know.
    """

    def __init__(self, ledger: LedgerAddress) -> None:
        command = [sys.executable, "-m", "singer_delivery.ahead.worker"]
        self._process = subprocess.Popen(  # noqa: S603 - this very Python
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        for descriptor in (self._to, self._from):
            os.set_blocking(descriptor, False)
            _widen(descriptor)
        told = pickle.dumps(ledger)
        self._unsent = deque([memoryview(LENGTH.pack(len(told)) + told)])
        self._received = bytearray()
        self._has_come_up = False
        self._waited_for = 0
        self._tasks = 0

    @property
    def is_ready(self) -> bool:
        """Whether it has come up: imports take it some tenths of a second.

        Raises:
            WorkerLost: the process ended.
        """
        if not self._has_come_up:
            self._move()
            self._has_come_up = self._next_frame() is not None
        return self._has_come_up

    def come_up(self) -> None:
        """Return when it has come up.

        Raises:
            WorkerLost: the process ended.
        """
        while not self.is_ready:
            self._wait()

    @property
    def is_full(self) -> bool:
        """Whether it has as many blocks as it may."""
        return self._waited_for >= AT_ONCE

    def learn(self, task: Task) -> int:
        """Tell of a task, and return its number."""
        self._unsent.append(memoryview(frame(pickle.dumps(task))))
        self._tasks += 1
        return self._tasks - 1

    def give(self, block: Block) -> None:
        """Let it map a block."""
        self._unsent.append(memoryview(frame(tuple(block))))
        self._waited_for += 1
        self._move()

    def take(self) -> Result:
        """Return the result of the oldest block, and wait for it if need be.

        Raises:
            WorkerLost: the process ended.
        """
        while (found := self._next_frame()) is None:
            self._wait()
            self._move()
        self._waited_for -= 1
        return Result(*found)

    def close(self) -> None:
        """Let it end; it has nothing to lose."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process.wait()

    def _next_frame(self) -> Any:
        """Return the content of the next frame that has come whole, None until then."""
        received = self._received
        if len(received) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return None
        with memoryview(received) as view:
            content = marshal.loads(view[LENGTH.size : end])  # noqa: S302 - our own
        del received[:end]
        return content

    def _wait(self) -> None:
        """Wait until something can be read, or written if there is anything to write."""
        select.select([self._from], [self._to] if self._unsent else [], [], 1.0)

    def _move(self) -> None:
        """Write and read what goes without waiting.

        Raises:
            WorkerLost: the process ended.
        """
        try:
            self._write()
            self._read()
        except (BrokenPipeError, EOFError):
            raise WorkerLost(self._process.wait()) from None

    def _write(self) -> None:
        with suppress(BlockingIOError):
            while self._unsent:
                rest = self._unsent[0]
                written = os.write(self._to, rest)
                if written == len(rest):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = rest[written:]

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while self._waited_for or not self._has_come_up:
                piece = os.read(self._from, READ_BYTES)
                if not piece:
                    raise EOFError
                self._received += piece
                if len(piece) < READ_BYTES:
                    return


def _widen(descriptor: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # the system's share is used up: it works all the same
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
