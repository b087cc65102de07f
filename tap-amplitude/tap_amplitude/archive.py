"""Reads exported files from a disk or a bucket, as raw lines, in constant memory.

An archive is a folder, a file or a zip, local or at an fsspec URL (`s3://…`, `gs://…`). It holds:

- `{project}/{project}_{yyyy-MM-dd}_{H}#{part}.json.gz`, as the Export API's zip and Amplitude's S3
  and GCS destinations name them (Amplitude docs, Export API; Amazon S3 export). Their content says
  whether they are gzipped, not their name;
- zips of such files, as the API and the "Export data" button of the web app return.

It skips marker files named `complete`, and `-{organisation}_….json.gz`, which hold merges of users
and no events. `singer_delivery.tap.archive` reads the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import groupby

from singer_delivery.tap import archive
from singer_delivery.tap.archive import REPLACE_OR_REMOVE, is_hidden

EXPORT_SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz")
KINDS = "*.json, *.jsonl, *.ndjson, gzipped or not, or zips of these"
EXPORT_NAME = re.compile(r"_(?P<day>\d{4}-\d\d-\d\d)_(?P<hour>\d{1,2})(?:#(?P<part>\d+))?\.")
MERGES_NAME = re.compile(r"(^|/)-\d+(_|/)")
UNDATED = datetime.max.replace(tzinfo=timezone.utc)
"""The hour of a file whose name holds none: such files come last."""


@dataclass(frozen=True, slots=True, order=True)
class ExportFile:
    """One file of JSON lines. Files are ordered by hour, part and name.

    Attributes:
        hour: the hour (UTC) in its name, or `UNDATED`.
        part: the part number in its name; Amplitude numbers parts in no order.
        name: its path below the archive's root; log and state use it.
        size: its bytes as stored.
        path: its path in the file system, or that of the zip it is in.
        member: its name in that zip; None when it is in none.
    """

    hour: datetime
    part: int
    name: str
    size: int
    path: str
    member: str | None

    @property
    def day(self) -> str:
        """The day of its hour, or `undated`."""
        return "undated" if self.hour == UNDATED else f"{self.hour:%Y-%m-%d}"


def by_hour(files: Iterable[ExportFile]) -> Iterator[list[ExportFile]]:
    """Group files by hour, those without one together; `files` must be ordered by hour."""
    return (list(group) for _, group in groupby(files, key=lambda file: file.hour))


def hour_and_part(name: str) -> tuple[datetime, int]:
    """Read hour and part from a file's name; `UNDATED` and 0 where it holds none."""
    found = EXPORT_NAME.search(name.rpartition("/")[2])
    if found is None:
        return UNDATED, 0
    try:
        day = datetime.strptime(found["day"], "%Y-%m-%d").replace(tzinfo=timezone.utc)
        return day + timedelta(hours=int(found["hour"])), int(found["part"] or 0)
    except (ValueError, OverflowError):
        return UNDATED, 0


def left_aside(name: str) -> str | None:
    """Return why a file is skipped; None when its name is that of a file of events."""
    if is_hidden(name):
        return "hidden"
    if MERGES_NAME.search(name):
        return "merges of users, not events"
    last_part = name.rpartition("/")[2]
    if last_part == "complete":
        return "completion markers"
    return None if last_part.lower().endswith(EXPORT_SUFFIXES) else "other names"


class Archive(archive.Archive[ExportFile]):
    """The exported files under one path or URL.

    Args:
        url: a local path or an fsspec URL.
        advice: a sentence for the user on what to do about a damaged file.

    Raises:
        ArchiveUnreadable: Nothing is there, or it cannot be reached.
    """

    def __init__(self, url: str, advice: str = REPLACE_OR_REMOVE) -> None:
        super().__init__(url, _as_file, left_aside, KINDS, advice)


def _as_file(name: str, size: int, path: str, member: str | None) -> ExportFile:
    return ExportFile(*hour_and_part(name), name, size, path, member)
