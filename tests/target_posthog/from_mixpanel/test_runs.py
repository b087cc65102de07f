"""Runs of the target's own command, with PostHog over HTTP: what waits, and a second reading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.columns import KEYS, schema

from tests.analytics_records.mixpanel.rows import tapped
from tests.examples import first_of
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.runs import TO_POSTHOG, Fed, messages

processes = pytest.mark.parametrize("processes", first_of([0, 2]))


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fed:
    return Fed(TO_POSTHOG, tmp_path, monkeypatch)


def stream(name: str, records: Iterable[dict[str, Any]]) -> list[bytes]:
    message = {
        "type": "SCHEMA",
        "stream": name,
        "schema": schema(name),
        "key_properties": KEYS[name],
    }
    lines = [{"type": "RECORD", "stream": name, "record": record} for record in records]
    return [orjson.dumps(each) for each in (message, *lines)]


def profile(distinct_id: str, day: int = 1, **properties: Any) -> dict[str, Any]:
    read_at = f"2024-05-{day:02}T00:00:00.000Z"
    return {"distinct_id": distinct_id, "read_at": read_at, "properties": properties}


def stored(fake: Any) -> dict[str, Any]:
    """Return what PostHog has, by uuid, whichever request brought it."""
    return {each["uuid"]: {**each, "request": None} for each in fake.stored()}


LOGIN = tapped("Played", "simplified", __user_id="ann", __device_id="d1", distinct_id="ann")
PROFILES = [
    profile("$device:d1", plan="of the device"),
    profile("$device:d2", plan="nobody's"),
    profile("ann", plan="ann's"),
]


@processes
def test_a_device_s_profile_is_sent_at_the_end_if_the_device_has_no_owner(
    fed: Fed, processes: int
) -> None:
    with TO_POSTHOG.open() as fake:
        run = [stream("profiles", PROFILES), stream("events", [LOGIN])]
        fed.run(fake, [run], processes=processes)
        people = {name: fake.person(name) for name in ("ann", "d1", "d2")}
        plans = {name: of and of.properties.get("plan") for name, of in people.items()}
        assert plans == {"ann": "ann's", "d1": "ann's", "d2": "nobody's"}
        names = [each["event"] for each in fake.stored()]
        assert names.index("$set") < names.index("Played")
        assert names[-1] == "$set", "the device's comes last"
        assert names.count("$set") == 2
        fed.run(fake, [run], processes=processes)
        again = [each["event"] for each in fake.arrivals]
        assert again == [*names, "Played"], "the same event once more, and nothing else"


@processes
def test_what_waited_is_not_sent_once_a_later_run_finds_the_owner(fed: Fed, processes: int) -> None:
    with TO_POSTHOG.open() as fake:
        fed.run(fake, [[stream("profiles", PROFILES[:2])]], processes=processes)
        assert {each["distinct_id"] for each in fake.stored()} == {"d1", "d2"}
        newer = [profile("$device:d1", 2, plan="newer"), profile("$device:d2", 2, plan="newer")]
        run = [stream("events", [LOGIN]), stream("profiles", newer)]
        fed.run(fake, [run], processes=processes)
        sets = [each for each in fake.stored() if each["event"] == "$set"]
        assert [each["distinct_id"] for each in sets] == ["d1", "d2", "d2"]


@processes
@pytest.mark.parametrize("system", ["simplified", "original"])
def test_reading_all_of_it_twice_sends_the_same_events_and_no_link_again(
    fed: Fed, processes: int, system: str
) -> None:
    export = Export(seed=4, users=25, system=system, readings=True)
    with TO_POSTHOG.open() as fake:
        fed.run(fake, [messages(export)], processes=processes)
        first = stored(fake)
        links = [each for each in fake.arrivals if each["event"] == "$create_alias"]
        assert len({each["properties"]["alias"] for each in links}) == len(links) > 5
        fed.run(fake, [messages(export)], processes=processes)
        assert stored(fake) == first
        again = [each for each in fake.arrivals if each["event"] == "$create_alias"]
        assert len(again) == len(links)
