"""What the tap hands on is what the project has: every row once, true times, sessions, people."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from tests.examples import first_of
from tests.fakes.http.server import DropConnection, Reply, TruncateBody
from tests.fakes.mixpanel_export import refusals
from tests.fakes.mixpanel_export.faults import CutGzip, CutLine, EndsEarly
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.identities import VERBS
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import served
from tests.mixpanel_people.tapped import Tapped, held, settings, tap

SYSTEMS = ("simplified", "original")
ZONES = (
    "Australia/Lord_Howe",
    *(pytest.param(zone, marks=pytest.mark.slow) for zone in (None, "US/Pacific", "Asia/Kolkata")),
)

FAULTS = (
    EndsEarly(keep=0, marker=refusals.EXPORT_TERMINATED),
    CutLine(),
    CutGzip(),
    TruncateBody(),
    DropConnection(),
    refusals.HTML,
    refusals.ERROR_BEHIND_200,
    refusals.TIMEOUT_ERROR,
    refusals.too_many("1"),
    Reply(503),
)

each_system = pytest.mark.parametrize("system", SYSTEMS)


def is_right(tapped: Tapped, export: Export) -> None:
    """Assert that a run wrote everything once, in order, as it is."""
    assert tapped.code == 0, tapped.log
    assert_right(judge(held(tapped, export), export.truth))
    events = tapped.records["events"]
    assert len({record["uuid"] for record in events}) == len(events)
    days = [record["day"] for record in events]
    assert days == sorted(days)
    keys = [(r["day"], r["time"], "$user_id" in r["properties"]) for r in events]
    assert keys == sorted(keys)
    serials = Counter(record["properties"]["serial"] for record in events)
    verbs = [record["properties"]["serial"] for record in tapped.records.get("identities", [])]
    assert sorted(verbs) == sorted(export.truth.verbs)
    assert all(serials[serial] == 1 for serial in export.truth.verbs)
    assert {record["event"] for record in events} & set(VERBS) == (
        set(VERBS) if export.truth.verbs else set()
    )


@each_system
@pytest.mark.parametrize("zone", ZONES)
def test_all_is_handed_on_once(system, zone, tmp_path):
    export = Export(seed=1, users=60, system=system, zone=zone)
    with served(export) as mixpanel:
        is_right(tap(tmp_path, settings(mixpanel, export)), export)


def test_sessions_end_at_midnight_of_the_zone_of_a_new_project(tmp_path):
    export = Export(seed=2, users=60, sessions_in="America/New_York")
    with served(export) as mixpanel:
        is_right(tap(tmp_path, settings(mixpanel, export)), export)


@each_system
@pytest.mark.parametrize("zone", first_of(["Asia/Kolkata", None]))
def test_what_times_are_shows_in_live_rows(system, zone, tmp_path):
    yesterday = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    start = yesterday - timedelta(days=16)
    export = Export(seed=8, users=60, system=system, zone=zone, start=start)
    with served(export) as mixpanel:
        config = {**settings(mixpanel, export), "time_frame": "auto"}
        is_right(tap(tmp_path, config), export)


@pytest.mark.parametrize(
    "fault",
    [
        EndsEarly(),
        *(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS),
    ],
    ids=repr,
)
def test_a_window_that_goes_wrong_is_asked_for_again(fault, tmp_path):
    export = Export(seed=3, users=20, system="original")
    with served(export) as mixpanel:
        for number in (4, 6):
            mixpanel.misbehave(fault, when=lambda exchange, n=number: exchange.number == n)
        is_right(tap(tmp_path, settings(mixpanel, export)), export)
    assert sum(exchange.act is not None for exchange in mixpanel.journal) == 2


@each_system
def test_a_second_run_finds_what_came_late(system, tmp_path):
    export = Export(seed=4, users=40, system=system, readings=True)
    with served(export) as mixpanel:
        first = tap(tmp_path, settings(mixpanel, export))
        assert first.code == 0, first.log
        second = tap(tmp_path, {**settings(mixpanel, export), "lookback_days": 20}, first.state)
        is_right(second, export)
    known = {record["uuid"] for record in first.records["events"]}
    assert known < {record["uuid"] for record in second.records["events"]}


@each_system
@pytest.mark.parametrize("in_ms", first_of([True, False]), ids=["milliseconds", "seconds"])
def test_files_say_the_same(system, in_ms, tmp_path):
    """In seconds too, but for rows without an id, of which nothing else tells who they are."""
    export = Export(seed=5, users=40, system=system)
    with served(export) as mixpanel:
        asked = tap(tmp_path / "asked", settings(mixpanel, export))
    folder = export.write(tmp_path / "files", files=4, in_ms=in_ms)
    config = {"archive_path": str(folder), "project_timezone": "UTC", "time_frame": "utc"}
    found = tap(tmp_path / "found", config)
    assert (asked.code, found.code) == (0, 0), found.log
    for stream in ("identities", "profiles", "events"):
        assert _ids(asked, stream) == _ids(found, stream), stream
    if in_ms:
        counts = judge(held(found, export), export.truth)
        assert_right({name: count for name, count in counts.items() if "group" not in name})


def _ids(run: Tapped, stream: str) -> set[str]:
    return {
        record.get("uuid") or record["distinct_id"]
        for record in run.records.get(stream, [])
        if stream == "profiles" or _has_id(record["properties"])
    }


def _has_id(properties: dict) -> bool:
    sent = properties.get("distinct_id")
    return "$insert_id" in properties and (isinstance(sent, str) or sent is None)


def test_a_project_of_days_on_end_keeps_its_budget(tmp_path):
    export = Export(seed=7, users=10, scenes=())
    with served(export) as mixpanel:
        is_right(tap(tmp_path, settings(mixpanel, export)), export)
    assert len(mixpanel.asked) <= 12
