"""The rows of a project and how an export writes them. Pure.

Sources: Mixpanel docs, "Raw Event Export" (`time`, `time_in_ms`, days), "Manage Projects" (projects
made before 2023 store the wall clock of the project's zone as if it were UTC; a change of the zone
does not move what is stored), "Default Properties".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)

_TIME = re.compile(rb'"time":(\d+)')


@dataclass(frozen=True)
class Row:
    """One stored event.

    Attributes:
        event: Its name.
        at: When it happened, in milliseconds of true UTC.
        properties: Without `time`; a value of None is written as null.
        zone: IANA zone of an old project when the row was stored; None: the times of a new one.
        appears: The first reading of its day that has it; a late row appears at the second.
        changes: Number of a reading -> properties that are other from then on, such as the
            `distinct_id` of a person who was merged. `ABSENT` takes one away.
        time_as: Spelling of `time`; "none" leaves it out.
        extra: JSON members beyond what a parser holds, written at the end as they are:
            `b'"big":123456789012345678901234567890'`.
    """

    event: str
    at: int
    properties: Mapping[str, Any] = field(default_factory=dict)
    zone: str | None = None
    appears: int = 1
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    time_as: Literal["int", "float", "text", "none"] = "int"
    extra: bytes = b""

    @property
    def time(self) -> int:
        """Milliseconds as stored: of UTC, or of the wall clock in an old project."""
        return stored_time(self.at, self.zone)

    @property
    def day(self) -> date:
        """The project's day, by which exports are cut."""
        return (EPOCH + self.time * MILLISECOND).date()

    def properties_at(self, reading: int) -> dict[str, Any]:
        """The properties that this reading of the day finds."""
        found = dict(self.properties)
        for number in sorted(self.changes):
            if number <= reading:
                found |= self.changes[number]
        return {name: value for name, value in found.items() if value is not ABSENT}

    def line(self, reading: int, *, in_ms: bool) -> bytes:
        """The row as exported: `time` and `distinct_id` first, the rest in the order of bytes."""
        properties = self.properties_at(reading)
        written = {} if self.time_as == "none" else {"time": self._written_time(in_ms=in_ms)}
        if "distinct_id" in properties:
            written["distinct_id"] = properties.pop("distinct_id")
        written |= dict(sorted(properties.items()))
        line = orjson.dumps({"event": self.event, "properties": written})
        return line[:-2] + (b"," if written else b"") + self.extra + b"}}" if self.extra else line

    def _written_time(self, *, in_ms: bool) -> int | float | str:
        if self.time_as == "float":
            return self.time + 0.25 if in_ms else self.time / 1_000
        whole = self.time if in_ms else self.time // 1_000
        return str(whole) if self.time_as == "text" else whole


class _Absent:
    """What a change gives a property that is no longer there."""


ABSENT = _Absent()


def stored_time(at: int, zone: str | None) -> int:
    """Milliseconds of UTC as a project stores them: an old one has the clock on its wall."""
    if zone is None:
        return at
    offset = (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return at + offset // MILLISECOND


def in_seconds(line: bytes) -> bytes:
    """A line that was written in milliseconds, as an export without `time_in_ms` has it."""
    return _TIME.sub(lambda time: b'"time":%d' % (int(time[1]) // 1_000), line, count=1)
