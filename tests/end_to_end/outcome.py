"""What must have arrived in the end, in whatever order the lines of an hour were read.

Downloads of one hour differ in order, so a run that was killed reads it in another order the next
time. What follows from the order is then not one outcome but a few: which of two users who came to
a tablet in the same hour owns it, and whether what a device said before its login, in that very
hour, is said of its user. Everything else is one outcome only.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from tests.fakes.company import Company
    from tests.fakes.company.truth import Meant


class Told(NamedTuple):
    """What one line says of a user; `is_sure` unless the order decides whether it does."""

    moment: int
    properties: Mapping[str, Any]
    is_sure: bool


@dataclass(frozen=True)
class Outcome:
    """What the generator of an export knows of it, apart from the order of the lines of an hour.

    Attributes:
        lines: what each line means, with the hour of its upload.
        owners: {device: users}: those of the first hour that names one; any of them may own it.
        told: {user: what is said of them}, by their devices too, as PostHog's persons hear it.
    """

    company: Company
    lines: list[tuple[datetime, Meant]]
    owners: dict[str, set[str]]
    told: dict[str, list[Told]]

    @classmethod
    def of(cls, company: Company) -> Outcome:
        """Return what must come of the export of a company."""
        whole = company._lines(company.events)
        lines = [(hour, line.meant) for hour, of_hour in whole for line in of_hour]
        named = _first_named(lines)
        owners = {device: users for device, (_, users) in named.items()}
        return cls(company, lines, owners, _told(lines, named))

    def uuids_until(self, bookmark: str) -> set[str]:
        """Return the uuids of every line of the hours that a bookmark covers."""
        return {
            meant.uuid
            for hour, meant in self.lines
            if hour.strftime("%Y-%m-%dT%H:%M:%SZ") < bookmark
        }

    def check_owners(self, found: Mapping[str, str]) -> None:
        """Each device that was seen with a user belongs to one it was first seen with."""
        assert found.keys() == self.owners.keys()
        wrong = {device: user for device, user in found.items() if user not in self.owners[device]}
        assert not wrong, f"devices of somebody else: {wrong}"

    def check_people(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Nobody's properties are older than the newest."""
        late = [
            user
            for user, told in self.told.items()
            if not any(each.items() <= found.get(user, {}).items() for each in _newest(told))
        ]
        assert not late, f"older properties than the newest: {late}"


def _first_named(
    lines: Iterable[tuple[datetime, Meant]],
) -> dict[str, tuple[datetime, set[str]]]:
    """{device: (the first hour that names a user of it, the users it names)}."""
    named: dict[str, tuple[datetime, set[str]]] = {}
    for hour, meant in lines:
        if meant.user is None or meant.device is None or meant.dead is not None:
            continue
        first, users = named.setdefault(meant.device, (hour, set()))
        if first == hour:
            users.add(meant.user)
    return named


def _told(
    lines: Iterable[tuple[datetime, Meant]], named: Mapping[str, tuple[datetime, set[str]]]
) -> dict[str, list[Told]]:
    told: dict[str, list[Told]] = defaultdict(list)
    for hour, meant in lines:
        if meant.person is None or meant.dead is not None:
            continue
        if meant.user is not None:
            told[meant.user].append(Told(meant.moment, meant.person, is_sure=True))
        elif meant.device in named:
            first, users = named[meant.device]
            is_sure = hour > first and len(users) == 1
            for user in users if hour >= first else ():
                told[user].append(Told(meant.moment, meant.person, is_sure))
    return {user: of for user, of in told.items() if any(each.is_sure for each in of)}


def _newest(told: Iterable[Told]) -> list[Mapping[str, Any]]:
    """The newest that is surely said, and whatever is newer."""
    latest = max(each.moment for each in told if each.is_sure)
    return [each.properties for each in told if each.moment >= latest]


# Files --------------------------------------------------------------------------------------


def letters_in(path: Path) -> dict[str, str]:
    """Return {uuid: reason} of the dead letters; a killed run may have left half a last line."""
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    messages = (json.loads(line) for line in whole.splitlines())
    records = (each["record"] for each in messages if each["type"] == "RECORD")
    return {record["uuid"]: record["_dead_letter"]["reason"] for record in records}


def check_report(report: Mapping[str, Any]) -> None:
    """The counts of a run that came to its end add up."""
    assert report["outcome"] == "complete"
    for stream in report["streams"].values():
        dead, skipped = sum(stream["dead"].values()), sum(stream["skipped"].values())
        assert stream["undecided"] == 0
        assert stream["read"] == stream["delivered"] + skipped + dead
