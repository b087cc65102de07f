"""Reads exported files from a disk or a bucket, as raw lines, in constant memory.

An archive is a folder, a file or a zip, local or at an fsspec URL (`s3://…`, `gs://…`). It holds:

- `{project}/{project}_{yyyy-MM-dd}_{H}#{part}.json.gz`, as the Export API's zip and Amplitude's S3
  and GCS destinations name them (Amplitude docs, Export API; Amazon S3 export). Their content says
  whether they are gzipped, not their name;
- zips of such files, as the API and the "Export data" button of the web app return.

It skips marker files named `complete`, and `-{organisation}_….json.gz`, which hold merges of users
and no events. It never unpacks a member of a zip to a path, whatever the member's name.
`singer_delivery.io.expansion` limits how far a file may expand.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from singer_delivery.io.expansion import Unreadable
from singer_delivery.io.line_files import blocks_of, open_blocks
from singer_delivery.tap.errors import ArchiveUnreadable

from tap_amplitude.zips import ZIP_DAMAGE, open_member, open_zip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger("tap-amplitude.archive")

CHUNK_BYTES = 1024 * 1024
EXPORT_SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz")
EXPORT_NAME = re.compile(r"_(?P<day>\d{4}-\d\d-\d\d)_(?P<hour>\d{1,2})(?:#(?P<part>\d+))?\.")
MERGES_NAME = re.compile(r"(^|/)-\d+(_|/)")
REPLACE_OR_REMOVE = (
    "Put a complete copy in its place, or take it out of the archive to go on without it."
)
LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
QUERY = re.compile(r"(://[^?\s]*\?)\S*")
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


def shown(text: str) -> str:
    """Return the text without the login and the query of each address: both may be secret."""
    return QUERY.sub(r"\1…", LOGIN.sub("", text))


def left_aside(name: str) -> str | None:
    """Return why a file is skipped; None when its name is that of a file of events."""
    parts = name.split("/")
    if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts):
        return "hidden"
    if MERGES_NAME.search(name):
        return "merges of users, not events"
    if parts[-1] == "complete":
        return "completion markers"
    return None if parts[-1].lower().endswith(EXPORT_SUFFIXES) else "other names"


class Archive:
    """The exported files under one path or URL.

    Args:
        url: a local path or an fsspec URL.
        advice: a sentence for the user on what to do about a damaged file.

    Raises:
        ArchiveUnreadable: Nothing is there, or it cannot be reached.
    """

    def __init__(self, url: str, advice: str = REPLACE_OR_REMOVE) -> None:
        self._shown = shown(url)
        self._advice = advice
        self._zip: tuple[str, zipfile.ZipFile] | None = None
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
            self._root_info: dict[str, Any] = self._files.info(self._root)
        except ImportError as error:
            msg = f"{self._shown} needs a package that is not installed: {shown(str(error))}"
            raise ArchiveUnreadable(msg) from error
        except FileNotFoundError as error:
            msg = f"archive_path {self._shown} does not exist."
            raise ArchiveUnreadable(msg) from error
        except Exception as error:  # each kind of storage has its own errors
            raise _unreachable(url, error) from error

    def close(self) -> None:
        """Close the zip that is open."""
        if self._zip is not None:
            self._zip[1].close()
            self._zip = None

    def files(self) -> list[ExportFile]:
        """Return all files of events, in order; log how many others are skipped, and why.

        Raises:
            ArchiveUnreadable: There is none, a zip is damaged, or the storage fails.
        """
        aside: Counter[str] = Counter()
        found = []
        for file in self._all_files():
            why = left_aside(file.name)
            if why is None:
                found.append(file)
            else:
                aside[why] += 1
        for why, count in sorted(aside.items()):
            logger.info("%s: %d files left aside (%s).", self._shown, count, why)
        if not found:
            msg = (
                f"{self._shown} holds no exported files (*.json, *.jsonl, *.ndjson, gzipped "
                "or not, or zips of these)."
            )
            raise ArchiveUnreadable(msg)
        return sorted(found)

    def blocks(self, file: ExportFile) -> Iterator[list[bytes]]:
        """Yield the raw lines of a file, many at a time, without their newlines.

        Raises:
            ArchiveUnreadable: The file is damaged, or the storage fails.
        """
        with self._errors_of(file):
            yield from blocks_of(self._open(file), file.size)

    def blocks_of_copy(self, file: ExportFile, path: Path) -> Iterator[list[bytes]]:
        """Yield what `blocks` yields, from a copy of the file at `path`.

        Raises:
            ArchiveUnreadable: As there.
        """
        with self._errors_of(file):
            yield from open_blocks(path)

    def chunks(self, file: ExportFile) -> Iterator[bytes]:
        """Yield the bytes of a file as they are stored; those of a member of a zip, unpacked.

        Raises:
            ArchiveUnreadable: The member is damaged, or the storage fails.
        """
        with self._errors_of(file), closing(self._open(file)) as stored:
            yield from iter(partial(stored.read, CHUNK_BYTES), b"")

    def local_path(self, file: ExportFile) -> Path | None:
        """Return the path of a file; None when it is in a zip or on another machine."""
        is_local = isinstance(self._files, LocalFileSystem)
        return Path(file.path) if is_local and file.member is None else None

    @contextmanager
    def _errors_of(self, file: ExportFile) -> Iterator[None]:
        """Turn an error while a file is read into a sentence that names the file."""
        try:
            yield
        except Unreadable as error:
            msg = f"{file.name} in {self._shown} {error} {self._advice}"
            raise ArchiveUnreadable(msg) from error
        except ZIP_DAMAGE as error:
            msg = f"{file.name} in {self._shown} is damaged ({error}). {self._advice}"
            raise ArchiveUnreadable(msg) from error
        except OSError as error:
            raise _unreachable(file.name, error) from error

    def _all_files(self) -> Iterator[ExportFile]:
        for path, info in self._listing().items():
            name = path[len(self._root) :].strip("/") or path.rpartition("/")[2]
            if name.lower().endswith(".zip"):
                yield from self._members(path, "" if path == self._root else f"{name}/")
            else:
                yield ExportFile(*hour_and_part(name), name, info.get("size") or 0, path, None)

    def _listing(self) -> dict[str, dict[str, Any]]:
        if self._root_info["type"] != "directory":
            return {self._root: self._root_info}
        try:
            found = self._files.find(self._root, detail=True)
        except Exception as error:  # each kind of storage has its own errors
            raise _unreachable(self._shown, error) from error
        return cast("dict[str, dict[str, Any]]", found)

    def _members(self, path: str, prefix: str) -> Iterator[ExportFile]:
        for member in self._open_zip(path).infolist():
            if not member.is_dir():
                name, size = prefix + member.filename, member.compress_size
                yield ExportFile(*hour_and_part(name), name, size, path, member.filename)

    def _open(self, file: ExportFile) -> IO[bytes]:
        if file.member is not None:
            return open_member(self._open_zip(file.path), file.member)
        return cast("IO[bytes]", self._files.open(file.path, "rb"))

    def _open_zip(self, path: str) -> zipfile.ZipFile:
        """Return the zip at `path`, open. The last one stays open: its directory may be long."""
        if self._zip is None or self._zip[0] != path:
            self.close()
            try:
                self._zip = (path, open_zip(self._files.open(path, "rb")))
            except zipfile.BadZipFile as error:
                msg = f"{shown(path)} is no whole zip file ({error}). Fetch it again."
                raise ArchiveUnreadable(msg) from error
            except OSError as error:
                raise _unreachable(path, error) from error
        return self._zip[1]


def _unreachable(what: str, error: Exception) -> ArchiveUnreadable:
    msg = shown(f"{what} cannot be read ({type(error).__name__}: {error}).")
    return ArchiveUnreadable(msg)
