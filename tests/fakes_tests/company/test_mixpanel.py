"""The truth for Mixpanel is what a slow second reader of the generated export finds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from tests.fakes.company import Company

LONGEST_NAME = 255
LARGEST = 1_000_000
CALLS = ("$identify", "$groupidentify")


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@pytest.fixture(scope="module")
def rows(company) -> list[dict[str, Any]]:
    """All rows that Mixpanel can hold, in reading order."""
    lines = [line for lines in company.hours().values() for line in lines]
    return [row for row in map(orjson.loads, lines) if not is_dead(row)]


def is_dead(row: dict[str, Any]) -> bool:
    fits = len(orjson.dumps(row["event_properties"])) < LARGEST
    return not (0 < len(row["event_type"] or "") <= LONGEST_NAME and fits)


def ids(row: dict[str, Any]) -> tuple[str | None, str | None]:
    texts = [(row[column] or "").strip() for column in ("user_id", "device_id")]
    user, device = (None if text in ("", "null") else text for text in texts)
    return user, device


def moment(row: dict[str, Any]) -> datetime:
    """When the row happened, for a reader who distrusts clocks that are off by more than a day."""
    received = datetime.fromisoformat(row["server_received_time"])
    columns = (row["event_time"], row["client_event_time"])
    times = [datetime.fromisoformat(text) for text in columns if text is not None]
    believable = (time for time in times if abs(received - time) < timedelta(days=1))
    return next(believable, received).replace(tzinfo=timezone.utc)


def named(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return to each row its user: the one it names, or whom its Amplitude id stood for by then."""
    known: dict[int, str] = {}
    found: dict[str, str | None] = {}
    for row in rows:
        user, _ = ids(row)
        if user:
            known.setdefault(row["amplitude_id"], user)
        found[row["uuid"]] = user or known.get(row["amplitude_id"])
    return found


def owners(rows: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for user, device in map(ids, rows):
        if user and device:
            found.setdefault(device, user)
    return found


def test_events_are_the_rows_that_are_no_calls_and_can_be_held(company, rows):
    sent = {row["uuid"]: row for row in rows if row["event_type"] not in CALLS}
    truth = company.mixpanel_truth()
    assert truth.events.keys() == sent.keys()
    users = named(rows)
    assert all(truth.events[uuid][2:] == (users[uuid], ids(row)[1]) for uuid, row in sent.items())
    half = timedelta(microseconds=500)  # floats of timestamps round; whole milliseconds are cut
    for uuid, row in sent.items():
        at = datetime.fromtimestamp(truth.events[uuid].time / 1_000, timezone.utc)
        assert -half < moment(row) - at < timedelta(milliseconds=1)


def test_events_keep_their_names_but_page_views(company, rows):
    names = Counter(row["event_type"] for row in rows if row["event_type"] not in CALLS)
    names["$mp_web_page_view"] = names.pop("[Amplitude] Page Viewed")
    assert company.mixpanel_truth().names == names


def test_the_dead_are_those_without_a_name_and_too_large(company, rows):
    truth = company.mixpanel_truth()
    assert truth.lines == len(rows) + len(truth.dead) == 5_000
    assert set(truth.dead.values()) == {"no_event_name", "event_name_too_long", "event_too_large"}
    assert truth.dead.keys().isdisjoint(row["uuid"] for row in rows)


def test_events_of_nobody_are_kept(company, rows):
    users = named(rows)
    nobody = {row["uuid"] for row in rows if not users[row["uuid"]] and not ids(row)[1]}
    whose = company.mixpanel_truth().whose
    assert {uuid for uuid, person in whose.items() if not person} == nobody
    assert nobody


def test_a_device_belongs_to_the_first_user_read_with_it(company, rows):
    told = {device for row in rows if row["event_type"] not in CALLS for _, device in [ids(row)]}
    expected = {device: user for device, user in owners(rows).items() if device in told}
    assert company.mixpanel_truth().owners == expected


def test_events_of_an_owned_device_count_for_its_owner(company, rows):
    owner, users = owners(rows), named(rows)
    expected = {
        row["uuid"]: users[row["uuid"]] or owner.get(device, device and f"$device:{device}") or ""
        for row in rows
        for _, device in [ids(row)]
        if row["event_type"] not in CALLS
    }
    truth = company.mixpanel_truth()
    assert truth.whose == expected
    assert truth.people == set(expected.values()) - {""}


def test_further_users_of_a_device_are_conflicts(company, rows):
    owner = owners(rows)
    seen = {(device, user) for user, device in map(ids, rows) if user and device}
    conflicts = {(device, user) for device, user in seen if owner[device] != user}
    assert company.mixpanel_truth().conflicts == conflicts
    assert conflicts


def test_profiles_are_the_newest_of_a_user_under_mixpanels_names(company, rows):
    """Rows of nobody say nothing of a profile."""
    users = named(rows)
    people: dict[str, dict[str, Any]] = {}
    for row in rows:
        user, said = users[row["uuid"]], row["user_properties"]
        if user and said is not None and row["event_type"] not in CALLS:
            people.setdefault(user, {}).update(said)
    profiles = company.mixpanel_truth().profiles
    assert profiles.keys() == people.keys()
    for user, said in people.items():
        expected = {key: value for key, value in said.items() if value != "EMPTY"}
        for key in ("initial_referrer", "initial_referring_domain"):
            if key in expected:
                expected[f"${key}"] = expected.pop(key)
        assert profiles[user] == {**expected, "$email": said["email"]}


def test_groups_of_every_type_are_there_with_their_newest_properties(company, rows):
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for key, groups in row["group_properties"].items():
            for group, said in groups.items():
                newest.setdefault((key, group), {}).update(said)
    truth = company.mixpanel_truth()
    assert truth.groups == newest
    assert truth.group_keys == list(dict.fromkeys(key for row in rows for key in row["groups"]))
