"""The sink as a process of its own, so that its cost is not a pipeline's."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

import requests
from typing_extensions import Self

from bench.processes import ROOT
from bench.sink import Counts


class RunningSink:
    """Runs `python -m bench.sink` until the block is left.

    Args:
        latency: seconds before each answer.
    """

    def __init__(self, latency: float = 0.0) -> None:
        self._latency = latency

    def __enter__(self) -> Self:
        """Return when it listens; `url` is its address."""
        command = [sys.executable, "-m", "bench.sink", "--latency", str(self._latency)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def counts(self) -> Counts:
        """Ask what came so far."""
        reply = requests.get(f"{self.url}/counts", timeout=600)
        return Counts(**reply.json())
