"""Which hours, or files, of a source are covered, and which between them are not. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from typing import Any, NamedTuple

HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d")

COVERED, DONE, TOTAL = "covered", "done", "total"


class Covered(NamedTuple):
    """A range of a source that is covered, or one that is not: from `start` up to `end`.

    Attributes:
        source: name of the stream.
        start: the first hour, such as 2024-03-17T09, in UTC; or the first file.
        end: the hour after the last, or the last file.
    """

    source: str
    start: str
    end: str


Range = tuple[str, str]
Ranges = Mapping[str, list[Range]]
"""By source."""


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges as few, in their order; those that touch become one."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def gaps(covered: Iterable[Covered]) -> list[Covered]:
    """Return what lies between the hours that are covered, source by source.

    Nothing is said of files: their names do not tell whether there is one between two of them.
    """
    hours = sorted(each for each in covered if HOUR.fullmatch(each.start))
    return [
        Covered(source, before.end, after.start)
        for source, ranges in groupby(hours, key=lambda each: each.source)
        for before, after in pairwise(ranges)
        if before.end < after.start
    ]


def ranges_by_stream(state: Mapping[str, Any]) -> Ranges:
    """Return what the bookmarks of a STATE value say is covered, by stream."""
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, Mapping):
        return {}
    found: dict[str, list[Range]] = {}
    for stream, bookmark in bookmarks.items():
        ranges = ranges_in(bookmark) if isinstance(bookmark, Mapping) else None
        if ranges:
            found[stream] = ranges
    return found


def ranges_in(bookmark: Mapping[str, Any]) -> list[Range]:
    """Return what a stream's bookmark says is covered: `covered: [[start, end], …]`.

    What is not of that form is passed over: STATE is the tap's, and may be another tap's.
    """
    said = bookmark.get(COVERED)
    listed = said if isinstance(said, list) else []
    return [(each[0], each[1]) for each in listed if _is_range(each)]


def share_of(bookmark: Mapping[str, Any]) -> float | None:
    """Return how much of `total` a stream's bookmark says is `done`, from 0 to 1.

    Both have one unit, as `{"hours": 720}`. None where the bookmark does not say so.
    """
    done, total = bookmark.get(DONE), bookmark.get(TOTAL)
    if not isinstance(done, Mapping) or not isinstance(total, Mapping) or len(total) != 1:
        return None
    ((unit, all_of_it),) = total.items()
    part = done.get(unit)
    if type(part) is not int or type(all_of_it) is not int or not 0 <= part <= all_of_it:
        return None
    return part / all_of_it if all_of_it else 1.0


def _is_range(of: Any) -> bool:
    return isinstance(of, list) and len(of) == 2 and all(isinstance(each, str) for each in of)
