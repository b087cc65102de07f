"""The workers of a run: blocks go to them in turn, and their results come back in order.

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
from typing import Any, NamedTuple

from singer_delivery.ahead.assuming import FactRow
from singer_delivery.ahead.wire import LENGTH, Block, frame
from singer_delivery.ahead.worker import Task
from singer_delivery.errors import WorkerLost

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

AT_ONCE = 2
"""Blocks that a worker has at once: one that it maps, one that waits in the pipe."""

PIPE_BYTES = 1024 * 1024
"""The most that Linux lets everybody give to a pipe: a block fits."""

READ_BYTES = 1024 * 1024


class Result(NamedTuple):
    """What a worker made of a block.

    Attributes:
        lines: the block's.
        assumptions: what it assumed, see `Assuming.assumptions`.
        made: a `Made` for each line.
        worker: who it was.
    """

    lines: list[bytes]
    assumptions: list[Any]
    made: list[Any]
    worker: int


class _Process:
    """One worker, and what is on its way to and from it."""

    def __init__(self, task: bytes) -> None:
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
        self._unsent: deque[memoryview] = deque([memoryview(task)])
        self._received = bytearray()
        self.blocks: deque[list[bytes]] = deque()
        self.news: list[FactRow] = []

    def give(self, lines: list[bytes]) -> None:
        """Queue a block."""
        self._unsent.append(memoryview(frame(tuple(Block(self.news, lines)))))
        self.news = []
        self.blocks.append(lines)

    def result(self) -> tuple[Any, Any] | None:
        """Return the next result if it has come."""
        received = self._received
        if len(received) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return None
        with memoryview(received) as view:
            result: tuple[Any, Any] = marshal.loads(view[LENGTH.size : end])  # noqa: S302 - our own
        del received[:end]
        return result

    def move(self) -> None:
        """Write and read what goes without waiting.

        Raises:
            WorkerLost: the process ended.
        """
        try:
            self._write()
            self._read()
        except (BrokenPipeError, EOFError):
            raise WorkerLost(self._process.wait()) from None

    def wants(self) -> tuple[list[int], list[int]]:
        """Return the descriptors to wait for: to read from, to write to."""
        return [self._from], [self._to] if self._unsent else []

    def end(self) -> None:
        """Let it end; it has nothing to lose."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process.wait()

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
            while self.blocks:
                piece = os.read(self._from, READ_BYTES)
                if not piece:
                    raise EOFError
                self._received += piece
                if len(piece) < READ_BYTES:
                    return


class Pool:
    """Workers that map the blocks of one stream. One thread uses it.

    Args:
        task: what they are told once.
        count: how many there are.
    """

    def __init__(self, task: Task, count: int) -> None:
        told = pickle.dumps(task)
        self._workers = [_Process(LENGTH.pack(len(told)) + told) for _ in range(count)]
        self._given = self._taken = 0

    @property
    def is_full(self) -> bool:
        """Whether every worker has as many blocks as it may."""
        return self.waiting >= AT_ONCE * len(self._workers)

    @property
    def waiting(self) -> int:
        """How many blocks were given whose results were not taken."""
        return self._given - self._taken

    def give(self, lines: list[bytes]) -> None:
        """Let the next worker map a block."""
        self._workers[self._given % len(self._workers)].give(lines)
        self._given += 1
        self._move()

    def take(self) -> Result:
        """Return the result of the oldest block, and wait for it if need be.

        Raises:
            WorkerLost: a worker ended.
        """
        number = self._taken % len(self._workers)
        worker = self._workers[number]
        while (found := worker.result()) is None:
            self._wait()
            self._move()
        self._taken += 1
        return Result(worker.blocks.popleft(), *found, number)

    def tell(self, facts: list[FactRow], *, but: int | None = None) -> None:
        """Let the workers know facts with their next blocks, all but one that knows them."""
        for number, worker in enumerate(self._workers):
            if number != but:
                worker.news += facts

    def correct(self, number: int, fact: FactRow) -> None:
        """Let a worker know that it was wrong about something."""
        self._workers[number].news.append(fact)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.end()

    def _move(self) -> None:
        for worker in self._workers:
            worker.move()

    def _wait(self) -> None:
        wants = [worker.wants() for worker in self._workers]
        to_read = [descriptor for reads, _ in wants for descriptor in reads]
        to_write = [descriptor for _, writes in wants for descriptor in writes]
        select.select(to_read, to_write, [], 1.0)


def _widen(descriptor: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # the system's share is used up: it works all the same
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
