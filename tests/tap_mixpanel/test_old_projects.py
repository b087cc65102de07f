"""Projects whose times are the wall clock of their zone, from HTTP to messages."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

import pytest
from tap_mixpanel.project import FrameUnknown

from tests.fakes.mixpanel_export.rows import Row
from tests.tap_mixpanel.running import Sandbox, fake

ZONE = "America/New_York"
NOW = datetime(2024, 11, 20, 12, tzinfo=timezone.utc)
CHANGE = datetime(2024, 11, 3, 6, tzinfo=timezone.utc)
"""Clocks go back: 01:30 of New York is at 05:30 and again at 06:30 UTC."""


def milliseconds(moment):
    return round(moment.timestamp() * 1000)


def rows(start, hours, zone=ZONE, **more):
    """A live row each half hour."""
    found = []
    for number in range(hours * 2):
        at = milliseconds(start + timedelta(minutes=30 * number))
        properties = {
            "distinct_id": f"$device:{number % 3}",
            "$insert_id": f"i{at}",
            "$mp_api_timestamp_ms": at + 4_000,
            "mp_processing_time_ms": at + 8_000,
            **more,
        }
        found.append(Row("Opened", at, properties, zone=zone))
    return found


OLD = rows(CHANGE - timedelta(days=3), 24 * 17)


def run(mixpanel, tmp_path, state=None, streams=("events",), **settings):
    dates = {"start_date": "2024-10-31", "end_date": None, "time_frame": "auto"}
    return Sandbox(tmp_path, mixpanel, NOW).run(state=state, streams=streams, **dates, **settings)


def moments(output):
    return [
        milliseconds(datetime.fromisoformat(record["time"].replace("Z", "+00:00")))
        for record in output.events
    ]


def test_times_become_true_utc_through_the_hour_that_occurs_twice(tmp_path):
    with fake(OLD, NOW, project_timezone=ZONE) as mixpanel:
        output = run(mixpanel, tmp_path, project_timezone=ZONE)
    assert sorted(moments(output)) == sorted(row.at for row in OLD)
    by_day = {record["day"] for record in output.events}
    assert by_day == {str(row.day) for row in OLD}
    assert output.states[-1]["bookmarks"]["events"]["time_frame"] == "project"


def test_rows_of_the_hour_that_occurs_twice_leave_in_their_true_order(tmp_path):
    with fake(OLD, NOW, project_timezone=ZONE) as mixpanel:
        found = moments(run(mixpanel, tmp_path, project_timezone=ZONE))
    assert found == sorted(found)


def test_a_missing_zone_stops_before_the_first_row_and_profile(tmp_path):
    with fake(OLD, NOW, project_timezone=ZONE) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel, NOW)
        output, error = sandbox.try_run(
            start_date="2024-10-31", end_date=None, time_frame="auto", streams=["events"]
        )
    assert isinstance(error, FrameUnknown)
    assert "5 h behind UTC" in str(error)
    assert not output.of_type("RECORD")


def test_the_frame_is_kept_in_state_and_not_asked_for_again(tmp_path):
    with fake(OLD, NOW, project_timezone=ZONE) as mixpanel:
        state = run(mixpanel, tmp_path, project_timezone=ZONE).states[-1]
        asked = len(mixpanel.journal)
        run(mixpanel, tmp_path, state=state, project_timezone=ZONE)
        limits = [e.query.get("limit") for e in mixpanel.journal[asked:] if "limit" in e.query]
    assert limits == ["1"]  # whether login and address are right


def test_a_day_of_another_frame_stops_the_run_before_it(tmp_path):
    early = rows(CHANGE - timedelta(days=3, hours=15), 24 * 4, zone="Asia/Tokyo")
    late = rows(CHANGE + timedelta(days=4), 24 * 12)
    with fake([*early, *late], NOW, project_timezone=ZONE) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel, NOW)
        output, error = sandbox.try_run(
            start_date="2024-10-31", end_date=None, time_frame="auto", project_timezone=ZONE
        )
    assert isinstance(error, FrameUnknown)
    assert "9 h ahead of UTC" in str(error)
    assert not output.events


def test_imported_rows_alone_ask_for_the_frame(tmp_path):
    imported = rows(CHANGE - timedelta(days=3), 24, zone=None, **{"$import": True})
    with fake(imported, NOW) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel, NOW)
        _, error = sandbox.try_run(start_date="2024-10-31", end_date=None, time_frame="auto")
        assert "time_frame" in str(error)
        assert len(run_told(mixpanel, tmp_path).events) == len(imported)


def run_told(mixpanel, tmp_path):
    return Sandbox(tmp_path, mixpanel, NOW).run(
        start_date="2024-10-31", end_date=None, time_frame="utc"
    )


def test_days_of_few_rows_are_held_against_the_frame_together(tmp_path):
    few = rows(CHANGE - timedelta(days=3), 24 * 8, zone=None)[::6]
    with fake([*few, *OLD[-240:]], NOW, project_timezone=ZONE) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel, NOW)
        output, error = sandbox.try_run(
            start_date="2024-10-31", end_date=None, time_frame="auto", project_timezone=ZONE
        )
    assert "The times of 2024-10-31 to 2024-11-02 lie 0 h" in str(error)
    assert len(output.events) < 20


@pytest.mark.parametrize("frame", ["utc", "project"])
def test_what_the_user_says_is_not_contradicted(tmp_path, frame, caplog):
    caplog.set_level(logging.WARNING)
    with fake(OLD, NOW, project_timezone=ZONE) as mixpanel:
        output = Sandbox(tmp_path, mixpanel, NOW).run(
            start_date="2024-10-31", end_date=None, time_frame=frame, project_timezone=ZONE
        )
    expected = [row.at if frame == "project" else row.time for row in OLD]
    assert ("are taken for UTC" in caplog.text) == (frame == "utc")
    assert sorted(moments(output)) == sorted(expected)
