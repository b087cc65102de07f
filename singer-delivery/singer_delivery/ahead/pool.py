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
from collections.abc import Sequence
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
    """What a worker made of its lines of a block.

    Attributes:
        assumptions: what it assumed, see `AssumptionRow`.
        made: a `Made` for each line.
    """

    assumptions: list[Any]
    made: list[Any]


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
        self._waited_for = 0
        self.news: list[FactRow] = []

    def give(self, lines: list[bytes]) -> None:
        """Queue a block."""
        self._unsent.append(memoryview(frame(tuple(Block(self.news, lines)))))
        self.news = []
        self._waited_for += 1

    def result(self) -> Result | None:
        """Return the next result if it has come."""
        received = self._received
        if len(received) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return None
        with memoryview(received) as view:
            result = Result(*marshal.loads(view[LENGTH.size : end]))  # noqa: S302 - our own
        del received[:end]
        self._waited_for -= 1
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
            while self._waited_for:
                piece = os.read(self._from, READ_BYTES)
                if not piece:
                    raise EOFError
                self._received += piece
                if len(piece) < READ_BYTES:
                    return


class Pool:
    """Workers that map the blocks of one stream, each a part of every block. One thread uses it.

    Args:
        task: what they are told once.
        count: how many there are.
    """

    def __init__(self, task: Task, count: int) -> None:
        told = pickle.dumps(task)
        self._workers = [_Process(LENGTH.pack(len(told)) + told) for _ in range(count)]
        self._waiting = 0
        self.count = count

    @property
    def is_full(self) -> bool:
        """Whether the workers have as many blocks as they may."""
        return self._waiting >= AT_ONCE

    def give(self, parts: list[list[bytes]]) -> None:
        """Let the workers map a block: each its part."""
        for worker, lines in zip(self._workers, parts, strict=True):
            worker.give(lines)
        self._waiting += 1
        self._move()

    def take(self) -> list[Result]:
        """Return the results of the oldest block, and wait for them if need be.

        Raises:
            WorkerLost: a worker ended.
        """
        results = []
        for worker in self._workers:
            while (found := worker.result()) is None:
                self._wait()
                self._move()
            results.append(found)
        self._waiting -= 1
        return results

    def tell(self, facts: Sequence[FactRow], *, but: int | None = None) -> None:
        """Let the workers know facts with their next blocks, all but one that knows them."""
        if facts:
            for number, worker in enumerate(self._workers):
                if number != but:
                    worker.news += facts

    def correct(self, number: int, facts: Sequence[FactRow]) -> None:
        """Let a worker know what it was wrong about."""
        self._workers[number].news += facts

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
