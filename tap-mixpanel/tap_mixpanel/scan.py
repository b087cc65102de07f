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
from zoneinfo import ZoneInfo

import msgspec
from analytics_records.mixpanel.row import milliseconds
from singer_delivery.tap.bad_lines import ENOUGH, MOST_PERCENT, made_sound
from singer_delivery.tap.errors import TooManyBroken

from tap_mixpanel.file_lines import EVENTS, PROFILES, Line, plain_rows, rows_in
from tap_mixpanel.identity_merge import VERBS, IdentityMerge
from tap_mixpanel.rows import UNDATED as NO_DAY
from tap_mixpanel.rows import Heads, Row, day_text, in_milliseconds, read_rows
from tap_mixpanel.time_frame import UTC, Live, TimeFrame

UNDATED = "undated"
"""The day of rows without a time; it comes last."""

LIVE_ROWS_A_DAY = 50
"""Live rows of each day that are looked at."""

WHAT_TO_DO = "Put a complete export in its place, or take it out of the archive."

WAVE_BYTES = 4 * 1024 * 1024 * 1024
"""Bytes of rows that wait on disk at once, before they are compressed; a single day may be more."""


@dataclass
class Found:
    """What one file holds.

    Attributes:
        days: bytes of its rows by day.
        verbs: bytes of the rows that join ids, by day.
        profiles: how many profiles it has.
        broken: how many lines are neither.
    """

    days: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    profiles: int = 0
    broken: int = 0


@dataclass
class Scan:
    """What the files of an archive hold.

    Attributes:
        files: by name.
        sizes: their bytes as stored, by name.
        merge: what ids and verbs say of the project.
        live: live rows by day.
        count: how many rows, profiles and broken lines there are.
    """

    files: dict[str, Found] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    merge: IdentityMerge = field(default_factory=IdentityMerge)
    live: defaultdict[str, list[Live]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0

    def take(self, name: str, size: int, blocks: Iterable[Sequence[bytes]]) -> None:
        """Look through one file.

        Raises:
            TooManyBroken: Nothing of it can be read, or too much of the archive cannot.
        """
        found = self.files[name] = Found()
        self.sizes[name] = size
        before = self.count
        for lines in blocks:
            plain = plain_rows(lines)
            looked = None if plain is None else all_looked_at(plain)
            if plain is None or looked is None:
                self._take_any(found, lines)
                continue
            self.count += len(plain)
            self.merge.look_at(plain, [row.event for row in looked])
            for line, row in zip(plain, looked, strict=True):
                self._add(found, line, row)
        self._check(name, self.count - before)

    @property
    def days(self) -> list[str]:
        """All days with rows, in order; `undated` last."""
        return sorted({day for found in self.files.values() for day in found.days})

    def bytes_of(self, day: str, *, verbs_alone: bool = False) -> int:
        """Return the bytes of the rows of a day, or of those of them that join ids."""
        found = [one.verbs if verbs_alone else one.days for one in self.files.values()]
        return sum(days[day] for days in found)

    def files_with(self, days: Iterable[str]) -> list[str]:
        """Return the names of the files that hold rows of these days, in order."""
        wanted = set(days)
        return sorted(name for name, found in self.files.items() if wanted & found.days.keys())

    def digest_of(self, day: str) -> str:
        """Return the digest of the names and sizes of the files that hold a day."""
        text = "\n".join(f"{name}:{self.sizes[name]}" for name in self.files_with([day]))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _take_any(self, found: Found, lines: Sequence[bytes]) -> None:
        rows = [*rows_in(lines)]
        self.count += len(rows)
        self.merge.look_at([line.row for line in rows if line.stream == EVENTS])
        for line in rows:
            self._look_at(found, line)

    def _look_at(self, found: Found, line: Line) -> None:
        if line.stream == PROFILES:
            found.profiles += 1
            return
        looked = looked_at(line.row) if line.stream == EVENTS else None
        if looked is None:
            found.broken += 1
            return
        self._add(found, line.row, looked)

    def _add(self, found: Found, line: bytes, row: Row) -> None:
        day = day_of_row(row)
        found.days[day] += len(line)
        if row.event in VERBS:
            found.verbs[day] += len(line)
        if len(self.live.get(day, ())) < LIVE_ROWS_A_DAY:
            self._keep_if_live(day, row)

    def _keep_if_live(self, day: str, row: Row) -> None:
        properties = row.properties
        if properties.is_imported is True:
            return
        time, receipt = milliseconds(properties.time), milliseconds(properties.received)
        if time is not None and receipt is not None:
            self.live[day].append(Live(time, receipt))

    def _check(self, name: str, count: int) -> None:
        broken = sum(found.broken for found in self.files.values())
        if count and self.files[name].broken == count:
            msg = (
                f"Nothing of {name} can be read: none of its {count:,} lines is a row of an export "
                f"or a profile. {WHAT_TO_DO}"
            )
            raise TooManyBroken(msg)
        if self.count >= ENOUGH and broken * 100 > self.count * MOST_PERCENT:
            msg = (
                f"{broken:,} of the {self.count:,} lines looked at so far are broken, the last of "
                f"them in {name}: more than {MOST_PERCENT}%. {WHAT_TO_DO}"
            )
            raise TooManyBroken(msg)


def all_looked_at(rows: Sequence[bytes]) -> list[Row] | None:
    """Return what `looked_at` does of each row; None where one is not as it should be."""
    try:
        return read_rows(rows)
    except (msgspec.DecodeError, RecursionError):
        return None


def looked_at(row: bytes) -> Row | None:
    """Return what decides of a row; None when it is none."""
    try:
        return read_rows([row])[0]
    except (msgspec.DecodeError, RecursionError):
        pass
    try:  # what can be mended is a row
        return read_rows([made_sound(row)[0] or b""])[0]
    except (msgspec.DecodeError, RecursionError):
        return None


def day_of_row(row: Row) -> str:
    """Return the day of a row, `undated` where it names neither its time nor its receipt."""
    properties = row.properties
    time, otherwise = in_milliseconds(properties.time), 0
    if time is None:
        otherwise = milliseconds(properties.received) or milliseconds(properties.processed) or 0
    number = _any_day.day_of(time, otherwise)
    return UNDATED if number == NO_DAY else day_text(number)


_any_day = Heads(TimeFrame(UTC, ZoneInfo("UTC")))


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
