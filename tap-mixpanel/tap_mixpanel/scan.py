"""Looks through an archive once: which days its files hold, and what its rows say of the project.

Files of an archive may be cut in any way: one for a day, one for a year, several for an hour. So a
first look finds the days of each file, and then each wave of days is read from the files that hold
them. The look also sees what the opening check asks the API for: live rows, and forms of ids.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from analytics_records.mixpanel.row import milliseconds

from tap_mixpanel.file_lines import EVENTS, PROFILES, shaped, taken_apart
from tap_mixpanel.identity_merge import VERBS, IdentityMerge
from tap_mixpanel.time_frame import Live, day_of

UNDATED = "undated"
"""The day of rows without a time; it comes last."""

LIVE_ROWS_A_DAY = 50
"""Live rows of each day that are looked at."""

WAVE_BYTES = 4 * 1024 * 1024 * 1024
"""Bytes of rows that wait on disk at once, before they are compressed; a single day may be more."""


@dataclass
class Found:
    """What one file holds.

    Attributes:
        days: bytes of its rows by day.
        verbs: how many rows join ids.
        profiles: how many profiles it has.
    """

    days: Counter[str] = field(default_factory=Counter)
    verbs: int = 0
    profiles: int = 0


@dataclass
class Scan:
    """What the files of an archive hold.

    Attributes:
        files: by name, with their sizes as stored.
        merge: what ids and verbs say of the project.
        live: live rows by day.
    """

    files: dict[str, Found] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    merge: IdentityMerge = field(default_factory=IdentityMerge)
    live: defaultdict[str, list[Live]] = field(default_factory=lambda: defaultdict(list))

    def take(self, name: str, size: int, blocks: Iterable[Sequence[bytes]]) -> None:
        """Look through one file."""
        found = self.files[name] = Found()
        self.sizes[name] = size
        for lines in blocks:
            rows = list(rows_in(lines))
            events = [row for stream, row in rows if stream == EVENTS]
            found.profiles += sum(stream == PROFILES for stream, _ in rows)
            self.merge.look_at(events)
            for row in events:
                self._look_at(found, row)

    @property
    def days(self) -> list[str]:
        """All days with rows, in order; `undated` last."""
        return sorted({day for found in self.files.values() for day in found.days})

    @property
    def recent_live_rows(self) -> list[Live]:
        """Live rows of the last seven days that have some."""
        return [row for day in sorted(self.live)[-7:] for row in self.live[day]]

    def bytes_of(self, day: str) -> int:
        """Return the bytes of the rows of a day."""
        return sum(found.days[day] for found in self.files.values())

    def files_with(self, days: Iterable[str]) -> list[str]:
        """Return the names of the files that hold rows of these days, in order."""
        wanted = set(days)
        return sorted(name for name, found in self.files.items() if wanted & found.days.keys())

    def digest_of(self, day: str) -> str:
        """Return the digest of the names and sizes of the files that hold a day."""
        text = "\n".join(f"{name}:{self.sizes[name]}" for name in self.files_with([day]))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _look_at(self, found: Found, row: bytes) -> None:
        try:
            looked = _row(row)
        except (msgspec.DecodeError, RecursionError):
            return
        properties = looked.properties
        time, receipt = milliseconds(properties.time), milliseconds(properties.receipt)
        day = day_of(time if time is not None else receipt) or UNDATED
        found.days[day] += len(row)
        found.verbs += looked.event in VERBS
        is_live = properties.is_imported is not True and time is not None and receipt is not None
        if is_live and len(self.live[day]) < LIVE_ROWS_A_DAY:
            assert time is not None
            assert receipt is not None
            self.live[day].append(Live(time, receipt))


def rows_in(lines: Iterable[bytes]) -> Iterator[tuple[str | None, bytes]]:
    """Yield the rows of lines of a file, each with its stream, in the shape of the raw export."""
    for line in filter(None, map(bytes.strip, lines)):
        for part in taken_apart(line):
            yield shaped(part)


def waves(sizes: Mapping[str, int], most: int = WAVE_BYTES) -> Iterator[list[str]]:
    """Yield days in order, those together whose rows fit into `most` bytes.

    Args:
        sizes: bytes by day.
        most: a day with more is alone.
    """
    wave: list[str] = []
    room = most
    for day in sorted(sizes):
        if wave and sizes[day] > room:
            yield wave
            wave, room = [], most
        wave.append(day)
        room -= sizes[day]
    if wave:
        yield wave


class _Properties(msgspec.Struct):
    time: Any = None
    receipt: Any = msgspec.field(default=None, name="$mp_api_timestamp_ms")
    is_imported: Any = msgspec.field(default=None, name="$import")


class _Row(msgspec.Struct):
    event: Any = None
    properties: _Properties = msgspec.field(default_factory=_Properties)


_row = msgspec.json.Decoder(_Row).decode
