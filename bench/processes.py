"""Runs commands as a shell's pipe does, and measures what they take: time, CPU, memory.

CPU time is the kernel's account of a command and of all children it waited for. Memory is read from
/proc while a command runs, of itself and of all that it started; elsewhere than on Linux it is 0.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

LOOK = 0.1
"""Seconds between two looks at the memory. The kernel's high-water mark tells what lies between."""

Command = Sequence[str]


class RunFailed(Exception):  # noqa: N818 - what happened, as the model codebases name it
    """A command ended with an error, or something was lost: the figures would mean nothing."""


@dataclass(frozen=True)
class Usage:
    """What one command took, all that it started included.

    Attributes:
        cpu: seconds, of user and system.
        largest_mb: highest memory of its largest process.
        total_mb: highest memory of all its processes together. What they share counts in each.
    """

    cpu: float
    largest_mb: float
    total_mb: float


@dataclass(frozen=True)
class Measured:
    """What a pipe took, and what its last command wrote to standard output."""

    seconds: float
    usages: tuple[Usage, ...]
    output: bytes

    @property
    def cpu(self) -> float:
        """CPU seconds of all commands."""
        return sum(usage.cpu for usage in self.usages)

    @property
    def largest_mb(self) -> float:
        """Highest memory of the largest process."""
        return max(usage.largest_mb for usage in self.usages)

    @property
    def total_mb(self) -> float:
        """Highest memory of each command with all its processes, added up."""
        return sum(usage.total_mb for usage in self.usages)


class Pipe:
    """Commands that run as a pipe.

    Args:
        commands: the output of each is the input of the next.
        work: a folder for what they write to standard error and output.
        env: set for them, beside what is set here.
        cwd: where they run.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        work: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self._commands = commands
        self._output = work / "output"
        self._logs = [work / f"log-{number}" for number in range(len(commands))]
        self._started = time.perf_counter()
        self.processes: list[subprocess.Popen[bytes]] = []
        with ExitStack() as files:
            last = files.enter_context(self._output.open("wb"))
            for command, log in zip(commands, self._logs, strict=True):
                is_last = len(self.processes) == len(commands) - 1
                self.processes.append(
                    subprocess.Popen(
                        command,
                        stdin=self.processes[-1].stdout if self.processes else subprocess.DEVNULL,
                        stdout=last if is_last else subprocess.PIPE,
                        stderr=files.enter_context(log.open("wb")),
                        env={**os.environ, **(env or {})},
                        cwd=cwd,
                    )
                )
        for process in self.processes[:-1]:
            assert process.stdout is not None
            process.stdout.close()

    def wait(self) -> Measured:
        """Return when every command has ended.

        Raises:
            RunFailed: one ended with an error; the end of its log is told.
        """
        watches = [MemoryWatch(process.pid) for process in self.processes]
        ended = [os.wait4(process.pid, 0) for process in self.processes]
        seconds = time.perf_counter() - self._started
        for process, (_, status, _) in zip(self.processes, ended, strict=True):
            process.returncode = os.waitstatus_to_exitcode(status)
        self._check()
        usages = tuple(
            Usage(used.ru_utime + used.ru_stime, *watch.result())
            for watch, (_, _, used) in zip(watches, ended, strict=True)
        )
        return Measured(seconds, usages, self._output.read_bytes())

    def _check(self) -> None:
        runs = zip(self.processes, self._commands, self._logs, strict=True)
        failed = [
            f"{Path(command[0]).name} ended with {process.returncode}:\n"
            f"{log.read_text(errors='replace')[-2000:]}"
            for process, command, log in runs
            if process.returncode
        ]
        if failed:  # all of them: the end of one may be why another ended
            raise RunFailed("\n".join(failed))


class MemoryWatch(threading.Thread):
    """Watches a process and its children until it ends.

    The kernel's own figure for a child that ended (`ru_maxrss`) counts what its parent held before
    the child was another program; the high-water mark of the running one does not.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._largest = self._total = 0.0
        self.start()

    def run(self) -> None:
        """Look until it has ended."""
        while Path(f"/proc/{self._pid}").exists():
            held = [memory_mb(pid) for pid in tree(self._pid)]
            self._largest = max([self._largest, *(highest for _, highest in held)])
            self._total = max(self._total, self._largest, sum(now for now, _ in held))
            time.sleep(LOOK)

    def result(self) -> tuple[float, float]:
        """Return the highest memory in MB of the largest process, and of all together."""
        self.join()
        return self._largest, self._total


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    tasks = Path(f"/proc/{pid}/task")
    for task in _names(tasks):
        for child in _words(tasks / task / "children"):
            yield from tree(int(child))


def memory_mb(pid: int) -> tuple[float, float]:
    """Return what a process holds in memory now, and its highest, in MB; 0 when it has ended."""
    now = highest = 0.0
    words = _words(Path(f"/proc/{pid}/status"))
    for name, value in pairwise(words):
        if name == "VmRSS:":
            now = int(value) / 1024
        elif name == "VmHWM:":
            highest = int(value) / 1024
    return now, highest


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # the process ended between two looks
        return []


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
