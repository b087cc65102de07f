"""How far a run is: read from its counters once a second, by a thread that has nothing else to do.

Reporter (progress) → RunProgress.figures ← run report, answers, pace, parking, blocks, STATE
                    → RunProgress.beat    → control file; in a pause, STATE of what is decided
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from singer_delivery.ledger.coverage import share_of
from singer_delivery.pipeline.answers import Answers
from singer_delivery.pipeline.blocks import State
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.control import Control
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.parking import Parking
from singer_delivery.pipeline.report import RunReport
from singer_delivery.progress.figures import (
    FINISHING,
    PAUSED,
    RUNNING,
    WAITING,
    Figures,
    Wait,
)

QUIET = 10.0
"""Seconds in which nothing comes and nothing is under way, after which a run waits for its tap."""

EVENTS = "events"
"""The stream whose STATE says how much of all there is is done, where several say something."""

MICROSECONDS = 1_000_000


class Carrier(Protocol):
    """Carries pieces: `Dispatcher`, or a dry run's writer."""

    @property
    def undecided(self) -> int:
        """How many pieces are not decided."""

    def fail(self, error: BaseException) -> None:
        """Stop the run by an error."""


class RunProgress:
    """What a run of a target has done by now.

    Args:
        report: what it counts.
        checkpoints: its blocks.
        parking: knows whose events wait.
        carrier: carries its pieces.
        share: how much of all there is is done.
        answers: what the destination answers; None in a dry run.
        pace: of its requests; None in a dry run.
        control: the control file; None where there is none.

    Attributes:
        is_finishing: whether no more records come.
    """

    def __init__(
        self,
        report: RunReport,
        checkpoints: Checkpoints,
        parking: Parking,
        carrier: Carrier,
        share: Share,
        answers: Answers | None = None,
        pace: Pace | None = None,
        control: Control | None = None,
    ) -> None:
        self._report, self._checkpoints, self._parking = report, checkpoints, parking
        self._carrier, self._answers, self._pace = carrier, answers, pace
        self._share, self._control = share, control
        self._at: int = 0
        self._read, self._read_at = 0, time.monotonic()
        self.is_finishing = False

    def beat(self) -> None:
        """Look at the control file; in a pause, let what is decided be given back."""
        if self._control is not None:
            self._control.look()
        if self._pace is not None and self._pace.is_paused:
            try:
                self._checkpoints.rest()
            except BaseException as error:  # noqa: BLE001 - the run must learn of it, whatever it is
                self._carrier.fail(error)

    def figures(self) -> Figures:
        """Return what is done by now."""
        totals = self._report.totals()
        self._look_at_time(totals["read"])
        state, waits = self._state()
        parked, ids = self._parking.events, self._parking.ids
        also = (f"{parked:,} events of {ids:,} ids wait",) if parked else ()
        return Figures(
            state=state,
            count=totals.pop("events"),
            at=hour_of(self._at),
            share=self._share.done,
            dead=totals["dead"],
            also=also,
            waits=waits,
            details={
                **totals,
                "parked": {"events": parked, "ids": ids},
                "max_events_per_second": None if self._pace is None else self._pace.per_second,
            },
        )

    def _look_at_time(self, read: int) -> None:
        """Note when records came last, and the time of the first that is not decided yet."""
        if read != self._read:
            self._read, self._read_at = read, time.monotonic()
        at = getattr(self._checkpoints.decision_of_first(), "at", 0)
        if isinstance(at, int) and at > 0:
            self._at = at

    def _state(self) -> tuple[str, tuple[Wait, ...]]:
        if self._pace is not None and self._pace.is_paused:
            return PAUSED, ()
        wait = self._answers.wait() if self._answers is not None else None
        wait = wait or self._other_wait()
        if wait is not None:
            return WAITING, (wait,)
        return (FINISHING if self.is_finishing else RUNNING), ()

    def _other_wait(self) -> Wait | None:
        """Return what the run waits for though it has nothing under way: parked ids, or its tap."""
        if self._carrier.undecided:
            return None
        if self.is_finishing:
            seconds = self._parking.seconds_at_rest()
            return None if seconds is None else Wait("the service takes some ids later", seconds)
        quiet = time.monotonic() - self._read_at
        return Wait("nothing comes from the tap", quiet) if quiet >= QUIET else None


class Share:
    """How much of all there is is done, as the tap says in STATE.

    Attributes:
        done: from 0 to 1; None where no tap says so.
    """

    def __init__(self) -> None:
        self.done: float | None = None

    def of(self, emit: Callable[[State], None]) -> Callable[[State], None]:
        """Return what gives a STATE back by `emit`, and then takes note of what it says."""

        def noted(state: State) -> None:
            emit(state)
            self.done = share_in(state)

        return noted


def share_in(state: Mapping[str, Any]) -> float | None:
    """Return what a STATE says of how much is done; None where it is of a tap that says nothing.

    That of the stream `events` counts where there is one, else that of the only one that has any.
    """
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, Mapping):
        return None
    found = {
        stream: share
        for stream, said in bookmarks.items()
        if isinstance(said, Mapping) and (share := share_of(said)) is not None
    }
    if EVENTS in found or len(found) != 1:
        return found.get(EVENTS)
    return next(iter(found.values()))


def hour_of(at: int) -> str | None:
    """Return the hour (UTC) of a time in microseconds since 1970; None for what is no time."""
    if not at:
        return None
    try:
        return f"{datetime.fromtimestamp(at // MICROSECONDS, timezone.utc):%Y-%m-%dT%H}"
    except (ValueError, OverflowError, OSError):
        return None
