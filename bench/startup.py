"""How long the executables take to do nothing."""

from __future__ import annotations

import statistics
import subprocess
import time
from dataclasses import dataclass

from bench.processes import BIN
from tools.connectors import plugins

EXECUTABLES = tuple(each.name for each in plugins())
LIMIT = 0.5
"""Seconds that `--version` may take."""

TIMES = 5


@dataclass(frozen=True)
class StartUp:
    """What `--version` took, in seconds, each time."""

    executable: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def is_kept(self) -> bool:
        """Whether it keeps the limit."""
        return self.median <= LIMIT


def start_ups() -> list[StartUp]:
    """Measure each executable, in turns; a first time of each, from a cold disk, does not count."""
    rounds = [[_seconds(name) for name in EXECUTABLES] for _ in range(TIMES + 1)][1:]
    return [StartUp(*each) for each in zip(EXECUTABLES, zip(*rounds, strict=True), strict=True)]


def _seconds(name: str) -> float:
    start = time.perf_counter()
    subprocess.run([str(BIN / name), "--version"], check=True, capture_output=True)
    return time.perf_counter() - start
