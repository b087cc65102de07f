"""Which hours of an archive are covered, and how much of its bytes. Pure.

A day is covered when all its files are read: from its beginning to its end, but no further than the
archive's own first and last hour. An hour within it that has no file had no events, as far as an
archive can say; a day without any file is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_delivery.tap.coverage import Range, coverage_after, joined

from tap_amplitude.archive import UNDATED
from tap_amplitude.windows import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_amplitude.archive import ExportFile
    from tap_amplitude.days import Day

ONE_DAY = timedelta(days=1)


def hour_text(hour: datetime) -> str:
    """Return an hour as ranges hold it."""
    return f"{hour:%Y-%m-%dT%H}"


@dataclass
class Covering:
    """What is covered of an archive.

    Attributes:
        covered: ranges.
        done: bytes that are read.
        total: bytes that are asked for.
        first: the first hour of a file.
        end: the end of the last.
    """

    covered: list[Range]
    total: int
    first: datetime | None
    end: datetime | None
    done: int = 0

    @classmethod
    def of_files(cls, files: Sequence[ExportFile], covered: list[Range]) -> Covering:
        """Return what is covered before any of the files is read, which are in order."""
        hours = [file.hour for file in files if file.hour != UNDATED]
        first, end = (hours[0], hours[-1] + HOUR) if hours else (None, None)
        return cls(joined(covered), sum(file.size for file in files), first, end)

    def pass_over(self, day: Day[ExportFile], to_read: Iterable[ExportFile]) -> None:
        """Count the files of a day that were read before."""
        self.done += sum(file.size for file in day.files) - sum(file.size for file in to_read)

    def after(self, files: Sequence[ExportFile], *, is_last: bool) -> dict[str, Any]:
        """Return what the bookmark says of coverage when files of an hour are read.

        Args:
            files: of one hour.
            is_last: whether they are the last of their day.
        """
        self.done += sum(file.size for file in files)
        hour = files[0].hour
        if hour == UNDATED:
            new = (files[0].name, files[-1].name)
        elif is_last:
            new = self._day_of(hour)
        else:
            new = (hour_text(hour), hour_text(hour + HOUR))
        self.covered = joined([*self.covered, new])
        return coverage_after(self.covered, self.done, self.total, "bytes")

    def _day_of(self, hour: datetime) -> Range:
        assert self.first is not None, "the archive has an hour"
        assert self.end is not None, "likewise"
        start = hour.replace(hour=0)
        end = start + ONE_DAY
        return hour_text(max(start, self.first)), hour_text(min(end, self.end))
