"""Profiles of people and groups, from a stand-in over HTTP to Singer messages."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from singer_delivery.io.retry import Clock
from singer_sdk.singerlib import Catalog
from tap_mixpanel.query import PlanLacksQueries
from tap_mixpanel.tap import TapMixpanel

from tests.fakes.http.server import Reply
from tests.fakes.mixpanel_export import FakeMixpanelExport
from tests.fakes.mixpanel_export.engage import Profile
from tests.tap_runs import Output

EXECUTABLE = Path(sys.executable).parent / "tap-mixpanel"
PEOPLE = [
    Profile(f"person {n}", {"$name": f"P {n}", "$last_seen": f"2026-01-{n:02}T10:00:00"})
    for n in range(1, 29)
]
IDS = sorted(profile.distinct_id for profile in PEOPLE)
BIG = (
    '{"$distinct_id":12345678901234567890123,"$properties":{"n":1.0,"big":98765432109876543210987}}'
)


class Later(Clock):
    """A clock of 2026-01-20 that does not wait."""

    def now(self):
        return 1_768_903_200.0

    def sleep(self, seconds):
        pass


@pytest.fixture
def config(tmp_path):
    return {
        "service_account_username": "exporter.1a2b3c.mp-service-account",
        "service_account_secret": "mixpanel-secret",
        "project_id": "2195193",
        "start_date": "2026-01-01",
        "page_size": 10,
        "spool_dir": str(tmp_path / "spool"),
        "time_frame": "utc",
    }


def run(server, config, state=None, streams=("group_profiles", "profiles"), **settings):
    """Read some streams in this process."""
    made = {**config, "base_url": server.url, "query_base_url": server.url, **settings}
    catalog = selecting(TapMixpanel(config=made, clock=Later()).catalog_dict, streams)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        TapMixpanel(config=made, state=state, catalog=catalog, clock=Later()).sync_all()
    out.seek(0)
    return Output(out.read())


def selecting(catalog, streams):
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return Catalog.from_dict(catalog).to_dict()


def ids(output):
    return sorted(record["distinct_id"] for record in output.records)


def test_profiles_leave_whole_with_their_key(config):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        output = run(server, config, streams=["profiles"])
    assert ids(output) == IDS
    (schema,) = output.of_type("SCHEMA")
    assert schema["key_properties"] == ["distinct_id"]
    assert {record["read_at"] for record in output.records} == {"2026-01-20T10:00:00.000Z"}
    by_id = {record["distinct_id"]: record["properties"] for record in output.records}
    assert by_id == {profile.distinct_id: profile.properties for profile in PEOPLE}


def test_groups_come_before_people_each_with_its_own_key(config):
    groups = {"-42": [Profile("acme", {"plan": "pro"})], "7": [Profile(1, {}), Profile(2, {})]}
    with FakeMixpanelExport(profiles=PEOPLE, group_profiles=groups) as server:
        output = run(server, config, data_group_ids={"company": "-42", "team": "7"})
    streams = [message["stream"] for message in output.of_type("RECORD")]
    assert streams == ["group_profiles"] * 3 + ["profiles"] * len(PEOPLE)
    found = [(record["group_key"], record["group_id"]) for record in output.records[:3]]
    assert sorted(found) == [("company", "acme"), ("team", "1"), ("team", "2")]
    assert output.of_type("SCHEMA")[0]["key_properties"] == ["group_key", "group_id"]


def test_numbers_keep_their_digits_to_the_byte(config):
    page = f'{{"page":0,"page_size":10,"session_id":"1-A","total":1,"results":[{BIG}]}}'
    with FakeMixpanelExport() as server:
        server.misbehave(Reply(200, page.encode()))
        output = run(server, config, streams=["profiles"])
    assert '"distinct_id":"12345678901234567890123"' in output.text
    assert '"properties":{"n":1.0,"big":98765432109876543210987}}' in output.text


def test_a_plan_without_queries_stops_before_the_first_event(config):
    with FakeMixpanelExport(profiles=PEOPLE, plan="free") as server:
        with pytest.raises(PlanLacksQueries, match="deselect"):
            run(server, config, streams=["profiles", "events"])
        assert not server.asked


def test_a_stream_that_fails_on_a_later_page_emits_nothing(config):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(Reply(402, b"{}"), when=lambda exchange: exchange.number == 3)
        made = {**config, "base_url": server.url, "query_base_url": server.url}
        catalog = selecting(TapMixpanel(config=made).catalog_dict, ["profiles"])
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(out), pytest.raises(PlanLacksQueries):
            TapMixpanel(config=made, catalog=catalog, clock=Later()).sync_all()
    out.seek(0)
    assert not Output(out.read()).records


def test_incremental_profiles_are_those_seen_since_and_all_in_every_tenth_run(config):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        state, counts = None, []
        for _ in range(12):
            output = run(server, config, state, ["profiles"], incremental_profiles=True)
            counts.append(len(output.records))
            state = output.states[-1]
    # Read on 20 January at 10:00, so those seen since 18 January at 10:00.
    since = [p for p in PEOPLE if p.properties["$last_seen"] >= "2026-01-18T10:00:00"]
    assert counts == [28, *[len(since)] * 9, 28, len(since)]
    assert state["bookmarks"]["profiles"]["read_at"] == "2026-01-20T10:00:00.000Z"


def test_a_run_that_reads_all_again_counts_from_there(config):
    state = {"bookmarks": {"profiles": {"read_at": "2026-01-19T00:00:00.000Z", "parts_read": 5}}}
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        output = run(server, config, state, ["profiles"])
    assert len(output.records) == 28
    assert output.states[-1]["bookmarks"]["profiles"]["parts_read"] == 0


def test_profiles_are_handed_over_in_files(config, tmp_path):
    root = tmp_path / "batches"
    root.mkdir()
    batch = {
        "encoding": {"format": "jsonl", "compression": "none"},
        "storage": {"root": root.as_uri()},
    }
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        made = {
            **config, "base_url": server.url, "query_base_url": server.url, "batch_config": batch
        }  # fmt: skip
        (tmp_path / "config.json").write_text(json.dumps(made))
        catalog = selecting(TapMixpanel(config=made).catalog_dict, ["profiles"])
        (tmp_path / "catalog.json").write_text(json.dumps(catalog))
        arguments = [EXECUTABLE, "--config", "config.json", "--catalog", "catalog.json"]
        records = []
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path
        ) as process:
            for line in process.stdout:
                message = json.loads(line)
                assert message["type"] != "RECORD"
                for url in message.get("manifest", ()):
                    path = Path(url.removeprefix("file://"))
                    records += [json.loads(row) for row in path.read_text().splitlines()]
                    path.unlink()
        assert process.returncode == 0
    assert sorted(record["distinct_id"] for record in records) == IDS
