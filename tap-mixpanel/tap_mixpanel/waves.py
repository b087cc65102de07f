"""The days of an archive, wave by wave: the same road as the days of the API.

STATE has a digest for each day that is read to its end, of the names and sizes of the files that
hold its rows:

    {"archive": {"days": {"2026-01-01": "9f…", …}}}

A day of the same digest is left out. One that has changed is read again, which is harmless since
rows keep their ids.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from singer_delivery.mapping.json_lines import reason_to_refuse
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.coverage import Range, coverage_after, joined, ranges_in
from singer_delivery.tap.errors import NO_ARCHIVE, StateUnreadable

from tap_mixpanel.archive import ExportedFiles
from tap_mixpanel.dealing import NO_ROW, DayOfRows, Dealer, Dealt
from tap_mixpanel.file_lines import EVENTS, Line, plain_rows, rows_in
from tap_mixpanel.identity_merge import is_verb
from tap_mixpanel.project import Project, opened
from tap_mixpanel.rows import Heads
from tap_mixpanel.scan import UNDATED, WAVE_BYTES, Scan, day_of_row, looked_at, waves
from tap_mixpanel.settings import Settings
from tap_mixpanel.sources import DaySource, Portion, day_range, sessions_cross
from tap_mixpanel.windows import DAY

logger = logging.getLogger("tap-mixpanel.archive")

LIVE_ROW = b'{"event":"","properties":{"time":%d,"$mp_api_timestamp_ms":%d}}'


def opened_archive(settings: Settings, bookmark: Mapping[str, Any], scan: Scan) -> Project:
    """Find out what is known of the project of an archive.

    Raises:
        FrameUnknown: What times are cannot be told.
    """
    days = sorted(day for day in scan.live if day != UNDATED)
    # A single clock may be years off, so the first and the last of them are no more than hints.
    first, last = map(date.fromisoformat, (days[0], days[-1]) if days else ("2000-01-01",) * 2)

    def sample(since: date, until: date) -> list[bytes]:
        wanted = [day for day in days if since.isoformat() <= day <= until.isoformat()]
        return [LIVE_ROW % row for day in wanted for row in scan.live[day]]

    project = opened(settings, bookmark, sample, last, first)
    project.merge.has_devices |= scan.merge.has_devices
    project.merge.has_verbs |= scan.merge.has_verbs
    return project


@dataclass
class Waves:
    """Reads the days of an archive.

    Args:
        exported: the files.
        project: what is known of the project.
        settings: which days, and where rows wait.
        bad_lines: keeps the lines that are no rows.
        verbs_alone: whether to read the rows alone that join ids.
        most: bytes of rows that wait on disk at once.
    """

    exported: ExportedFiles
    project: Project
    settings: Settings
    bad_lines: BadLines
    verbs_alone: bool = False
    most: int = WAVE_BYTES
    _done: dict[str, str] = field(default_factory=dict, init=False)
    _looked_through: set[str] = field(default_factory=set, init=False)
    _sizes: dict[str, int] = field(default_factory=dict, init=False)
    _due: set[str] = field(default_factory=set, init=False)
    _left: set[str] = field(default_factory=set, init=False)
    _covered: list[Range] = field(default_factory=list, init=False)

    def from_archive(self, bookmark: Mapping[str, Any]) -> DaySource:
        """Yield the days that the bookmark does not hold, in waves.

        Raises:
            ArchiveUnreadable: A file is damaged, or the storage fails.
            StateUnreadable: The bookmark is none of an archive.
            SpoolUnwritable: There is no room for the rows of a wave.
        """
        scan = self.exported.scan
        self._done = done_days(bookmark)
        self._covered = ranges_in(bookmark)
        sizes = {day: scan.bytes_of(day, verbs_alone=self.verbs_alone) for day in scan.days}
        self._sizes = {day: size for day, size in sizes.items() if self._is_in_range(day)}
        due = {day: size for day, size in self._sizes.items() if size and self._is_due(day)}
        self._due, self._left = set(due), set(due)
        if not due:
            logger.info("Nothing new: every day of the archive is done.")
        for days in waves(due | self._carried(due), self.most):
            yield Portion(
                days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
                Dealt([self._dealer_of(days)]),
                self._finish_day,
                lambda days=days: self._finish(self._due.intersection(days)),  # type: ignore[misc]
                lambda day: (day or UNDATED) in self._due,
            )

    def _carried(self, due: Mapping[str, int]) -> dict[str, int]:
        """Return the days before those due whose last sessions may go on, with their bytes."""
        if self.verbs_alone:
            return {}
        midnights = [date.fromisoformat(day) for day in due if day != UNDATED]
        before = {
            str(each - DAY)
            for each in midnights
            if each - date.min >= DAY and sessions_cross(each, self.project.frame, self.settings)
        }
        return {day: self._sizes[day] for day in before - due.keys() if day in self._sizes}

    def _is_in_range(self, day: str) -> bool:
        if day == UNDATED:
            return True
        moment, start, end = date.fromisoformat(day), self.settings.start, self.settings.end
        return (start is None or moment >= start) and (end is None or moment < end)

    def _is_due(self, day: str) -> bool:
        return self._done.get(day) != self.exported.scan.digest_of(day)

    def _dealer_of(self, days: list[str]) -> Dealer:
        heads = Heads(self.project.frame, None, self.settings.session_property)
        dealer = Dealer(self.project, heads, self.settings.spool_dir)
        with ExitStack() as stack:
            stack.callback(dealer.close)
            with closing(self.exported.archive):
                for name in self.exported.scan.files_with(days):
                    self._deal(name, set(days), dealer)
            stack.pop_all()  # the dealer is whole, and whoever reads it closes it
        return dealer

    def _deal(self, name: str, days: set[str], dealer: Dealer) -> None:
        """Deal the rows of one file, and keep its broken lines when it is read first."""
        of_file = self.exported.scan.files[name].days.keys()
        is_new = name not in self._looked_through and not of_file.isdisjoint(self._due)
        before = 0
        for lines in self.exported.archive.blocks(self.exported.files[name]):
            found: list[Line] = []
            rows = plain_rows(lines)
            if rows is None:
                found = [*rows_in(lines, before)]
                rows = [line.row for line in found if line.stream == EVENTS]
            if self.verbs_alone:
                rows = [row for row in rows if is_verb(row)]
            dealer.add(rows if of_file <= days else [*_of_days(rows, days)])
            if is_new and not self.verbs_alone:
                self._keep_broken(name, found or rows_in(lines, before), dealer)
            dealer.broken.clear()
            before += len(lines)
        self._looked_through.add(name)

    def _keep_broken(self, name: str, lines: Iterable[Line], dealer: Dealer) -> None:
        """Keep the lines that are of no stream, and those that the dealer found to be no rows."""
        no_rows = {broken.line: broken.why for broken in dealer.broken}
        for line in lines:
            if line.stream is None:
                why = reason_to_refuse(line.row) or NO_ROW
                self.bad_lines.add(name, line.number, why, line.row)
            elif line.row in no_rows:
                self.bad_lines.add(name, line.number, no_rows[line.row], line.row)

    def _finish_day(self, day: DayOfRows) -> dict[str, Any]:
        return self._finish([day.day or UNDATED])

    def _finish(self, days: Collection[str]) -> dict[str, Any]:
        self._done.update({day: self.exported.scan.digest_of(day) for day in days})
        self._left.difference_update(days)
        return {"archive": {"days": dict(sorted(self._done.items()))}, **self._coverage(days)}

    def _coverage(self, days: Collection[str]) -> dict[str, Any]:
        """Return what the bookmark says of coverage when days are read."""
        if self.verbs_alone:
            return {}
        self._covered += [_range_of(day) for day in days]
        self._covered = joined(self._covered)
        total = sum(self._sizes.values())
        left = sum(self._sizes[day] for day in self._left)
        return coverage_after(self._covered, total - left, total, "bytes")


def done_days(bookmark: Mapping[str, Any]) -> dict[str, str]:
    """Return the days that a run before has read to their end, each with its digest.

    Raises:
        StateUnreadable: The bookmark holds something else.
    """
    archive = bookmark.get("archive") or {}
    days = (archive.get("days") or {}) if isinstance(archive, dict) else None
    if not isinstance(days, dict):
        raise StateUnreadable(NO_ARCHIVE)
    return dict(days)


def _range_of(day: str) -> Range:
    if day == UNDATED:
        return day, day
    return day_range(date.fromisoformat(day), date.fromisoformat(day))


def _of_days(rows: list[bytes], days: set[str]) -> Iterator[bytes]:
    """Yield the rows of some days, and the lines that are no rows."""
    for row in rows:
        looked = looked_at(row)
        if looked is None or day_of_row(looked) in days:
            yield row
