"""The bundled sample of a Mixpanel project: its raw export and its profiles, kept as a file.

A zip of JSON lines: `events/<day>.jsonl` as the raw export answers for a day (Mixpanel docs, "Raw
Event Export"), `profiles.jsonl` and `groups/<data group id>.jsonl` as engage gives profiles out.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tests.fakes.mixpanel_export import Profile
from tests.mixpanel_people.export import Export

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BUNDLE = Path(__file__).with_name("mixpanel-export.zip")
EVENTS, PROFILES, GROUPS, LINES = "events/", "profiles", "groups/", ".jsonl"
NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


@dataclass(frozen=True)
class Sample:
    """What a project gives out.

    Attributes:
        days: the rows of each day, in milliseconds.
        profiles: of users.
        groups: data group id -> profiles of its groups.
    """

    days: Mapping[date, Sequence[bytes]]
    profiles: Sequence[Profile]
    groups: Mapping[str, Sequence[Profile]]


def sample_export() -> Export:
    """Return the project whose export is bundled."""
    return Export(seed=7, users=200, days=4)


def sample_of(export: Export) -> Sample:
    """Return all that a generated project gives out."""
    days = {day: export.lines(day, reading=9) for day in export.days}
    return Sample(days, export.profiles, export.group_profiles)


def write(path: Path, sample: Sample) -> None:
    """Write a sample."""
    files = {f"{EVENTS}{day}": lines for day, lines in sample.days.items()}
    files[PROFILES] = _lines_of(sample.profiles)
    files |= {f"{GROUPS}{name}": _lines_of(groups) for name, groups in sample.groups.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, lines in files.items():
            member = zipfile.ZipInfo(name + LINES, NO_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, b"\n".join(lines))


def read(path: Path) -> Sample:
    """Return a sample as it was written."""
    with zipfile.ZipFile(path) as archive:
        files = {
            member.removesuffix(LINES): archive.read(member).split(b"\n")
            for member in archive.namelist()
        }
    return Sample(
        {date.fromisoformat(name): lines for name, lines in _under(EVENTS, files)},
        _profiles_in(files[PROFILES]),
        {name: _profiles_in(lines) for name, lines in _under(GROUPS, files)},
    )


def _lines_of(profiles: Iterable[Profile]) -> list[bytes]:
    return [orjson.dumps(profile.result(None)) for profile in profiles]


def _profiles_in(lines: Iterable[bytes]) -> list[Profile]:
    read = (orjson.loads(line) for line in lines if line)
    return [Profile(each["$distinct_id"], each["$properties"]) for each in read]


def _under(folder: str, files: Mapping[str, list[bytes]]) -> list[tuple[str, list[bytes]]]:
    found = ((name, lines) for name, lines in files.items() if name.startswith(folder))
    return [(name.removeprefix(folder), lines) for name, lines in found]
