"""Times of an old project are its wall clock: records hold true UTC, and sessions its midnight."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from tap_mixpanel.project import FrameUnknown

from tests.fakes.mixpanel_export import Row
from tests.tap_mixpanel.running import Sandbox, at, fake

PACIFIC = "US/Pacific"


def live(moment, number, zone=None, **more):
    properties = {
        "distinct_id": f"$device:{number % 3}",
        "$insert_id": f"{moment}-{number}",
        "$mp_api_timestamp_ms": moment + 1_500,
        "mp_processing_time_ms": moment + 4_000,
        "n": number,
        **more,
    }
    return Row("Opened", moment, properties, zone=zone)


def hourly(zone=None, **more):
    """A row at each hour of true UTC, from January 10 to 19."""
    return [live(at(10, hour), hour, zone, **more) for hour in range(24 * 9)]


def moments(output):
    texts = [record["time"] for record in output.events]
    return [
        round(datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() * 1000) for t in texts
    ]


SPAN = {"start_date": "2024-01-09", "end_date": "2024-01-20", "time_frame": None}


@pytest.mark.parametrize("zone", [None, PACIFIC, "Asia/Kolkata"], ids=str)
def test_times_are_true_utc_whatever_the_project_stores(tmp_path, zone):
    rows = hourly(zone)
    with fake(rows, project_timezone=zone or "UTC") as mixpanel:
        output = Sandbox(tmp_path, mixpanel).run(**SPAN, project_timezone=zone)
    assert moments(output) == [each.at for each in rows]
    assert [record["day"] for record in output.events] == [str(each.day) for each in rows]
    assert {record["identity_merge"] for record in output.events} == {"simplified"}
    bookmark = output.states[-1]["bookmarks"]["events"]
    assert bookmark["time_frame"] == ("utc" if zone is None else "project")
    assert bookmark["identity_merge"] == "simplified"


def test_an_old_project_without_a_zone_stops_before_its_first_row(tmp_path):
    with fake(hourly(PACIFIC), project_timezone=PACIFIC) as mixpanel:
        output, error = Sandbox(tmp_path, mixpanel).try_run(**SPAN)
    assert isinstance(error, FrameUnknown)
    assert "8 h behind" in str(error)
    assert "project_timezone" in str(error)
    assert output.records == output.states == []


def test_imported_rows_alone_do_not_tell(tmp_path):
    with fake(hourly(**{"$import": True})) as mixpanel:
        output, error = Sandbox(tmp_path, mixpanel).try_run(**SPAN)
    assert isinstance(error, FrameUnknown)
    assert "Set time_frame" in str(error)
    assert output.records == []


def test_the_frame_is_asked_once_and_then_known_from_state(tmp_path):
    with fake(hourly()) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        state = sandbox.run(**SPAN).states[-1]
        asked = len(mixpanel.journal)
        sandbox.run(**SPAN, state=state)
    limits = [each.query.get("limit") for each in mixpanel.journal]
    assert (limits[0], limits[asked]) == ("1000", "1")


def test_sessions_are_those_of_devices_until_midnight_of_the_project(tmp_path):
    minutes = [0, 10, 39, 70, 101]
    evening = at(11, 7.5)  # half an hour before midnight in California
    rows = [live(evening + minute * 60_000, 3 * n, PACIFIC) for n, minute in enumerate(minutes)]
    with fake(rows, project_timezone=PACIFIC) as mixpanel:
        settings = {**SPAN, "time_frame": "project"}
        output = Sandbox(tmp_path, mixpanel).run(**settings, project_timezone=PACIFIC)
    starts = [record["session_start"] for record in output.events]
    times = [record["time"] for record in output.events]
    # 0 and 10 are one; 39 lies after midnight; 70 is 31 minutes later; 101 another 31.
    assert starts == [times[0], times[0], times[2], times[3], times[4]]


def test_today_is_the_day_of_the_project(tmp_path):
    now = datetime(2024, 1, 20, 3, tzinfo=timezone.utc)  # still January 19 in California
    with fake(hourly(PACIFIC), now=now, project_timezone=PACIFIC) as mixpanel:
        settings = {**SPAN, "end_date": None, "project_timezone": PACIFIC}
        output = Sandbox(tmp_path, mixpanel, now).run(**settings)
        assert max(last for _, last in mixpanel.asked).day == 19
        assert {each.status for each in mixpanel.journal} == {200}
    assert output.days[-1] == "2024-01-18"
