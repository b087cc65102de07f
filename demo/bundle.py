"""The bundled sample export: an answer of Amplitude's Export API, kept as a file.

A zip of stored members, each a gzip of JSON lines without a newline at its end, named
`<project>/<project>_<date>_<hour>#<part>.json.gz` with the hour not padded (Amplitude docs, Export
API). The order of members and lines is the order in which the export is read.
"""

from __future__ import annotations

import gzip
import re
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fakes.company import Company
from tests.fakes.company.rows import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUNDLE = Path(__file__).with_name("amplitude-export.zip")
LINES_IN_A_PART = 90
MEMBER = re.compile(r"(?P<project>\d+)_(?P<date>\d{4}-\d\d-\d\d)_(?P<hour>\d+)#\d+\.json\.gz$")
NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


def sample_company() -> Company:
    """Return the company whose export is bundled."""
    return Company(seed=7, events=5_000, hours=72)


def write(path: Path, hours: Mapping[datetime, Sequence[bytes]]) -> None:
    """Write the lines of each hour as the Export API answers; busy hours have several parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for hour, lines in sorted(hours.items()):
            for part, first in enumerate(range(0, len(lines), LINES_IN_A_PART), start=1):
                name = f"{PROJECT}/{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#{part}.json.gz"
                body = b"\n".join(lines[first : first + LINES_IN_A_PART])
                archive.writestr(zipfile.ZipInfo(name, NO_DATE), gzip.compress(body, 9, mtime=0))


def read(path: Path) -> dict[datetime, list[bytes]]:
    """Return the raw lines of a bundle by the upload hour that its members are named after.

    Raises:
        ValueError: a member is not named as the Export API names them.
    """
    hours: dict[datetime, list[bytes]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            lines = gzip.decompress(archive.read(member)).split(b"\n")
            hours.setdefault(hour_of(member), []).extend(line for line in lines if line)
    return hours


def hour_of(member: str) -> datetime:
    """Return the upload hour (UTC) in a member's name."""
    named = MEMBER.search(member)
    if named is None:
        msg = f"{member} is not named as the members of an Amplitude export are."
        raise ValueError(msg)
    day = datetime.strptime(named["date"], "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return day.replace(hour=int(named["hour"]))
