"""Which hours of a source are sent again, and by which command. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

MOST_COMMANDS = 12
"""Ranges that lie close are sent as one, hours between them included, until so many are left."""

ENV = "ENV"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Range = tuple[int, int]
"""Hours since 1970: the first, and the one after the last."""


@dataclass(frozen=True)
class Way:
    """How the hours travel.

    Attributes:
        target: the name of the target.
        target_config: its files of settings, or `ENV`.
        source: the name of the tap; empty where it is not known.
        source_config: likewise of the tap.
        by_day: whether the tap takes whole days alone.
        under_meltano: whether a Meltano project runs them.
    """

    target: str
    target_config: Sequence[str] = ()
    source: str = ""
    source_config: Sequence[str] = ()
    by_day: bool = False
    under_meltano: bool = False


def written(hour: int) -> str:
    """Return an hour as people read it: `2024-03-17T09`."""
    return f"{_EPOCH + timedelta(hours=hour):%Y-%m-%dT%H}"


def ranges(
    hours: Collection[int], *, by_day: bool = False, most: int = MOST_COMMANDS
) -> list[Range]:
    """Return at most `most` ranges that cover the hours; whole days if `by_day`."""
    if by_day:
        hours = {hour - hour % 24 + of_day for hour in hours for of_day in (0, 23)}
    found: list[Range] = []
    for hour in sorted(hours):
        close = found and (hour <= found[-1][1] or (by_day and hour - found[-1][1] < 23))
        if close:
            found[-1] = found[-1][0], hour + 1
        else:
            found.append((hour, hour + 1))
    while len(found) > most:
        gaps = [after[0] - before[1] for before, after in pairwise(found)]
        narrow = gaps.index(min(gaps))
        found[narrow : narrow + 2] = [(found[narrow][0], found[narrow + 1][1])]
    return found


def command(hours: Collection[int], way: Way) -> str:
    """Return the commands that send the hours again, one a line; empty for no hours.

    The STATE that comes of it is let go: it is that of these hours alone.
    """
    return "\n".join(_command(each, way) for each in ranges(hours, by_day=way.by_day))


def _command(hours: Range, way: Way) -> str:
    source = way.source or "TAP"
    prefix = source.upper().replace("-", "_")
    first, after = (f"{written(hour)}:00:00Z" for hour in hours)
    dates = f"{prefix}_START_DATE={first} {prefix}_END_DATE={after}"
    if way.under_meltano:
        return f"{dates} meltano run --full-refresh --no-state-update {source} {way.target}"
    tap = f"{source}{_config(way.source_config or ['TAP_SETTINGS.json'])}"
    if ENV not in way.source_config:
        tap += f" --config {ENV}"
    return f"{dates} {tap} | {way.target}{_config(way.target_config)} > /dev/null"


def _config(files: Sequence[str]) -> str:
    return "".join(f" --config {shlex.quote(each)}" for each in files)
