"""The demonstration reads the stand-ins as they stand."""

from __future__ import annotations

from typing import Any

import requests

from demo import balance, mixpanel_balance
from demo.mixpanel_balance import Held
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog


def captured(name: str, who: str, number: int, **properties: Any) -> dict[str, Any]:
    return {
        "event": name,
        "distinct_id": who,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "timestamp": f"2024-03-01T00:00:{number:02}Z",
        "properties": properties,
    }


def test_posthog_is_read_as_it_stands():
    """One event of a visitor, the link, one of the user it became, sent twice: one person."""
    batch = [
        captured("Seen", "device", 1, **{"$session_id": "one"}),
        captured("$create_alias", "user", 2, alias="device"),
        captured("Bought", "user", 3, **{"$session_id": "one", "$set": {"plan": "free"}}),
        captured("$groupidentify", "org", 4, **{"$group_type": "company", "$group_key": "org"}),
    ]
    with FakePostHog() as posthog:
        for _ in range(2):
            body = {"api_key": "phc_x", "batch": batch}
            assert requests.post(f"{posthog.url}/batch/", json=body, timeout=9).ok
        arrived = balance.arrived_at(posthog)
    assert arrived.names["Bought"] == arrived.links == arrived.sessions == arrived.profiles == 1
    assert list(arrived.ids.values()) == [2, 2]
    assert arrived.people["user"] == arrived.people["device"] == {"plan": "free"}
    assert arrived.groups == {("company", "org"): {}}


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


def test_mixpanel_is_read_as_it_stands():
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
