"""Exports of Mixpanel that the runs read: a file of gzipped JSON lines a day.

The rows are those of the generator whose truth the tests know, without its rare scenes. `crowd` is
for size, as in `bench.export`: copies of all rows, each of other people on other devices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from isal import igzip

from bench.export import COPY, FIRST_COPY, MOST_COPIES, SEED, Export, File
from tests.fakes.mixpanel_export import Row
from tests.mixpanel_people.export import Export as Project

LINES_OF_A_USER = 18
"""Rows that come with a user, visitors without a user id counted in."""

IDS = re.compile(rb'"(?:\$insert_id|\$device_id)":"[^"]{2}|\$device:..|user-(?=\d)')
"""What tells people, devices and events apart."""

MOST_USERS = 5_000
DAYS = 30


def generated(folder: Path, events: int, seed: int = SEED) -> Export:
    """Write an export of about as many rows."""
    copies = max(1, -(-events // (MOST_USERS * LINES_OF_A_USER)))
    return crowd(folder, events // copies, copies, seed)


def crowd(folder: Path, lines: int, copies: int, seed: int = SEED) -> Export:
    """Write copies of about as many rows, each of other people.

    Raises:
        ValueError: there are more copies than their numbers have digits for.
    """
    if copies > MOST_COPIES:
        msg = f"{copies} copies are more than {MOST_COPIES}: give more lines."
        raise ValueError(msg)
    folder.mkdir(parents=True)
    project = Project(seed, max(8, lines // LINES_OF_A_USER), DAYS, scenes=())
    return Export(folder, tuple(_days(project, folder, copies)))


def _days(project: Project, folder: Path, copies: int) -> Iterator[File]:
    rows: dict[date, list[bytes]] = {}
    for row in _once_each(project):
        rows.setdefault(row.day, []).append(row.line(1, in_ms=True))
    for day, lines in sorted(rows.items()):
        path = folder / f"{day}.jsonl.gz"
        template = IDS.sub(_with_copy, b"\n".join(lines))
        with igzip.open(path, "wb", compresslevel=1) as file:
            for number in range(copies):
                file.write(template.replace(COPY, b"%d" % (FIRST_COPY + number)) + b"\n")
        yield File(path, len(lines) * copies)


def _once_each(project: Project) -> Iterator[Row]:
    """Yield the rows without those that Mixpanel exports twice: what is read is what is sent."""
    seen: set[str] = set()
    for row in project.rows:
        insert_id = row.properties.get("$insert_id")
        if insert_id not in seen:
            yield row
        if insert_id is not None:
            seen.add(insert_id)


def _with_copy(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text + COPY + b"-" if text.endswith(b"-") else text[:-2] + COPY
