"""A sample takes whole people: the same ones at every target, on every road, in every form.

Who is in the sample is computed here anew, by the rule that the settings' page states: a digest of
the source's own id of the person.
"""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from tests.end_to_end.commands import Command
from tests.mixpanel_people import runs as of_mixpanel
from tests.mixpanel_people.export import Export as MixpanelExport
from tests.people import runs as of_amplitude
from tests.people.export import Export as AmplitudeExport
from tests.singer_delivery.toys import PlayedClock

SHARE = 0.4
STREAMS = {
    "orders": {
        "event": "Order", "distinct_id": "customer", "anonymous_id": "device", "timestamp": "at",
    },
    "people": {"person": "customer", "anonymous_id": "device", "timestamp": "at"},
    "firms": {"group": "company", "key": "firm"},
}  # fmt: skip
PEOPLE = [(f"user-{n}" if n % 3 else None, f"device-{n}" if n % 4 else None) for n in range(1, 80)]


def is_in(person: str, share: float = SHARE) -> bool:
    """Restated: 64 bits of BLAKE2b, personalised by `sample`, below the share of all of them."""
    digest = blake2b(person.encode(), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") / 2**64 < share


def due(people: list[tuple[str | None, str | None]]) -> list[str]:
    known = [user or device for user, device in people]
    return [person for person in known if person is not None and is_in(person)]


@pytest.fixture
def service(destination):
    with destination.open(group_keys=["company"]) as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        **destination.settings(service),
        "streams": STREAMS,
        "sample_users": SHARE,
        "max_dead_letters": "100%",
    }
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def order(number: int, user: str | None, device: str | None) -> dict[str, Any]:
    return {"id": number, "customer": user, "device": device, "at": "2026-03-01T10:00:00Z"}


def feed(command: Command, stream: str, road: str, records: list[dict[str, Any]]) -> bytes:
    schema = {"properties": {name: {} for name in records[0]}}
    first = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []}
    if road == "RECORD":
        rest = [{"type": "RECORD", "stream": stream, "record": each} for each in records]
    else:
        path = command.folder / f"{stream}.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        rest = [{"type": "BATCH", "stream": stream, "encoding": {"format": "jsonl"},
                 "manifest": [path.name]}]  # fmt: skip
    return b"".join(json.dumps(each).encode() + b"\n" for each in (first, *rest))


@pytest.mark.parametrize(
    ("road", "processes"), [("RECORD", 0), pytest.param("RECORD", 2, marks=pytest.mark.slow),
                            ("BATCH", 0), pytest.param("BATCH", 2, marks=pytest.mark.slow)],
)  # fmt: skip
def test_named_columns_are_sampled_by_user_else_device(
    command, destination, service, road, processes
):
    records = [order(number, *each) for number, each in enumerate(PEOPLE * 2)]

    ended = command.run(feed(command, "orders", road, records), processes=processes)

    assert ended.code == 0, ended.log
    counts = command.report["streams"]["orders"]
    taken = 2 * len(due(PEOPLE))
    assert 0 < taken < len(records)
    assert counts["delivered"] == taken
    assert counts["skipped"] == {"not_sampled": len(records) - taken}
    sent = [each for each in destination.events(service) if each.name == "Order"]
    assert len(sent) == taken
    assert "`sample_users` loads 40 % of people" in ended.log


def test_profiles_go_with_the_events_and_groups_always(command):
    people = [
        {"customer": user, "device": None, "at": "2026-03-01T10:00:00Z", "plan": "pro"}
        for user, _ in PEOPLE
        if user
    ]
    firms = [{"firm": f"firm-{number}", "plan": "pro"} for number in range(9)]

    ended = command.run(
        feed(command, "people", "RECORD", people) + feed(command, "firms", "RECORD", firms)
    )

    assert ended.code == 0, ended.log
    streams = command.report["streams"]
    assert streams["people"]["delivered"] == sum(is_in(each["customer"]) for each in people)
    assert streams["firms"]["delivered"] == 9


def test_who_is_excluded_counts_as_that(command):
    excluded = due(PEOPLE)[:3]
    (command.folder / "gone.txt").write_text("\n".join(excluded))
    records = [order(number, *each) for number, each in enumerate(PEOPLE)]

    ended = command.run(feed(command, "orders", "RECORD", records), exclude_people_path="gone.txt")

    assert ended.code == 0, ended.log
    gone = [each for each in PEOPLE if set(each) & set(excluded)]
    counts = command.report["streams"]["orders"]
    stay = [each for each in PEOPLE if each not in gone]
    assert counts["skipped"]["excluded_person"] == len(gone)
    assert counts["delivered"] == len(due(stay))


