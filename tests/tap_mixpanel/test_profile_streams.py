"""Profiles of people and groups, from a stand-in over HTTP to Singer messages."""

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tap_mixpanel.query import PlanLacksQueries

from tests.fakes.http.server import Reply
from tests.fakes.mixpanel_export import FakeMixpanelExport
from tests.fakes.mixpanel_export.engage import Profile
from tests.tap_amplitude.taking import batch_config
from tests.tap_mixpanel.running import Sandbox

NOW = datetime(2026, 1, 20, 9, 59, tzinfo=timezone.utc)
STREAMS = ("group_profiles", "profiles")
PEOPLE = [
    Profile(f"person {n}", {"$name": f"P {n}", "$last_seen": f"2026-01-{n:02}T10:00:00"})
    for n in range(1, 29)
]
IDS = sorted(profile.distinct_id for profile in PEOPLE)
BIG = (
    '{"$distinct_id":12345678901234567890123,"$properties":{"n":1.0,"big":98765432109876543210987}}'
)


@pytest.fixture
def reading(tmp_path):
    """Make a sandbox that reads a server, page by page of ten profiles."""

    def made(server):
        sandbox = Sandbox(tmp_path, server, NOW)
        sandbox.config |= {"start_date": "2026-01-01", "end_date": None, "page_size": 10}
        return sandbox

    return made


def ids(output):
    return sorted(record["distinct_id"] for record in output.records)


def test_profiles_leave_whole_with_their_key(reading):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        output = reading(server).run(streams=["profiles"])
    assert ids(output) == IDS
    (schema,) = output.of_type("SCHEMA")
    assert schema["key_properties"] == ["distinct_id"]
    (read_at,) = {record["read_at"] for record in output.records}
    assert read_at.startswith("2026-01-20T09:59:")
    by_id = {record["distinct_id"]: record["properties"] for record in output.records}
    assert by_id == {profile.distinct_id: profile.properties for profile in PEOPLE}


def test_groups_come_before_people_each_with_its_own_key(reading):
    groups = {"-42": [Profile("acme", {"plan": "pro"})], "7": [Profile(1, {}), Profile(2, {})]}
    with FakeMixpanelExport(profiles=PEOPLE, group_profiles=groups) as server:
        output = reading(server).run(
            streams=STREAMS, data_group_ids={"company": "-42", "team": "7"}
        )
    streams = [message["stream"] for message in output.of_type("RECORD")]
    assert streams == ["group_profiles"] * 3 + ["profiles"] * len(PEOPLE)
    found = [(record["group_key"], record["group_id"]) for record in output.records[:3]]
    assert sorted(found) == [("company", "acme"), ("team", "1"), ("team", "2")]
    assert output.of_type("SCHEMA")[0]["key_properties"] == ["group_key", "group_id"]


def test_numbers_keep_their_digits_to_the_byte(reading):
    page = f'{{"page":0,"page_size":10,"session_id":"1-A","total":1,"results":[{BIG}]}}'
    with FakeMixpanelExport() as server:
        server.misbehave(Reply(200, page.encode()))
        output = reading(server).run(streams=["profiles"])
    assert '"distinct_id":"12345678901234567890123"' in output.text
    assert '"properties":{"n":1.0,"big":98765432109876543210987}}' in output.text


def test_a_plan_without_queries_stops_before_the_first_event(reading):
    with FakeMixpanelExport(profiles=PEOPLE, plan="free") as server:
        with pytest.raises(PlanLacksQueries, match="deselect"):
            reading(server).run(streams=["profiles", "events"])
        assert not server.asked


def test_a_stream_that_fails_on_a_later_page_emits_nothing(reading):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(Reply(402, b"{}"), when=lambda exchange: exchange.number == 3)
        output, error = reading(server).try_run(streams=["profiles"])
    assert isinstance(error, PlanLacksQueries)
    assert not output.records


def test_incremental_profiles_are_those_seen_since_and_all_in_every_tenth_run(reading):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        sandbox, state, counts = reading(server), None, []
        for _ in range(12):
            output = sandbox.run(state=state, streams=["profiles"], incremental_profiles=True)
            counts.append(len(output.records))
            state = output.states[-1]
    # Read on 20 January just before 10:00, so those seen since 18 January just before 10:00.
    since = [p for p in PEOPLE if p.properties["$last_seen"] >= "2026-01-18T10:00:00"]
    assert counts == [28, *[len(since)] * 9, 28, len(since)]
    assert state["bookmarks"]["profiles"]["read_at"].startswith("2026-01-20T09:59:")


def test_a_run_that_reads_all_again_counts_from_there(reading):
    state = {"bookmarks": {"profiles": {"read_at": "2026-01-19T00:00:00.000Z", "parts_read": 5}}}
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        output = reading(server).run(state=state, streams=["profiles"])
    assert len(output.records) == 28
    assert output.states[-1]["bookmarks"]["profiles"]["parts_read"] == 0


def test_profiles_are_handed_over_in_files(reading, tmp_path):
    root = tmp_path / "batches"
    root.mkdir()
    records = []
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        sandbox = reading(server)
        settings = {"batch_config": batch_config(root), "end_date": "2026-01-20"}
        with sandbox.start(streams=["profiles"], **settings) as process:
            for line in process.stdout:
                message = json.loads(line)
                assert message["type"] != "RECORD"
                for url in message.get("manifest", ()):
                    path = Path(url.removeprefix("file://"))
                    records += [json.loads(row) for row in path.read_text().splitlines()]
                    path.unlink()
            process.stderr.read()
        assert process.returncode == 0
    assert sorted(record["distinct_id"] for record in records) == IDS
