"""Says in a state of bounded size which files of an archive are read. Pure.

An archive of five years has 100,000 files; a list of them in every STATE would be megabytes. So the
state has one digest for each day that is read to its end, of the names and sizes of its files, and
lists the files of the last day only:

    {"days": {"2024-01-01": "9f…", …}, "day": "2024-01-02", "files": {"1/1_2024-01-02_0#1…": 1234}}

A day with the same digest is skipped. A day that has changed is read again, which is harmless since
rows keep their ids; of the last day only new files are read, so an archive that grows by the hour
is read once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from singer_delivery.tap.errors import NO_ARCHIVE, StateUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Dated(Protocol):
    """A file, as far as this module needs it."""

    @property
    def day(self) -> str:
        """The day it belongs to."""

    @property
    def name(self) -> str:
        """Its name, unlike that of any other file."""

    @property
    def size(self) -> int:
        """Its bytes."""


File = TypeVar("File", bound=Dated)


@dataclass(frozen=True)
class Day(Generic[File]):
    """All files of a day, in order, and the digest of their names and sizes."""

    date: str
    digest: str
    files: tuple[File, ...]


def by_day(files: Iterable[File]) -> Iterator[Day[File]]:
    """Group files by day; `files` must be ordered by day."""
    for date, group in groupby(files, key=lambda file: file.day):
        members = tuple(group)
        text = "\n".join(sorted(f"{file.name}:{file.size}" for file in members))
        yield Day(date, hashlib.sha256(text.encode()).hexdigest()[:12], members)


@dataclass
class Progress:
    """The days and files that are read; `as_bookmark` gives its form in the state."""

    days: dict[str, str] = field(default_factory=dict)
    day: str | None = None
    files: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_bookmark(cls, bookmark: Any) -> Progress:
        """Read the progress from the state.

        Raises:
            StateUnreadable: The state holds something else.
        """
        said = bookmark if isinstance(bookmark, dict) else {"days": bookmark}
        days, files = said.get("days") or {}, said.get("files") or {}
        if not isinstance(days, dict) or not isinstance(files, dict):
            raise StateUnreadable(NO_ARCHIVE)
        return cls(dict(days), said.get("day"), dict(files))

    def as_bookmark(self) -> dict[str, Any]:
        """Return the progress as the state holds it."""
        return {"days": self.days, "day": self.day, "files": self.files}

    def to_read(self, day: Day[File]) -> list[File]:
        """Return the files of a day that are not read yet, in order."""
        if self.days.get(day.date) == day.digest:
            return []
        done = self.files if self.day == day.date else {}
        return [file for file in day.files if done.get(file.name) != file.size]

    def read(self, day: Day[File], file: File) -> None:
        """Note that a file of a day is read."""
        if self.day != day.date:
            self.day, self.files = day.date, {}
        self.files[file.name] = file.size

    def read_through(self, day: Day[File]) -> None:
        """Note that a day is read to its end."""
        self.days[day.date] = day.digest