def test_who_is_not_sampled_is_no_dead_letter_either(command):
    out = next(user for user, _ in PEOPLE if user and not is_in(user))
    record = {**order(1, out, None), "at": "never"}

    ended = command.run(feed(command, "orders", "RECORD", [record]))

    assert ended.code == 0
    assert command.dead_letters == []


def test_a_dry_run_takes_the_same_people_and_does_not_warn(command, tmp_path):
    records = [order(number, *each) for number, each in enumerate(PEOPLE)]

    ended = command.run(
        feed(command, "orders", "RECORD", records), dry_run=True, output_path=str(tmp_path / "out")
    )

    assert ended.code == 0, ended.log
    assert command.report["streams"]["orders"]["delivered"] == len(due(PEOPLE))
    assert "STATE moves on" not in ended.log


@pytest.mark.parametrize(
    ("asked", "share"), [(0, 0), (1, 1), ("1", 1), ("0.4", SHARE), (" 40 %", SHARE), ("40%", SHARE)]
)
def test_a_share_is_a_number_or_a_percentage(command, asked, share):
    records = [order(number, *each) for number, each in enumerate(PEOPLE) if any(each)]

    ended = command.run(feed(command, "orders", "RECORD", records), sample_users=asked)

    assert ended.code == 0, ended.log
    taken = len(due(PEOPLE)) if share == SHARE else share * len(records)
    assert command.report["streams"]["orders"]["delivered"] == taken


@pytest.mark.parametrize("asked", ["some", "-1%", 1.01, "101%", "nan"])
def test_what_is_no_share_is_a_sentence(command, service, asked):
    ended = command.run(
        feed(command, "orders", "RECORD", [order(1, "a", None)]), sample_users=asked
    )

    assert ended.code == 1
    assert "must be a share such as 1% or 0.01" in ended.log
    assert "_SAMPLE_USERS)" in ended.log
    assert service.journal == []


# Whole people ---------------------------------------------------------------------------------


@pytest.mark.parametrize("project", of_amplitude.PROJECTS, ids=str)
def test_an_amplitude_id_arrives_with_all_of_its_events_or_none(project, tmp_path, monkeypatch):
    export = AmplitudeExport(7, users=40, days=3, times=1)
    with project.open() as fake:
        run = of_amplitude.Fed(project, tmp_path, monkeypatch)
        run.run(fake, [export.lines], sample_users=SHARE, max_dead_letters="100%")
        held = project.held(fake, export.truth)

    rows = [orjson.loads(line) for line in export.lines]
    of = {row["uuid"]: str(row["amplitude_id"]) for row in rows if row.get("amplitude_id")}
    known = {uuid for uuid in export.truth.events if uuid in of}
    assert len(known) > 500
    assert known & held.events.keys() == {uuid for uuid in known if is_in(of[uuid])}


@pytest.mark.parametrize("system", ["simplified", "original"])
@pytest.mark.parametrize("project", of_mixpanel.PROJECTS, ids=str)
def test_a_person_of_mixpanel_arrives_as_whole_as_the_export_says(
    project, system, tmp_path, monkeypatch
):
    if project.settings.get("identity_merge", system) != system:
        pytest.skip("a copy keeps the system of its source")
    export = MixpanelExport(5, users=30, system=system)
    with project.open() as fake:
        run = of_mixpanel.Fed(project, tmp_path, monkeypatch)
        run.run(fake, [of_mixpanel.messages(export)], sample_users=SHARE, max_dead_letters="100%")
        held = project.held(fake, export.truth)

    arrived = defaultdict[Any, set[bool]](set)
    for row in export.rows:
        serial = row.properties["serial"]
        due = export.truth.events.get(serial)
        if due is not None and due.who.kind == "user" and row.appears <= 1:
            arrived[person_of(row, due, system)].add(serial in held.events)
    assert sum(found == {True} for found in arrived.values()) > 5
    assert sum(found == {False} for found in arrived.values()) > 5
    assert [person for person, found in arrived.items() if len(found) > 1] == []


def person_of(row: Any, event: Any, system: str) -> Any:
    """Return who all of whose rows stay together.

    In a project with Original ID Merge rows join ids, and the tap reads those first: a person is
    complete. With Simplified ID Merge an anonymous row is its device's until Mixpanel writes the
    user on it.
    """
    if system == "original":
        return event.who
    of = orjson.loads(row.line(1, in_ms=True))["properties"]
    return of.get("$user_id") or of.get("distinct_id") or of.get("$device_id")
