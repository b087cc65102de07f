"""The recipes of docs/streams.md, each as the page has it, with rows as its source writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, Destination
from tests.end_to_end.pipe import Pipe, make_pipe
from tools.definitions import ROOT

PAGE = (ROOT / "docs" / "streams.md").read_text("utf-8")
SECTIONS = [text.partition("\n") for text in PAGE.split("\n### ")[1:]]
RECIPES: dict[str, dict[str, Any]] = {
    title: yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    for title, _, text in SECTIONS
    if "```yaml" in text
}
"""By their titles: what stands under `config` of a target."""

UUIDS = [f"5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3{number}" for number in range(4)]


@dataclass
class Case:
    """Rows of a source by stream, and what must come of them.

    `events` are name, id of the person, and some properties; `devices` whose each is.
    """

    rows: dict[str, list[dict[str, Any]]]
    events: list[tuple[str, str, dict[str, Any]]]
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ("id",)


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00.000Z"


def track(number: int, user: str | None, anonymous: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": f"ajs-next-{number}", "user_id": user, "anonymous_id": anonymous,
        "event": "order_completed", "event_text": "Order Completed", "timestamp": at(number),
        "received_at": at(number), **more,
    }  # fmt: skip


TRACKS = [
    track(1, None, "anon-1", context_group_id=None),
    track(2, "amy", "anon-1", context_group_id="acme"),
    track(3, "ben", "anon-1", context_group_id="acme"),
]
GROUPS = [{"id": "g1", "group_id": "acme", "name": "Acme", "employees": 7, "timestamp": at(5)}]
ORDERED = [
    ("Order Completed", "anon-1", {"event": "order_completed"}),
    ("Order Completed", "amy", {"event": "order_completed"}),
    ("Order Completed", "ben", {"event": "order_completed"}),
]
ACME = {("company", "acme"): {"name": "Acme", "employees": 7}}


def amplitude(objects: Any, number: int, **row: Any) -> dict[str, Any]:
    """Return a row of Amplitude's whose objects are written in some way."""
    return {
        "uuid": UUIDS[number], "event_type": "Played", "user_id": "amy", "device_id": "phone",
        "event_time": f"2026-03-01 10:0{number}:00.000000",
        "event_properties": objects({"song": f"s{number}"}),
        "user_properties": objects({"plan": f"p{number}"}), **row,
    }  # fmt: skip


def of_amplitude(stream: str, objects: Any, bookkeeping: dict[str, Any]) -> Case:
    rows = [
        amplitude(objects, 0, user_id=None, user_properties=objects({}), **bookkeeping),
        amplitude(objects, 1, **bookkeeping),
        amplitude(objects, 2, **bookkeeping),
        amplitude(objects, 3, event_type="$identify", **bookkeeping),
    ]
    return Case(
        rows={stream: rows},
        events=[
            ("Played", "phone", {"song": "s0"}),
            ("Played", "amy", {"song": "s1"}),
            ("Played", "amy", {"song": "s2"}),
        ],
        people={"amy": {"plan": "p2"}},
        devices={"phone": "amy"},
        keys=(),
    )


def order(customer: str, total: str, line: int) -> dict[str, Any]:
    where = {"_sdc_source_file": "orders.csv", "_sdc_source_lineno": line}
    return {"customer": customer, "ordered": "01/03/2026 10:11", "total": total, **where}


CASES = {
    "Segment": Case(
        rows={
            "tracks": TRACKS,
            "identifies": [
                {"id": "i1", "user_id": "amy", "anonymous_id": "anon-1", "timestamp": at(2),
                 "email": "amy@x.test", "plan": None},
                {"id": "i2", "user_id": "amy", "anonymous_id": "anon-1", "timestamp": at(4),
                 "email": None, "plan": "pro"},
            ],
            "groups": GROUPS,
        },
        events=ORDERED,
        people={"amy": {"email": "amy@x.test", "plan": "pro"}},
        groups=ACME,
        devices={"anon-1": "amy"},
    ),
    "RudderStack": Case(
        rows={
            "tracks": [
                {**row, "context_traits_email": None, "context_traits_plan": plan}
                for row, plan in zip(TRACKS, (None, "free", None), strict=True)
            ],
            "groups": GROUPS,
        },
        events=ORDERED,
        people={"amy": {"context_traits_plan": "free"}},
        groups=ACME,
        devices={"anon-1": "amy"},
    ),
    "Snowplow": Case(
        rows={
            "events": [
                {"event_id": UUIDS[number], "event_name": "page_view", "user_id": user,
                 "domain_userid": "cookie", "derived_tstamp": f"2026-03-01 10:0{number}:00.123",
                 "page_url": f"https://x.test/{number}", "page_title": None, "app_id": "web",
                 "se_category": None, "se_action": None, "collector_tstamp": "2026-03-01 11:00"}
                for number, user in enumerate([None, "amy", None])
            ]
        },
        events=[
            ("page_view", user, {"page_url": f"https://x.test/{number}", "app_id": "web"})
            for number, user in enumerate(["cookie", "amy", "cookie"])
        ],
        devices={"cookie": "amy"},
        keys=("event_id",),
    ),
    "Amplitude's events in a table of Fivetran": of_amplitude(
        "event", json.dumps, {"_fivetran_synced": "2026-03-02T00:00:00Z", "id": 7}
    ),
    "Amplitude's events in a table of Airbyte": of_amplitude(
        "events", dict, {"_airbyte_raw_id": "x", "_airbyte_meta": {"changes": []}}
    ),
    "A CSV of orders": Case(
        rows={
            "orders": [order("amy", "9", 2), order("amy", "9", 3), order("ben", "", 4)],
        },
        events=[
            ("Order Placed", "amy", {"total": "9"}),
            ("Order Placed", "amy", {"total": "9"}),
            ("Order Placed", "ben", {"total": ""}),
        ],
        keys=(),
    ),
}  # fmt: skip


