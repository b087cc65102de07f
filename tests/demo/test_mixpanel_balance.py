"""The demonstration notices what does not add up at Mixpanel."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo import mixpanel, mixpanel_balance, summary
from demo.destination import Outcome
from demo.mixpanel_balance import Arrived, Held
from tests.fakes.company import Company
from tests.fakes.mixpanel import FakeMixpanel

TRUTH = Company(events=1_500).mixpanel_truth()
OWNED = min(TRUTH.owners)
GROUP = min(TRUTH.groups)
SOMEBODY = max(TRUTH.profiles)


def all_arrived() -> Arrived:
    """What the stand-in would hold after a perfect run."""
    whose = TRUTH.whose
    return Arrived(
        events={
            insert_id: Held(sent.name, sent.time, whose[insert_id])
            for insert_id, sent in TRUTH.events.items()
        },
        copies=Counter(TRUTH.events.keys()),
        people=TRUTH.people,
        owners=TRUTH.owners,
        conflicts=0,
        profiles=TRUTH.profiles,
        groups=dict(TRUTH.groups),
        updates={"/engage": 90, "/groups": 17},
        swallowed=0,
        unwanted=set(),
    )


def report_of(**changes: Any) -> dict[str, Any]:
    """The report of a perfect run, but for the changes of its endpoints."""
    dead = Counter(TRUTH.dead.values())
    delivered = {"/import": len(TRUTH.events), "/engage": 90, "/groups": 17, **changes}
    return {
        "streams": {
            "events": {
                "read": TRUTH.lines,
                "delivered": TRUTH.lines - dead.total() - 2,
                "skipped": {"superseded": 2},
                "dead": dict(dead),
            }
        },
        "examples": {"identity_conflict": [str(pair) for pair in TRUTH.conflicts]},
        "endpoints": {
            name: {"delivered": count, "dead": {}, "requests": 3}
            for name, count in delivered.items()
        },
        "notes": {"older_than_retention": 1_400},
        "seconds": 1.5,
        "events_per_second": 1_000.0,
    }


def failing(arrived: Arrived, report: dict[str, Any] | None = None) -> list[str]:
    results = mixpanel_balance.checks(arrived, report or report_of(), TRUTH)
    return [check.what for check in results if not check.holds]


def first_event(**changes: Any) -> dict[str, Held]:
    events = all_arrived().events
    insert_id = min(events)
    return {**events, insert_id: events[insert_id]._replace(**changes)}


def test_a_perfect_run_adds_up():
    assert failing(all_arrived()) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"copies": Counter(sorted(TRUTH.events)[1:])}, "events missing"),
        ({"copies": Counter([*TRUTH.events, min(TRUTH.events)])}, "events that arrived twice"),
        ({"copies": Counter([*TRUTH.events, "x"])}, "events that nobody sent"),
        ({"events": first_event(name="Other")}, "events under another name"),
        ({"events": first_event(time=1)}, "events at another time"),
        ({"events": first_event(person="somebody")}, "events of somebody else"),
        ({"people": TRUTH.people | {"$device:made-up"}}, "people missing or invented"),
        ({"people": TRUTH.people - {SOMEBODY}}, "people missing or invented"),
        ({"owners": {**TRUTH.owners, OWNED: "thief"}}, "devices with another owner"),
        ({"owners": {}}, "devices with another owner"),
        ({"conflicts": 1}, "events that claim somebody's device"),
        (
            {"profiles": {**TRUTH.profiles, "$device:x": {}}},
            "profiles missing or invented",
        ),
        (
            {"profiles": {**TRUTH.profiles, SOMEBODY: {"login_count": -1}}},
            "profiles that are not the newest",
        ),
        ({"groups": {**TRUTH.groups, GROUP: {}}}, "groups that are not the newest"),
        ({"groups": {**TRUTH.groups, ("company", "x"): {}}}, "groups that are not the newest"),
        ({"updates": {"/engage": 89, "/groups": 17}}, "delivered to /engage, not there"),
        ({"updates": {"/engage": 90, "/groups": 16}}, "delivered to /groups, not there"),
        ({"swallowed": 1}, "events and updates that nobody will see"),
        ({"unwanted": {"located"}}, "what Mixpanel did in silence"),
    ],
)
def test_what_is_wrong_at_the_stand_in_is_noticed(change, what):
    assert failing(replace(all_arrived(), **change)) == [what]


def test_an_update_that_arrived_again_since_its_reply_was_lost_is_no_failure():
    assert failing(replace(all_arrived(), updates={"/engage": 91, "/groups": 18})) == []


def test_a_report_that_tells_of_more_than_arrived_is_noticed():
    more = report_of(**{"/import": len(TRUTH.events) + 1, "/engage": 91})
    assert failing(all_arrived(), more) == [
        "delivered to /import",
        "delivered to /engage, not there",
    ]


def test_a_run_that_read_nothing_is_noticed():
    report = {**report_of(), "streams": {}, "endpoints": {}}
    found = failing(all_arrived(), report)
    assert {"records read", "dead letters", "delivered to /import"} <= set(found)


def test_the_summary_shows_people_devices_groups_and_each_address():
    arrived, report = all_arrived(), report_of()
    checks = mixpanel_balance.checks(arrived, report, TRUTH)
    outcome = Outcome(arrived.names, mixpanel.figures(arrived, report), checks)
    text = "\n".join(summary.lines("Mixpanel", outcome, report))
    rows = dict(re.findall(r"^ +(\S.*?) {2,}(\S+)$", text, re.MULTILINE))
    assert rows["with a profile"] == str(len(TRUTH.profiles))
    assert rows["devices with an owner"] == str(len(TRUTH.owners))
    assert rows["group profiles"] == str(len(TRUTH.groups))
    assert rows["older_than_retention"] == "1,400"
    assert "/engage: 90 sent = 90 delivered + 0 refused" in text
    assert f"It adds up: all {len(checks)} checks" in text


def event_of(insert_id: str, second: int, **ids: str) -> dict[str, Any]:
    time = 1_709_251_200 + second
    return {
        "event": "Seen",
        "properties": {"time": time, "$insert_id": insert_id, "ip": 0, **ids},
    }


def post(fake: FakeMixpanel, path: str, body: list[dict[str, Any]]) -> None:
    credentials = fake.credentials
    reply = requests.post(
        f"{fake.url}{path}?strict=1&verbose=1&ip=0&project_id={credentials.project_id}",
        json=body,
        auth=(credentials.username, credentials.secret),
        timeout=9,
    )
    assert reply.json()["status"] in (1, "OK"), reply.text


def test_the_stand_in_is_read_as_it_stands():
    """A visitor, the login that links the device, one of nobody, sent twice; then profiles."""
    batch = [
        event_of("a", 1, **{"$device_id": "phone"}),
        event_of("b", 2, **{"$device_id": "phone", "$user_id": "user"}),
        event_of("c", 3, distinct_id=""),
        event_of("d", 4, **{"$device_id": "laptop"}),
    ]
    head = {"$token": "mixpanel-token", "$ip": 0, "$ignore_time": True}
    with FakeMixpanel(group_keys=["company"]) as fake:
        for _ in range(2):
            post(fake, "/import", batch)
        post(fake, "/engage", [{**head, "$distinct_id": "user", "$set": {"plan": "free"}}])
        group = {"$group_key": "company", "$group_id": "org", "$set": {"size": 7}}
        post(fake, "/groups", [{**head, **group}])
        arrived = mixpanel_balance.arrived_at(fake)
    whose = {insert_id: held.person for insert_id, held in arrived.events.items()}
    assert whose == {"a": "user", "b": "user", "c": "", "d": "$device:laptop"}
    assert arrived.events["a"] == Held("Seen", 1_709_251_201_000, "user")
    assert set(arrived.copies.values()) == {2}
    assert arrived.names == {"Seen": 4}
    assert arrived.people == {"user", "$device:laptop"}
    assert arrived.owners == {"phone": "user"}
    assert arrived.profiles == {"user": {"plan": "free"}}
    assert arrived.groups == {("company", "org"): {"size": 7}}
    assert arrived.updates == {"/engage": 1, "/groups": 1}
    assert (arrived.conflicts, arrived.swallowed, arrived.unwanted) == (0, 0, set())


def test_an_event_located_by_the_importers_address_is_unwanted():
    event = event_of("a", 1, **{"$device_id": "phone"})
    del event["properties"]["ip"]
    with FakeMixpanel() as fake:
        post(fake, "/import", [event])
        arrived = mixpanel_balance.arrived_at(fake)
    assert len(arrived.unwanted) == 1
