"""The exports that the runs read: files as Amplitude's bucket export lays them out.

`generated` is the company that the tests know the truth of. `crowd` is for size: the same rows over
and over, but of other people on other devices each time, so that the population grows with the
number of events while everything else of a row stays as it is. The same seed makes the same files.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from isal import igzip

from tests.fakes.company import Company

PROJECT = 187520
SEED = 7

CROWD_LINES = 100_000
"""Lines that a crowd is copied from; a copy is as many."""

FIRST_COPY, MOST_COPIES = 10, 90
"""Copies are numbered with two digits."""

KEPT = 4
"""One row in so many of the company's is kept in a crowd: ten rows a person, of several visits."""

COPY = b"\0\0"
"""Stands for the number of the copy in a row that is to be copied. JSON text never has it."""

IDS = re.compile(
    rb'"(?:uuid|device_id|\$insert_id|idfa|adid)":"[^"]{2}'  # two characters give way to COPY
    rb"|person-(?=\d)|org-(?=\d)"
    rb'|"amplitude_id":(?=\d)'
)


@dataclass(frozen=True)
class File:
    """A file of an export and how many lines it has."""

    path: Path
    lines: int


@dataclass(frozen=True)
class Export:
    """A folder of files, in the order of their hours."""

    folder: Path
    files: tuple[File, ...]

    @property
    def lines(self) -> int:
        """How many rows there are."""
        return sum(file.lines for file in self.files)

    def first(self, lines: int, folder: Path) -> Export:
        """Return the first files, of as many lines at least, linked into a folder of their own."""
        folder.mkdir(parents=True)
        taken: list[File] = []
        for file in self.files:
            if sum(each.lines for each in taken) >= lines:
                break
            link = folder / file.path.name
            os.link(file.path, link)
            taken.append(File(link, file.lines))
        return Export(folder, tuple(taken))


@dataclass(frozen=True)
class Population:
    """How many different ones the rows speak of."""

    users: int
    devices: int


def generated(folder: Path, events: int, seed: int = SEED) -> Export:
    """Write the company's export."""
    folder.mkdir(parents=True)
    hours = Company(seed=seed, events=events).stream()
    return Export(folder, tuple(_write_hour(folder, hour, rows) for hour, rows in hours))


def crowd_lines(events: int) -> int:
    """Return of how many lines the copies are best made that come to so many events."""
    return max(min(events // 2, CROWD_LINES), events // MOST_COPIES)


def crowd(folder: Path, lines: int, copies: int, seed: int = SEED) -> tuple[Export, Population]:
    """Write an export of copies of about as many lines, each of other people."""
    folder.mkdir(parents=True)
    files: list[File] = []
    users: set[str | None] = set()
    devices: set[str | None] = set()
    for hour, rows in _crowd_rows(lines, seed):
        _note_people(rows, users, devices)
        template = IDS.sub(_with_copy, b"\n".join(rows))
        for number in range(copies):
            file = _file(folder, hour, number, len(rows))
            copy = template.replace(COPY, b"%d" % (FIRST_COPY + number))
            file.path.write_bytes(igzip.compress(copy))
            files.append(file)
    return Export(folder, tuple(files)), Population(len(users) * copies, len(devices) * copies)


def _write_hour(folder: Path, hour: datetime, rows: Sequence[bytes]) -> File:
    file = _file(folder, hour, 0, len(rows))
    file.path.write_bytes(gzip.compress(b"\n".join(rows), 6))
    return file


def _file(folder: Path, hour: datetime, part: int, lines: int) -> File:
    return File(folder / f"{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#{part + 1}.json.gz", lines)


def _crowd_rows(lines: int, seed: int) -> Iterator[tuple[datetime, list[bytes]]]:
    """Yield the rows of each hour that are copied."""
    company = Company(seed=seed, events=KEPT * lines, people=max(24, lines * 35 // 200))
    for hour, rows in company.stream():
        yield hour, rows[::KEPT]


def _with_copy(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text.endswith(b"-"):  # person-0042 becomes person-10-0042
        return text + COPY + b"-"
    return text + COPY if text.endswith(b":") else text[:-2] + COPY


def _note_people(rows: Sequence[bytes], users: set[str | None], devices: set[str | None]) -> None:
    for row in map(orjson.loads, rows):
        users.add(row["user_id"])
        devices.add(row["device_id"])
