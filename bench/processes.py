"""Runs commands as a shell's pipe does, and measures what they take: time, CPU, memory.

CPU time is the kernel's account of a command and of all children it waited for. Its own share of it
is read from /proc when it has ended and before it is waited for, so that nothing disturbs a run. It
is 0.02 s too small at most, and its children's share as much too large: 0.1 µs of each of 200,000
events. What a child takes that nobody waits for counts nowhere: of ours that is the process in
which Python's `multiprocessing` tracks resources, 0.02 s.

Memory is read from /proc while a command runs, of itself and of all that it started. Elsewhere than
on Linux memory is 0, and all CPU time counts as the command's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.proc import MemoryWatch, own_cpu

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

Command = Sequence[str]


class RunFailed(Exception):  # noqa: N818 - what happened, as the model codebases name it
    """A command ended with an error, or something was lost: the figures would mean nothing."""


@dataclass(frozen=True)
class Usage:
    """What one command took, all that it started included.

    Attributes:
        cpu: seconds, of user and system.
        own_cpu: of these, the seconds of the command itself.
        largest_mb: highest memory of its largest process.
        total_mb: highest memory of all its processes together. What they share counts in each.
    """

    cpu: float
    own_cpu: float
    largest_mb: float
    total_mb: float

    @property
    def children_cpu(self) -> float:
        """CPU seconds of what the command started and waited for."""
        return self.cpu - self.own_cpu


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
            RunFailed: one ended with an error; the end of its log is in the sentence.
        """
        watches = [MemoryWatch(process.pid) for process in self.processes]
        spent = [_waited_for(process) for process in self.processes]
        seconds = time.perf_counter() - self._started
        self._check()
        usages = tuple(
            Usage(*cpu, *watch.result()) for watch, cpu in zip(watches, spent, strict=True)
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


def _waited_for(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Return the CPU seconds of a command when it has ended: all, and its own."""
    if hasattr(os, "waitid"):  # else it may be gone when it is asked
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    own = own_cpu(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return cpu, cpu if own is None else min(own, cpu)