def test_every_recipe_of_the_page_is_tried():
    assert RECIPES.keys() == CASES.keys()


def schema(stream: str, case: Case) -> dict[str, Any]:
    columns = {column: {} for row in case.rows[stream] for column in row}
    keys = [key for key in case.keys if key in columns]
    return {
        "type": "SCHEMA", "stream": stream, "key_properties": keys,
        "schema": {"properties": columns, "additionalProperties": False},
    }  # fmt: skip


def as_records(case: Case, _folder: Path) -> bytes:
    messages = []
    for stream, rows in case.rows.items():
        messages.append(schema(stream, case))
        messages += [{"type": "RECORD", "stream": stream, "record": row} for row in rows]
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def as_batches(case: Case, folder: Path) -> bytes:
    messages = []
    for number, (stream, rows) in enumerate(case.rows.items()):
        path = folder / f"{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        encoding = {"format": "jsonl", "compression": "none"}
        messages += [
            schema(stream, case),
            {
                "type": "BATCH",
                "stream": stream,
                "encoding": encoding,
                "manifest": [f"file://{path}"],
            },
        ]
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def feed(pipe: Pipe, lines: bytes) -> None:
    ended = pipe.feed(lines)
    assert ended.target_code == 0, ended.target_log
    assert not pipe.dead_letters.exists(), pipe.dead_letters.read_text()


def owners(destination: Destination, fake: Any, devices: dict[str, str]) -> dict[str, str | None]:
    """Whose each device is, as the service has it."""
    if destination is MIXPANEL:
        return {device: fake.owner(device) for device in devices}
    if destination is AMPLITUDE:
        # A device stands at everybody who used it; `check` sees whose its own events are.
        pairs = {(device, each.user_id) for each in fake.people() for device in each.device_ids}
        return {device: user if (device, user) in pairs else None
                for device, user in devices.items()}  # fmt: skip
    users = {device: fake.person(device).distinct_ids - devices.keys() for device in devices}
    return {device: next(iter(found), None) for device, found in users.items()}


def people(destination: Destination, fake: Any) -> dict[str, dict[str, Any]]:
    if destination is MIXPANEL:
        return dict(fake.profiles())
    if destination is AMPLITUDE:
        found = {each.user_id: each.properties for each in fake.people() if each.properties}
        return {str(user): properties for user, properties in found.items()}
    return {
        distinct_id: person.properties
        for person in fake.people()
        for distinct_id in person.distinct_ids
        if person.properties
    }


def check(destination: Destination, fake: Any, case: Case) -> None:
    arrived = sorted(destination.events(fake), key=lambda sent: str(sent.properties))
    for name, whose, properties in case.events:
        # Amplitude counts what a device did before its user was known as the user's.
        person = case.devices.get(whose, whose) if destination is AMPLITUDE else whose
        found = next(
            sent for sent in arrived
            if (sent.name, sent.person.removeprefix("$device:")) == (name, person)
            and properties.items() <= sent.properties.items()
        )  # fmt: skip
        arrived.remove(found)
    assert arrived == []
    assert owners(destination, fake, case.devices) == case.devices
    held = people(destination, fake)
    assert {user: held.get(user) for user in case.people} == case.people
    assert held.keys() <= case.people.keys() | case.devices.keys()
    groups = fake.group_profiles() if destination is MIXPANEL else fake.groups()
    assert {group: of for group, of in groups.items() if of} == case.groups


TRIALS = [
    pytest.param(
        destination,
        title,
        marks=() if (number + place) % 3 == 0 else pytest.mark.slow,  # each at one destination
        id=f"{destination}-{title}",
    )
    for number, destination in enumerate((POSTHOG, MIXPANEL, AMPLITUDE))
    for place, title in enumerate(CASES)
]


@pytest.mark.parametrize(("destination", "title"), TRIALS)
def test_a_recipe_gives_the_same_by_every_road_and_nothing_more_the_second_time(
    tmp_path: Path, destination: Destination, title: str
) -> None:
    case, kept = CASES[title], []
    for road, processes in ((as_records, 0), (as_batches, 2)):
        folder = tmp_path / road.__name__
        folder.mkdir()
        with destination.open(group_keys=["company"]) as fake:
            settings = {**RECIPES[title], "processes": processes}
            pipe = make_pipe(folder, None, destination, fake, **settings)
            feed(pipe, road(case, folder))
            check(destination, fake, case)
            kept.append(destination.kept(fake))
            if processes:
                about_people = destination.about_people(fake)
                feed(pipe, road(case, folder))
                check(destination, fake, case)
                assert destination.kept(fake) == kept[-1]
                assert destination.about_people(fake) == about_people
    assert kept[0] == kept[1]
