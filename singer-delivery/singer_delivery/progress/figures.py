"""What a run has done by now, and the one line that says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from singer_delivery.progress.words import duration, hour_text, per_second, percent

RUNNING, WAITING, PAUSED, FINISHING = "running", "waiting", "paused", "finishing"
COMPLETE, FAILED, INTERRUPTED = "complete", "failed", "interrupted"

ENDED = frozenset({COMPLETE, FAILED, INTERRUPTED})
"""States after which nothing more comes."""

SIGNALLED = 128
"""Exit codes above it are those of signals."""


class Ending(NamedTuple):
    """How a run ended, in one of the words above, and why it did before its time."""

    state: str
    cause: str | None = None


def ending_of(cause: BaseException | None, *for_people: type[BaseException]) -> Ending:
    """Return how a run ended.

    Args:
        cause: what ended it before its time; None for nothing.
        for_people: errors whose texts are for people; those of others may quote a record.
    """
    if cause is None:
        return Ending(COMPLETE)
    if isinstance(cause, SystemExit) and isinstance(cause.code, int) and cause.code > SIGNALLED:
        return Ending(INTERRUPTED, f"signal {cause.code - SIGNALLED}")
    if isinstance(cause, BrokenPipeError):
        return Ending(FAILED, "the reader of the output is gone")
    return Ending(FAILED, str(cause) if isinstance(cause, for_people) else type(cause).__name__)


class Wait(NamedTuple):
    """Something that a run waits for, and for how many seconds it does."""

    what: str
    seconds: float


@dataclass(frozen=True)
class Figures:
    """What a run has done by now.

    Attributes:
        state: one of those above.
        count: how much is done, in `unit`.
        unit: "events", or "rows".
        at: the time of the records that are dealt with, an hour or a day of ISO 8601, or None.
        share: how much of all there is is done, from 0 to 1; None: not known.
        dead: records that no retry can save.
        also: other things for the line, in a few words each.
        waits: what the run waits for.
        details: more for the status file, as JSON values.
        cause: why it failed or was stopped.
    """

    state: str = RUNNING
    count: int = 0
    unit: str = "events"
    at: str | None = None
    share: float | None = None
    dead: int = 0
    also: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None


def line_of(figures: Figures, rate: float | None, left: float | None, seconds: float) -> str:
    """Return the line for a log.

    Args:
        figures: what is done.
        rate: how much of it a second; None: not known yet.
        left: seconds until all is done; None: not known.
        seconds: since the run began.
    """
    return " · ".join(_parts(figures, rate, left, seconds))


def _parts(
    figures: Figures, rate: float | None, left: float | None, seconds: float
) -> Iterator[str]:
    has_ended = figures.state in ENDED
    yield f"{figures.count:,} {figures.unit}" + ("" if rate is None else f" ({per_second(rate)})")
    yield from figures.also
    if figures.at is not None and not has_ended:
        yield f"at {hour_text(figures.at)}"
    if figures.share is not None and figures.state != COMPLETE:
        yield f"{percent(figures.share)} of the range"
    if left is not None and not has_ended:
        yield f"ETA {duration(left)}"
    if figures.dead:
        yield f"dead {figures.dead:,}"
    if has_ended:
        why = f": {figures.cause}" if figures.cause else ""
        yield f"{figures.state} after {duration(seconds)}{why}"
    elif figures.state != RUNNING:
        yield figures.state + _waits_text(figures.waits)


def _waits_text(waits: tuple[Wait, ...]) -> str:
    said = [f"{wait.what}, {duration(wait.seconds)}" for wait in waits]
    return f": {'; '.join(said)}" if said else ""
