"""Processes that map blocks, or this process in their place: the results are the same.

Processes are started once a run proves long, and blocks are mapped here until they have come up.
They end with the run, however it ends, and one that is killed stops the run with a sentence.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import msgspec

from singer_delivery.errors import WorkerLost
from singer_delivery.io.collecting import collect_rarely
from singer_delivery.io.retry import LOOK
from singer_delivery.pipeline.blocks import Block
from singer_delivery.pipeline.packing import Packer, Result, Task, Tasks

BLOCKS_EACH = 2
"""Blocks that a process has at once: one that it maps, and one that waits. The run's own process
maps what comes beyond that, instead of waiting, so that no core is idle."""

T = TypeVar("T")


class Part(NamedTuple):
    """Records of one stream of a block, as they travel to another process.

    Attributes:
        task: the pickled `Task`.
        lines: of the records, joined by newlines: no line of JSON holds one, and a thousand objects
            take longer to travel than one.
        decisions: of the records, as MessagePack.
        lanes: of the records, a byte each.
    """

    task: bytes
    lines: bytes
    decisions: bytes
    lanes: bytes


def map_parts(parts: list[Part], spread: int) -> Result:
    """Return what the records of a block become: the work of another process."""
    packer = Packer(spread)
    for pickled, lines, packed, lanes in parts:
        task, decode = _task(pickled)
        packer.add_all(task, lines.split(b"\n"), decode(packed), lanes)
    return packer.result()


def map_here(block: Block, tasks: Tasks) -> Result:
    """Return what the records of a block become, without another process."""
    packer = Packer(block.spread)
    for of, lines, decisions, lanes in block.sections():
        packer.add_all(tasks.of(of), lines, decisions, lanes)
    return packer.result()


def prepare() -> None:
    """Make a process ready to map: it hears no signal of the run's, and ends with the run."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a process of a run"
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    collect_rarely()


class Workers:
    """Maps blocks in other processes, and gives the results back in the order of the blocks.

    Args:
        count: how many processes; 0: none. None: as many as there are cores, less one; they are not
            waited for.
        tasks: says what is to be done with records.
    """

    def __init__(self, count: int | None, tasks: Tasks) -> None:
        self._count = (os.cpu_count() or 1) - 1 if count is None else count
        self._is_waited_for = count is not None
        self._tasks = tasks
        self._pool: ProcessPoolExecutor | None = None
        self._greetings: list[Future[None]] = []
        self._under_way: deque[tuple[Block, Future[Result]]] = deque()

    @property
    def are_up(self) -> bool:
        """Whether there are processes, and all have come up."""
        return self._pool is not None and all(each.done() for each in self._greetings)

    def start(self) -> None:
        """Start the processes, unless they are started or there are to be none.

        Raises:
            WorkerLost: one cannot be started, or ended.
        """
        if self._pool is None and self._count:
            # Not by `fork`: a thread that sends may hold a lock at that moment.
            spawn = multiprocessing.get_context("spawn")
            with _starting():
                self._pool = ProcessPoolExecutor(self._count, spawn, prepare)
                self._greetings = [self._pool.submit(_nothing) for _ in range(self._count)]
        if self._is_waited_for:
            for greeting in self._greetings:
                _outcome(greeting)

    def map(self, block: Block) -> None:
        """Map a block; `results` yields what its records become.

        Raises:
            WorkerLost: a process ended.
        """
        if self._is_waited_for or block.is_full:
            self.start()
        self._under_way.append((block, self._submitted(block)))

    def result(self, check: Callable[[], None], *, is_needed: bool) -> tuple[Block, Result] | None:
        """Return the first block that was not returned yet, and what its records become.

        Args:
            check: raises what stops the run; called again and again while the block is waited for.
            is_needed: whether to wait until the block is mapped.

        Returns:
            None if no block is left, or none that is mapped.

        Raises:
            WorkerLost: a process ended.
        """
        if not self._under_way:
            return None
        block, future = self._under_way[0]
        if not (is_needed or future.done()):
            return None
        while not future.done():
            check()
            wait([future], timeout=LOOK)
        check()  # a signal may have ended the process too
        self._under_way.popleft()
        return block, _outcome(future)

    def close(self) -> None:
        """Let the processes end; what they have under way is left."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _are_busy(self) -> bool:
        """Whether the processes have as many blocks as they should; this one maps the next then."""
        unfinished = sum(not future.done() for _, future in self._under_way)
        return unfinished >= BLOCKS_EACH * self._count

    def _submitted(self, block: Block) -> Future[Result]:
        if self._pool is None or not self.are_up or self._are_busy():
            mapped: Future[Result] = Future()
            mapped.set_result(map_here(block, self._tasks))
            return mapped
        parts = [
            Part(
                self._tasks.pickled(of), b"\n".join(lines), msgspec.msgpack.encode(decisions), lanes
            )
            for of, lines, decisions, lanes in block.sections()
        ]
        with _starting():  # a process that is still missing
            return self._pool.submit(map_parts, parts, block.spread)


@contextmanager
def _starting() -> Iterator[None]:
    """Keep the program's main module from the processes that start in this block.

    A process that is spawned runs the file of `__main__` first (Python docs, multiprocessing, "Safe
    importing of main module"). They need nothing of it, its imports take long, and a script that
    does not expect it would begin the run anew.

    Raises:
        WorkerLost: one cannot be started, or ended.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    except BrokenProcessPool:
        raise WorkerLost from None
    except OSError as error:  # no memory; or no semaphores, as in a container without /dev/shm
        what = f"could not be started ({error.strerror})"
        raise WorkerLost(what) from None
    finally:
        sys.modules["__main__"] = main


def _nothing() -> None:
    """Show that a process has come up."""


def _outcome(future: Future[T]) -> T:
    try:
        return future.result()
    except BrokenProcessPool:
        raise WorkerLost from None


def _end_with(parent: BaseProcess) -> None:
    """End this process when the run's has ended: a run that is killed cannot end it."""
    parent.join()
    os._exit(1)


Decode = Callable[[bytes], list[Any]]

_tasks: dict[bytes, tuple[Task, Decode]] = {}


def _task(pickled: bytes) -> tuple[Task, Decode]:
    found = _tasks.get(pickled)
    if found is None:
        task: Task = pickle.loads(pickled)  # noqa: S301 - from the process that started this one
        decisions = msgspec.msgpack.Decoder(list[task.mapping.decision_type])  # type: ignore[name-defined]
        found = _tasks[pickled] = task, decisions.decode
    return found
