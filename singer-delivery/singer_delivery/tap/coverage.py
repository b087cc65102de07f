"""What a tap has covered, as STATE says it for whoever counts afterwards. Pure.

STATE's bookmark of a stream has beside the tap's own marks:

    {"covered": [["2024-03-17T00", "2024-03-18T00"], …],
     "done": {"hours": 295}, "total": {"hours": 720}}

`covered` are ranges of hours, each up to and not including its end, in order and apart, over all
runs from one STATE to the next. `done` is how much of `total` is: of what this run was asked for,
those before included. No number in STATE has a fraction: a target of the Singer SDK reads it as a
`Decimal`, and ends when it writes STATE (singer-sdk 0.54, `json.dumps`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from singer_delivery.ledger.coverage import (
    COVERED,
    DONE,
    HOUR,
    TOTAL,
    Range,
    merged,
    ranges_in,
    share_of,
)

__all__ = [
    "COVERED",
    "DONE",
    "TOTAL",
    "Range",
    "coverage_after",
    "joined",
    "left_out",
    "ranges_in",
    "share_of",
]


def coverage_after(ranges: Iterable[Range], done: int, total: int, unit: str) -> dict[str, Any]:
    """Return what the bookmark says of coverage when more is done.

    Args:
        ranges: that all runs have covered: of hours such as `2024-03-17T09`, or of names of files.
        done: of `total`.
        total: asked for.
        unit: of both: "hours", "days" or "bytes".
    """
    return {
        COVERED: [list(each) for each in joined(ranges)],
        DONE: {unit: min(done, total)},
        TOTAL: {unit: total},
    }


def left_out(bookmark: Mapping[str, Any], start: str, first: str) -> str | None:
    """Return the sentence about asked hours that no run reads; None when there are none.

    A run goes on from its bookmark, also where `start_date` is set to before all earlier runs.

    Args:
        bookmark: of the stream.
        start: the first hour that is asked for.
        first: the first hour that this run reads.
    """
    hours = [begun for begun, _ in ranges_in(bookmark) if HOUR.fullmatch(begun)]
    if not hours or min(*hours, first) <= start:
        return None
    first = f"{min(*hours, first)}:00:00Z"
    return (
        f"Earlier runs began with {first}: what lies between start_date and it is not read. To "
        f"read it, run once with a state of its own and end_date {first}."
    )


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch as one.

    Files whose names hold no hour are read in the order of their names: they are one range, after
    those of hours.
    """
    hours, names = list[Range](), list[Range]()
    for each in ranges:
        (hours if HOUR.fullmatch(each[0]) else names).append(each)
    found = merged(hours)
    if names:
        found.append((min(start for start, _ in names), max(end for _, end in names)))
    return found
