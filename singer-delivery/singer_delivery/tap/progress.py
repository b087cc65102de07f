"""How far a run of a tap is: streams count here, some rows at a time, and a thread reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from singer_delivery.errors import DeliveryError
from singer_delivery.progress.figures import (
    RUNNING,
    WAITING,
    Figures,
    Wait,
    ending_of,
)
from singer_delivery.progress.reporter import Reporter, Rhythm
from singer_delivery.progress.status import Process
from singer_delivery.tap.errors import TapError

STILL = 3.0
"""Seconds without a row, after which a tap waits for what it says that it waits for."""

Waiting = Callable[[str], AbstractContextManager[object]]
"""Surrounds a wait, told for what: `TapProgress.waiting`."""

BLOCKED = "the target takes no more for now"


class TapProgress:
    """What a run of a tap has done by now.

    Attributes:
        rows: that were written.
        files: that were handed over.
        at: the hour or the day that is read, in ISO 8601.
        share: how much of what is asked for is done, from 0 to 1; None: not known.
        is_writing: tells whether the tap is in the middle of a write.
    """

    def __init__(self) -> None:
        self.rows = self.files = 0
        self.at: str | None = None
        self.share: float | None = None
        self.is_writing: Callable[[], bool] = lambda: False
        self._parts: dict[str, int] = {}
        self._waits: dict[object, tuple[str, float]] = {}
        self._seen, self._seen_at = (0, 0), time.monotonic()
        self._reporter: Reporter | None = None

    def passed(self, word: str) -> None:
        """Count a part that is done; `word` is what several of them are, such as "windows"."""
        self._parts[word] = self._parts.get(word, 0) + 1

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say within the block that the tap waits, and for what. Called from any thread."""
        key = object()
        self._waits[key] = (what, time.monotonic())
        try:
            yield
        finally:
            del self._waits[key]

    @contextmanager
    def shown(self, process: Process, rhythm: Rhythm) -> Iterator[None]:
        """Say within the block how far the run is, and at its end how it ended."""
        self._reporter = Reporter(process, rhythm, self.figures)
        self._reporter.start()
        try:
            yield
        except BaseException as error:
            self._reporter.end(ending_of(error, TapError, DeliveryError))
            raise
        self._reporter.end(ending_of(None))

    def ask(self) -> None:
        """Log how far the run is. Safe in a signal handler."""
        if self._reporter is not None:
            self._reporter.ask()

    def figures(self) -> Figures:
        """Return what is done by now."""
        waits = self._waits_now()
        is_of_files = self.files > 0
        also = [f"{self.rows:,} rows"] if is_of_files and self.rows else []
        also += [f"{count:,} {word}" for word, count in [*self._parts.items()]]
        return Figures(
            state=WAITING if waits else RUNNING,
            count=self.files if is_of_files else self.rows,
            unit="files" if is_of_files else "rows",
            at=self.at,
            share=self.share,
            also=tuple(also),
            waits=waits,
            details={"rows": self.rows, "files": self.files, "parts": dict(self._parts)},
        )

    def _waits_now(self) -> tuple[Wait, ...]:
        """Return what the tap waits for, once nothing has left it for a while."""
        now, seen = time.monotonic(), (self.rows, self.files)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        if now - self._seen_at < STILL:
            return ()
        waits = [Wait(what, now - since) for what, since in [*self._waits.values()]]
        if not waits and self.is_writing():
            waits = [Wait(BLOCKED, now - self._seen_at)]
        return tuple(waits)


def in_brief(error: Exception, attempt: int, most: int) -> str:
    """Return why a tap waits before another attempt: the service's own words stay in the log."""
    what = str(error).partition(": ")[0].partition(" (")[0]
    return f"{what}, try {attempt + 1} of {most + 1}"
