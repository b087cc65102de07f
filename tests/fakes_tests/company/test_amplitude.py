"""The truth for a copy is what a slow second reader of the generated export finds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from tests.fakes.amplitude_batch.identity import Identities
from tests.fakes.company import Company

CALLS = ("$identify", "$groupidentify")
LATE = timedelta(days=30)


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@pytest.fixture(scope="module")
def rows(company) -> list[dict[str, Any]]:
    """All rows that Amplitude can be sent, in reading order."""
    lines = [line for lines in company.hours().values() for line in lines]
    return [row for row in map(orjson.loads, lines) if row["event_type"] and has_id(row)]


@pytest.fixture(scope="module")
def events(rows) -> dict[str, dict[str, Any]]:
    return {insert_id(row): row for row in rows if row["event_type"] not in CALLS}


def ids(row: dict[str, Any]) -> tuple[str | None, str | None]:
    texts = [(row[column] or "").strip() for column in ("user_id", "device_id")]
    user, device = (None if text in ("", "null") else text for text in texts)
    return user, device


def has_id(row: dict[str, Any]) -> bool:
    return any(ids(row)) or row["amplitude_id"] is not None


def insert_id(row: dict[str, Any]) -> str:
    return row["$insert_id"] or row["uuid"]


def stand_ins(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return to each row whom it names, or whom its Amplitude id stood for by then."""
    known: dict[int, str] = {}
    found: dict[str, str | None] = {}
    for row in rows:
        user, _ = ids(row)
        if user:
            known.setdefault(row["amplitude_id"], user)
        found[row["uuid"]] = user or known.get(row["amplitude_id"])
    return found


def test_events_are_the_rows_that_are_no_calls(company, events):
    truth = company.amplitude_truth()
    assert truth.events.keys() == events.keys()
    assert truth.names == Counter(row["event_type"] for row in events.values())
    for key, row in events.items():
        user, device = ids(row)
        bare = None if user or device else f"amplitude:{row['amplitude_id']}"
        assert truth.events[key][3:] == (user, device or bare)
        assert truth.events[key].uuid == row["uuid"]


def test_times_are_those_of_the_rows_however_wild(company, events):
    half = timedelta(microseconds=500)  # floats of timestamps round; whole milliseconds are cut
    years = set()
    for key, row in events.items():
        said = datetime.fromisoformat(row["event_time"] or row["client_event_time"])
        at = datetime.fromtimestamp(
            company.amplitude_truth().events[key].time / 1_000, timezone.utc
        )
        assert -half < said.replace(tzinfo=timezone.utc) - at < timedelta(milliseconds=1)
        years.add(said.year)
    assert years == {1970, 2024, 2099}


def test_the_dead_are_those_without_a_name_or_any_id(company, rows):
    truth = company.amplitude_truth()
    assert truth.lines == len(rows) + len(truth.dead) == 5_000
    assert set(truth.dead.values()) == {"no_event_name", "no_identity"}
    assert truth.dead.keys().isdisjoint(row["uuid"] for row in rows)


def test_events_count_for_whom_amplitude_would_count_them(company, events, rows):
    """Amplitude's rule, with the user whom the source's id stands for named where none is."""
    people, users, found = Identities({}), stand_ins(rows), {}
    names: dict[int, str] = {}
    for key, row in events.items():
        user, device = users[row["uuid"]], ids(row)[1]
        device = device if user or device else f"amplitude:{row['amplitude_id']}"
        found[key] = people.meet(user, device)
        name = user or people.last_user(device or "") or names.get(found[key]) or device
        names[people.canonical(found[key])] = name or ""
    expected = {key: names[people.canonical(number)] for key, number in found.items()}
    truth = company.amplitude_truth()
    assert truth.whose == expected
    assert truth.people == set(expected.values())
    assert any(users[events[key]["uuid"]] is None for key, who in expected.items() if "-" in who)


def test_profiles_are_the_newest_that_is_told_of_a_user_but_not_by_old_rows(company, rows):
    users, people = stand_ins(rows), {}
    for row in rows:
        user, said = users[row["uuid"]], row["user_properties"]
        if user and said is not None and row["event_type"] not in CALLS and not is_late(row):
            known = {key: value for key, value in said.items() if value != "EMPTY"}
            people.setdefault(user, {}).update(known)
    assert company.amplitude_truth().profiles == people


def test_groups_of_every_type_are_there_with_their_newest_properties(company, rows):
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for key, groups in row["group_properties"].items():
            for group, said in groups.items() if not is_late(row) else ():
                newest.setdefault((key, group), {}).update(said)
    assert company.amplitude_truth().groups == newest


def is_late(row: dict[str, Any]) -> bool:
    times = [datetime.fromisoformat(row[name]) for name in ("server_upload_time", "event_time")
             if row[name]]  # fmt: skip
    return len(times) == 2 and times[0] - times[1] > LATE
