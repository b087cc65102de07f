"""Says how far a run is: a line in the log and the status file, by a thread of its own.

Nothing here is called for a record. The thread wakes once a second, asks for the figures, which are
counters that exist anyway, and logs a line when it is due, when the state changes, or on demand.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from singer_delivery.io.retry import Clock
from singer_delivery.progress.figures import (
    ENDED,
    RUNNING,
    WAITING,
    Ending,
    Figures,
    line_of,
)
from singer_delivery.progress.meter import WINDOW, Meter
from singer_delivery.progress.status import Process, status_of, write_status

logger = logging.getLogger("singer-delivery.progress")

BEAT = 1.0
"""Seconds between two looks."""

CALM = 5.0
"""Seconds for which a run that begins to wait, or goes on, says so no second time: a service may
refuse every other request."""

SAY, STOP = "say", "stop"

PATIENCE = 5.0
"""Seconds that the end of a run waits for the thread."""


@dataclass(frozen=True)
class Rhythm:
    """When to say how far a run is.

    Attributes:
        seconds: between two lines; 0: no lines but those on demand.
        status_path: of the status file; None: there is none.
    """

    seconds: float = 30.0
    status_path: Path | None = None

    @property
    def every(self) -> float:
        """Seconds between two writings of a file."""
        return self.seconds or WINDOW


class Reporter:
    """Says how far a run is, until `end`.

    Args:
        process: which run it is.
        rhythm: when.
        look: returns what is done by now; called from the thread.
        beat: called once a second, from the thread.
        keep: called when files are due.
        clock: the time of day.
    """

    def __init__(
        self,
        process: Process,
        rhythm: Rhythm,
        look: Callable[[], Figures],
        *,
        beat: Callable[[], None] = lambda: None,
        keep: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._process, self._rhythm = process, rhythm
        self._look, self._beat, self._keep = look, beat, keep
        self._clock = clock or Clock()
        path = rhythm.status_path
        self._status = SideFile(path, "The status", "status_path") if path else None
        self._begun = time.monotonic()
        self._meter = Meter(self._begun, rhythm.every)
        self._said_at = self._kept_at = self._begun
        self._said = RUNNING
        self._is_warned = False
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)

    def start(self) -> None:
        """Begin: the status file is there when this returns."""
        self._write(self._look(), time.monotonic())
        self._thread.start()

    def ask(self) -> None:
        """Let the line be logged now. Safe in a signal handler: so is `SimpleQueue.put`."""
        self._asked.put(SAY)

    def stop(self) -> None:
        """Say nothing more. May be called again."""
        if self._thread.is_alive():
            self._asked.put(STOP)
            self._thread.join(PATIENCE)

    def end(self, ending: Ending) -> None:
        """Stop, and say how the run ended."""
        self.stop()
        now = time.monotonic()
        figures = replace(self._look(), state=ending.state, waits=(), cause=ending.cause)
        self._meter.note(now, figures.count, figures.share)
        self._write(figures, now)
        if self._rhythm.seconds:
            self._say(figures, now)

    def _work(self) -> None:
        while (is_asked := self._next()) is not None:
            self._try_to_look(is_asked=is_asked)

    def _try_to_look(self, *, is_asked: bool) -> None:
        try:
            self._look_around(is_asked=is_asked)
        except Exception as error:  # noqa: BLE001 - what shows a run must not end it
            if not self._is_warned:
                # Not the error's own text, which may quote a record.
                logger.warning("How far the run is cannot be said: %s.", type(error).__name__)
            self._is_warned = True

    def _next(self) -> bool | None:
        """Wait for the next look; return whether it was asked for, and None at the end."""
        try:
            return True if self._asked.get(timeout=BEAT) == SAY else None
        except queue.Empty:
            return False

    def _look_around(self, *, is_asked: bool) -> None:
        self._beat()
        now, figures = time.monotonic(), self._look()
        self._meter.note(now, figures.count, figures.share)
        has_changed = self._has_changed(figures.state, now)
        is_due = now - self._said_at >= self._rhythm.every
        if has_changed or is_asked or now - self._kept_at >= self._rhythm.every:
            self._write(figures, now)
            self._keep()
        if is_asked or (self._rhythm.seconds and (has_changed or is_due)):
            self._say(figures, now)
        if has_changed:
            self._said = figures.state

    def _has_changed(self, state: str, now: float) -> bool:
        if state == self._said:
            return False
        is_to_and_fro = {state, self._said} <= {RUNNING, WAITING}
        return not is_to_and_fro or now - self._said_at >= min(CALM, self._rhythm.every)

    def _line(self, figures: Figures, now: float) -> tuple[str, float | None, float | None]:
        has_ended = figures.state in ENDED
        rate = self._meter.mean() if has_ended else self._meter.rate()
        left = None if has_ended else self._meter.seconds_left(now)
        return line_of(figures, rate, left, now - self._begun), rate, left

    def _say(self, figures: Figures, now: float) -> None:
        logger.info("%s", self._line(figures, now)[0])
        self._said_at, self._said = now, figures.state

    def _write(self, figures: Figures, now: float) -> None:
        self._kept_at = now
        if self._status is None:
            return
        line, rate, left = self._line(figures, now)
        status = status_of(
            self._process,
            figures,
            line,
            updated=self._clock.now(),
            every=self._rhythm.every,
            rate=rate,
            left=left,
        )
        self._status.write(lambda path: write_status(path, status))


class SideFile:
    """A file without which a run goes on: that it cannot be written is warned of once.

    Args:
        path: of it.
        what: it is, in a sentence.
        setting: that moves it.
    """

    def __init__(self, path: Path, what: str, setting: str) -> None:
        self._path, self._what, self._setting = path, what, setting
        self._is_warned = self._is_there = False

    @property
    def path(self) -> Path | None:
        """Where it is; None while it is not as it should be."""
        return self._path if self._is_there else None

    def write(self, write: Callable[[Path], None]) -> None:
        """Let `write` write it."""
        try:
            write(self._path)
            self._is_there = True
        except OSError as error:
            self._is_there = False
            if not self._is_warned:
                logger.warning(
                    "%s could not be written to %s (%s): set %s. The run goes on without it.",
                    self._what,
                    self._path,
                    error.strerror,
                    self._setting,
                )
            self._is_warned = True


def on_demand(say: Callable[[], None]) -> None:
    """Call `say` at each SIGUSR1, where the system has it, and this is the main thread."""
    if hasattr(signal, "SIGUSR1") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda _number, _frame: say())
