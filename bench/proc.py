"""Reads from /proc what processes take. Elsewhere than on Linux there is nothing to read."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

LOOK = 0.1
"""Seconds between two looks at the memory. The kernel's high-water mark tells what lies between."""

TICKS = os.sysconf("SC_CLK_TCK")
"""How many of the kernel's ticks are a second."""

UTIME, STIME = 11, 12
"""Places of two figures in /proc/<pid>/stat after the command's name (man 5 proc_pid_stat)."""


class MemoryWatch(threading.Thread):
    """Watches a process and its children until it ends.

    The kernel's own figure for a child that ended (`ru_maxrss`) counts the memory of its parent
    before the child was another program; the high-water mark of the running one does not.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._largest = self._total = 0.0
        self.start()

    def run(self) -> None:
        """Look until it has ended."""
        while Path(f"/proc/{self._pid}").exists():
            seen = [memory_mb(pid) for pid in tree(self._pid)]
            self._largest = max([self._largest, *(highest for _, highest in seen)])
            self._total = max(self._total, self._largest, sum(now for now, _ in seen))
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
        for child in _text(tasks / task / "children").split():
            yield from tree(int(child))


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the memory of a process now, and its highest, in MB; 0 when it has ended."""
    now = highest = 0.0
    for name, value in pairwise(_text(Path(f"/proc/{pid}/status")).split()):
        if name == "VmRSS:":
            now = int(value) / 1024
        elif name == "VmHWM:":
            highest = int(value) / 1024
    return now, highest


def own_cpu(pid: int) -> float | None:
    """Return the CPU seconds of a process with all its threads, and without its children.

    A process that has ended can still be asked until its parent has waited for it. User and system
    time are cut to the kernel's ticks, so that up to 0.02 s are missing. None if there is no /proc.
    """
    figures = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(figures[UTIME]) + int(figures[STIME])) / TICKS if figures else None


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # the process ended between two looks
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
