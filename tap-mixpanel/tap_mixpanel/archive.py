"""Exported files of a Mixpanel project: which they are, and their rows in the export's shape.

An archive is a folder, a file or a zip, local or at an fsspec URL. Its files hold JSON lines,
gzipped or plain, cut in any way: what the raw export answered, what Data Pipelines wrote, and
profiles as engage returns them. `singer_delivery.tap.archive` reads files, `file_lines` lines.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from singer_delivery.tap import archive
from singer_delivery.tap.archive import is_hidden
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.errors import ArchiveUnreadable

from tap_mixpanel.dealing import Broken
from tap_mixpanel.engage import person
from tap_mixpanel.file_lines import PROFILES, rows_in
from tap_mixpanel.readings import record_of, written
from tap_mixpanel.scan import UNDATED, Scan

logger = logging.getLogger("tap-mixpanel.archive")

SUFFIXES = (".json", ".jsonl", ".ndjson", ".txt", ".gz")
KINDS = "*.json, *.jsonl, *.ndjson, *.txt, gzipped or not, or zips of these"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of UTF-16, which some tools of Windows write."""


@dataclass(frozen=True, slots=True, order=True)
class ExportFile:
    """One file of JSON lines. Files are ordered by name.

    Attributes:
        name: its path below the archive's root; log and state use it.
        size: its bytes as stored.
        path: its path in the file system, or that of the zip it is in.
        member: its name in that zip; None when it is in none.
    """

    name: str
    size: int
    path: str
    member: str | None


def left_aside(name: str) -> str | None:
    """Return why a file is skipped; None when its name is that of an exported file."""
    if is_hidden(name):
        return "hidden"
    return None if name.lower().endswith(SUFFIXES) else "other names"


class Archive(archive.Archive[ExportFile]):
    """The exported files under one path or URL.

    Args:
        url: a local path or an fsspec URL.

    Raises:
        ArchiveUnreadable: Nothing is there, or it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, ExportFile, left_aside, KINDS)

    def blocks(self, file: ExportFile) -> Iterator[list[bytes]]:
        """Yield the raw lines of a file, many at a time, without their newlines.

        Raises:
            ArchiveUnreadable: The file is damaged or no UTF-8, or the storage fails.
        """
        is_first = True
        for lines in super().blocks(file):
            if is_first and lines[0].startswith(UTF_16):
                msg = f"{file.name} is UTF-16. Write it as UTF-8, or take it out of the archive."
                raise ArchiveUnreadable(msg)
            is_first = False
            yield lines


class ExportedFiles:
    """The files of an archive, and what a first look through them finds.

    Attributes:
        archive: reads files.
        files: by name, in order.
        scan: what they hold.

    Args:
        url: a local path or an fsspec URL.

    Raises:
        ArchiveUnreadable: There is none, one is damaged, or the storage fails.
    """

    def __init__(self, url: str) -> None:
        self.archive = Archive(url)
        self.files = {file.name: file for file in self.archive.files()}
        self.scan = Scan()
        with closing(self.archive):  # the zip that is open; it is opened again when it is read
            for file in self.files.values():
                self.scan.take(file.name, file.size, self.archive.blocks(file))
        self._tell()

    def profiles(self, now: float, bad_lines: BadLines) -> Iterator[list[bytes]]:
        """Yield the records of all profiles, those of files written later last.

        Args:
            now: taken for the time of a file that has none; seconds since 1970.
            bad_lines: keeps those that cannot be read.

        Raises:
            ArchiveUnreadable: A file is damaged, or the storage fails.
        """
        moments = {
            name: self._written_at(file, now)
            for name, file in self.files.items()
            if self.scan.files[name].profiles
        }
        with closing(self.archive):
            for name in sorted(moments, key=lambda name: (moments[name], name)):
                before = 0
                for lines in self.archive.blocks(self.files[name]):
                    yield [*_records(name, lines, before, written(moments[name]), bad_lines)]
                    before += len(lines)

    def _written_at(self, file: ExportFile, now: float) -> float:
        moment = self.archive.modified(file)
        return now if moment is None else moment.timestamp()

    def _tell(self) -> None:
        days = [day for day in self.scan.days if day != UNDATED]
        logger.info(
            "%d files hold %s, %.1f MB of rows, and %s profiles.",
            len(self.files),
            f"{len(days)} days from {days[0]} to {days[-1]}" if days else "no days",
            sum(map(self.scan.bytes_of, self.scan.days)) / 1e6,
            f"{sum(found.profiles for found in self.scan.files.values()):,}",
        )


def _records(
    name: str, lines: list[bytes], before: int, read_at: str, bad_lines: BadLines
) -> Iterator[bytes]:
    for line in rows_in(lines, before):
        if line.stream == PROFILES:
            record = record_of(line.number, line.row, person, read_at)
            if isinstance(record, Broken):
                bad_lines.add(name, *record)
            else:
                yield record
