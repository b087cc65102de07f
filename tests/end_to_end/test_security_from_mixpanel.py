"""`tap-mixpanel` into each target, everything logged: secrets and people are where they may be.

Both services misbehave and quote back what they were sent. `test_security.py` does the same with
`tap-amplitude`, and looks at runs that end otherwise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.destinations import DESTINATIONS, MIXPANEL, Destination
from tests.end_to_end.test_security import (
    CONFIGS,
    HIDDEN,
    MARK,
    OF_DESTINATIONS,
    disguises,
    found_in,
    leaks,
    modes,
    quoting,
    quoting_people,
    reasons_in,
    watched,
)
from tests.fakes.http.exchanges import DropConnection
from tests.fakes.mixpanel_export import Profile, Row
from tests.fakes.mixpanel_export.faults import CorruptLines
from tests.mixpanel_people.runs import TO_AMPLITUDE, TO_POSTHOG, TO_SIMPLIFIED
from tests.tap_mixpanel.running import SECRET, USERNAME, Sandbox, at, fake, row
from tests.tap_mixpanel.test_into_targets import shell_of
from tests.tap_mixpanel.test_kills import Killer

PROJECT_OF = {each.destination: each for each in (TO_POSTHOG, TO_AMPLITUDE, TO_SIMPLIFIED)}
PROJECT_ID = 77
"""Of the source: a project is not copied into itself."""
LOGIN = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()
OURS = {*HIDDEN, *disguises(SECRET), LOGIN}
HOLDING_CONTENT = {"dead.singer", "bad_lines.jsonl"}
HOLDING_IDS = {"ledger.sqlite3", "ledger.sqlite3-wal", "report.json"}
KEPT_REPORT = "[0-9]*T[0-9]*Z-*.json"  # of each run, with the ids of `report.json`
PERSON = {
    "distinct_id": f"{MARK}-user",
    "$user_id": f"{MARK}-user",
    "$device_id": f"{MARK}-device",
    "note": f"{MARK} said",
    "company": f"{MARK} inc",
    "ip": "203.0.113.7",
}
PROFILE = Profile(f"{MARK}-user", {"$email": f"{MARK}@example.com", "plan": "pro"})


def rows() -> list[Row]:
    """A user who was anonymous before, and a row without a name."""
    anonymous = {**PERSON, "distinct_id": f"$device:{MARK}-device", "$user_id": None}
    return [
        *(row(at(1, number), number, **anonymous) for number in range(3)),
        *(row(at(2, number), number, **PERSON) for number in range(12)),
        row(at(3), 99, event="", **PERSON),
    ]


def is_of_events(exchange: Any) -> bool:
    """Whether a request is for rows of the stream `events`."""
    return "from_date" in exchange.query and not {"limit", "event"} & exchange.query.keys()


@dataclass
class Seen:
    """A run that came to its end, and what the services were asked for."""

    folder: Path
    codes: dict[str, int]
    destination: Destination
    asked: str


@pytest.fixture(scope="module", params=DESTINATIONS, ids=str)
def seen(request, tmp_path_factory) -> Iterator[Seen]:
    destination = request.param
    project, folder = PROJECT_OF[destination], tmp_path_factory.mktemp(destination.name)
    now = datetime.now(timezone.utc)
    options = {"now": now, "profiles": [PROFILE], "project_id": PROJECT_ID}
    with fake(rows(), **options) as mixpanel, project.open() as service:
        source = {**Sandbox(folder, mixpanel).config, "project_id": str(PROJECT_ID)}
        shell = shell_of(project, service, folder, source, "api")
        shell.loader |= {"max_dead_letters": "50", "max_batch_events": 5}
        broken = f'{{"event": "{MARK}'.encode()
        mixpanel.misbehave(quoting(500, SECRET, LOGIN), when=is_of_events)
        mixpanel.misbehave(CorruptLines(2, broken), when=is_of_events)
        service.misbehave(quoting_people(503, *OF_DESTINATIONS), DropConnection())
        with watched():
            codes = Killer(shell, service, 1).strike((), 10**9)
        exchanges = [*mixpanel.journal, *service.journal]
        asked = "\n".join(f"{each.path} {each.query}" for each in exchanges)
        yield Seen(folder, codes, destination, asked)


def log_of(seen: Seen, name: str) -> str:
    return (seen.folder / f"{name}.log").read_text()


def test_the_run_came_to_its_end_and_said_everything(seen):
    assert seen.codes == {"tap": 0, "target": 0}, log_of(seen, "tap") + log_of(seen, "target")
    assert "DEBUG" in log_of(seen, "tap")
    assert "DEBUG" in log_of(seen, "target")


def test_no_secret_is_in_anything_that_a_run_writes_or_in_an_address(seen):
    assert leaks(seen.folder, OURS, *CONFIGS) == {}
    assert leaks(seen.folder, OURS).keys() == set(CONFIGS)  # so the search finds them
    assert found_in(seen.asked, [*OURS, USERNAME]) == set()


def test_people_are_in_no_log_and_no_state(seen):
    holding = leaks(seen.folder, [MARK], *CONFIGS)
    people = {name for name in holding if not fnmatch(name, KEPT_REPORT)}
    assert HOLDING_CONTENT <= people <= HOLDING_CONTENT | HOLDING_IDS


def test_what_people_did_and_are_is_in_dead_letters_and_bad_lines_alone(seen):
    held = leaks(seen.folder, [f"{MARK} said", f"{MARK}@example.com"], *CONFIGS).keys()
    # SQLite's free pages keep what was deleted: updates of profiles that waited for the end.
    assert held - {"ledger.sqlite3", "ledger.sqlite3-wal"} == {"dead.singer"}


def test_no_dead_letter_says_more_in_its_reason_than_its_record(seen):
    reasons = reasons_in(seen.folder / "dead.singer")
    assert reasons
    assert found_in(json.dumps(reasons), [*OURS, MARK]) == set()


def test_files_with_people_can_be_read_by_their_owner_alone(seen):
    found = {name: mode for name, mode in modes(seen.folder).items() if name in HOLDING_CONTENT}
    found["ledger.sqlite3"] = modes(seen.folder)["ledger.sqlite3"]
    assert {oct(mode) for mode in found.values()} == {oct(0o600)}


@pytest.mark.slow
@pytest.mark.parametrize("seen", [MIXPANEL], indirect=True, ids=str)
def test_ids_are_in_the_ledger_so_the_search_finds_them(seen):
    assert "ledger.sqlite3" in leaks(seen.folder, [f"{MARK}-user"])
