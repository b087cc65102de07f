"""Reads exported files from a disk or a bucket, as raw lines, in constant memory.

An archive is a folder, a file or a zip, local or at an fsspec URL (`s3://…`, `gs://…`). It holds
files of JSON lines, gzipped or plain, and zips of such files. Their content says whether they are
gzipped, not their name. It never unpacks a member of a zip to a path, whatever the member's name.
`singer_delivery.io.expansion` limits how far a file may expand.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import IO, Any, Generic, Protocol, TypeVar, cast

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from singer_delivery.io.expansion import Unreadable
from singer_delivery.io.line_files import blocks_of, open_blocks
from singer_delivery.tap.errors import ArchiveUnreadable
from singer_delivery.tap.zips import ZIP_DAMAGE, open_member, open_zip

logger = logging.getLogger("singer-delivery.archive")

CHUNK_BYTES = 1024 * 1024
REPLACE_OR_REMOVE = (
    "Put a complete copy in its place, or take it out of the archive to go on without it."
)
LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
QUERY = re.compile(r"(://[^?\s]*\?)\S*")


class Stored(Protocol):
    """A file of an archive, as far as this module needs it."""

    @property
    def name(self) -> str:
        """Its path below the archive's root; log and state use it."""

    @property
    def size(self) -> int:
        """Its bytes as stored."""

    @property
    def path(self) -> str:
        """Its path in the file system, or that of the zip it is in."""

    @property
    def member(self) -> str | None:
        """Its name in that zip; None when it is in none."""

    def __lt__(self, other: Any, /) -> bool:
        """Tell whether it is read before another."""


File = TypeVar("File", bound=Stored)


def shown(text: str) -> str:
    """Return the text without the login and the query of each address: both may be secret."""
    return QUERY.sub(r"\1…", LOGIN.sub("", text))


def is_hidden(name: str) -> bool:
    """Tell whether a file is none that a person put there."""
    parts = name.split("/")
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


class Archive(Generic[File]):
    """The exported files under one path or URL.

    Args:
        url: a local path or an fsspec URL.
        as_file: makes a file of its name, size, path and member; files are ordered as they compare.
        left_aside: returns why a name is skipped; None when it is that of an exported file.
        kinds: the names of exported files, for the sentence that none is there.
        advice: a sentence for the user on what to do about a damaged file.

    Raises:
        ArchiveUnreadable: Nothing is there, or it cannot be reached.
    """

    def __init__(
        self,
        url: str,
        as_file: Callable[[str, int, str, str | None], File],
        left_aside: Callable[[str], str | None],
        kinds: str,
        advice: str = REPLACE_OR_REMOVE,
    ) -> None:
        self._shown = shown(url)
        self._as_file = as_file
        self._left_aside = left_aside
        self._kinds = kinds
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

    def files(self) -> list[File]:
        """Return all files of events, in order; log how many others are skipped, and why.

        Raises:
            ArchiveUnreadable: There is none, a zip is damaged, or the storage fails.
        """
        aside: Counter[str] = Counter()
        found = []
        for file in self._all_files():
            why = self._left_aside(file.name)
            if why is None:
                found.append(file)
            else:
                aside[why] += 1
        for why, count in sorted(aside.items()):
            logger.info("%s: %d files left aside (%s).", self._shown, count, why)
        if not found:
            msg = f"{self._shown} holds no exported files ({self._kinds})."
            raise ArchiveUnreadable(msg)
        return sorted(found)

    def blocks(self, file: File) -> Iterator[list[bytes]]:
        """Yield the raw lines of a file, many at a time, without their newlines.

        Raises:
            ArchiveUnreadable: The file is damaged, or the storage fails.
        """
        with self._errors_of(file):
            yield from blocks_of(self._open(file), file.size)

    def blocks_of_copy(self, file: File, path: Path) -> Iterator[list[bytes]]:
        """Yield what `blocks` yields, from a copy of the file at `path`.

        Raises:
            ArchiveUnreadable: As there.
        """
        with self._errors_of(file):
            yield from open_blocks(path)

    def chunks(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file as they are stored; those of a member of a zip, unpacked.

        Raises:
            ArchiveUnreadable: The member is damaged, or the storage fails.
        """
        with self._errors_of(file), closing(self._open(file)) as stored:
            yield from iter(partial(stored.read, CHUNK_BYTES), b"")

    def modified(self, file: File) -> datetime | None:
        """Return when a file was last written, or the zip it is in; None where nobody knows."""
        try:
            moment = self._files.modified(file.path)
        except Exception:  # noqa: BLE001 - each kind of storage has its own errors
            return None
        if not isinstance(moment, datetime):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def local_path(self, file: File) -> Path | None:
        """Return the path of a file; None when it is in a zip or on another machine."""
        is_local = isinstance(self._files, LocalFileSystem)
        return Path(file.path) if is_local and file.member is None else None

    @contextmanager
    def _errors_of(self, file: File) -> Iterator[None]:
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

    def _all_files(self) -> Iterator[File]:
        for path, info in self._listing().items():
            name = path[len(self._root) :].strip("/") or path.rpartition("/")[2]
            if name.lower().endswith(".zip"):
                yield from self._members(path, "" if path == self._root else f"{name}/")
            else:
                yield self._as_file(name, info.get("size") or 0, path, None)

    def _listing(self) -> dict[str, dict[str, Any]]:
        if self._root_info["type"] != "directory":
            return {self._root: self._root_info}
        try:
            found = self._files.find(self._root, detail=True)
        except Exception as error:  # each kind of storage has its own errors
            raise _unreachable(self._shown, error) from error
        return cast("dict[str, dict[str, Any]]", found)

    def _members(self, path: str, prefix: str) -> Iterator[File]:
        for member in self._open_zip(path).infolist():
            if not member.is_dir():
                name, size = prefix + member.filename, member.compress_size
                yield self._as_file(name, size, path, member.filename)

    def _open(self, file: File) -> IO[bytes]:
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
