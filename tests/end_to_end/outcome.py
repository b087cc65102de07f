"""What must have arrived in the end, however often the way there was cut off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from tests.fakes.company import Company
    from tests.fakes.company.truth import Meant


@dataclass(frozen=True)
class Outcome:
    """What the generator of an export knows of it.

    Attributes:
        lines: what each line means, with the hour of its upload.
    """

    company: Company
    lines: list[tuple[datetime, Meant]]

    @classmethod
    def of(cls, company: Company) -> Outcome:
        """Return what must come of the export of a company."""
        whole = company._lines(company.events)
        return cls(company, [(hour, line.meant) for hour, of_hour in whole for line in of_hour])

    def uuids_until(self, bookmark: str) -> set[str]:
        """Return the uuids of every line of the hours that a bookmark covers."""
        return {
            meant.uuid
            for hour, meant in self.lines
            if hour.strftime("%Y-%m-%dT%H:%M:%SZ") < bookmark
        }

    def check_owners(self, found: Mapping[str, str]) -> None:
        """Each device that was seen with a user belongs to the first."""
        assert found == self.company.truth().owners

    def check_people(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Nobody's properties are older than the newest."""
        people = self.company.truth().people.items()
        late = [user for user, known in people if not known.items() <= found.get(user, {}).items()]
        assert not late, f"older properties than the newest: {late}"


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
