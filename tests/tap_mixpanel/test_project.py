"""What a run knows of its project before its first row leaves."""

import json
import random
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from tap_mixpanel.project import FrameUnknown, Watch, live_row, opened
from tap_mixpanel.settings import Settings
from tap_mixpanel.time_frame import TimeFrame

TODAY = date(2026, 7, 10)


class Days:
    """Rows of a project by day, of which a sample is asked for."""

    def __init__(self, zone=None, *, imported=False, ids="ann", only=lambda day: True):
        self.zone = ZoneInfo(zone) if zone else timezone.utc
        self.imported = imported
        self.ids = ids
        self.only = only
        self.asked = []

    def __call__(self, first, last):
        self.asked.append((first, last))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [self.row(day, n) for day in days if self.only(day) for n in range(30)]

    def row(self, day, number):
        moment = datetime(day.year, day.month, day.day, 12, number, tzinfo=timezone.utc)
        time = moment.astimezone(self.zone).replace(tzinfo=timezone.utc)
        late = random.Random(number).randrange(60_000)
        properties = {
            "time": round(time.timestamp() * 1000),
            "distinct_id": self.ids,
            "$mp_api_timestamp_ms": round(moment.timestamp() * 1000) + late,
        }
        if self.imported:
            properties["$import"] = True
        return json.dumps({"event": "Play", "properties": properties}).encode()


def open_with(sample, bookmark=None, today=TODAY, **settings):
    config = {"start_date": "2026-01-01", **settings}
    return opened(Settings.of_config(config), bookmark or {}, sample, today)


def test_a_new_project_is_known_by_one_sample_of_seven_days():
    sample = Days(ids="$device:d1")
    project = open_with(sample)
    assert sample.asked == [(date(2026, 7, 4), TODAY)]
    assert project.as_bookmark == {"time_frame": "utc", "identity_merge": "simplified"}


def test_an_old_project_is_known_with_its_zone_and_asks_for_it_without():
    project = open_with(Days("US/Pacific"), project_timezone="US/Pacific")
    assert project.frame == TimeFrame("project", ZoneInfo("US/Pacific"))
    with pytest.raises(FrameUnknown, match=r"7 h behind UTC.*project_timezone"):
        open_with(Days("US/Pacific"))
    with pytest.raises(FrameUnknown, match="Asia/Kolkata"):
        open_with(Days("US/Pacific"), project_timezone="Asia/Kolkata")


def test_where_the_last_days_do_not_tell_more_days_are_asked_for():
    sample = Days(only=lambda day: day < date(2026, 6, 1))
    assert open_with(sample).frame.kind == "utc"
    assert sample.asked == [(date(2026, 7, 4), TODAY), (date(2026, 4, 12), TODAY)]
    with pytest.raises(FrameUnknown, match="time_frame"):
        open_with(Days(imported=True))


def test_a_history_that_ended_long_ago_is_asked_about_its_last_days():
    sample = Days(only=lambda day: day < date(2025, 3, 1))
    config = {"start_date": "2024-06-01", "end_date": "2025-03-04"}
    assert open_with(sample, **config).frame.kind == "utc"
    assert sample.asked == [(date(2025, 2, 25), date(2025, 3, 3))]
    sample = Days(only=lambda day: day < date(2024, 8, 1))
    assert open_with(sample, start_date="2024-06-01").frame.kind == "utc"
    assert sample.asked[-1] == (date(2024, 6, 1), TODAY)


def test_a_zone_at_utc_is_asked_about_days_on_which_it_is_not():
    winter = date(2026, 1, 10)
    for zone, kind in ((None, "utc"), ("Europe/London", "project")):
        sample = Days(zone)
        assert open_with(sample, today=winter, project_timezone="Europe/London").frame.kind == kind
        assert sample.asked == [(date(2025, 10, 19), date(2025, 10, 25))]


def test_settings_and_state_are_not_asked_about():
    sample = Days("US/Pacific", ids="$device:d1")
    told = open_with(sample, time_frame="utc", identity_merge="original")
    assert told.as_bookmark == {"time_frame": "utc", "identity_merge": "original"}
    known = {"time_frame": "project", "identity_merge": "simplified"}
    again = open_with(sample, known, project_timezone="US/Pacific")
    assert again.as_bookmark == known
    assert not sample.asked
    with pytest.raises(FrameUnknown, match="project_timezone"):
        open_with(sample, known)
    assert open_with(Days(), {"time_frame": "odd", "identity_merge": None}).frame.kind == "utc"


def days_of(zone, frame, *, is_sure=False):
    watch = Watch(frame, is_sure=is_sure)
    for line in Days(zone)(TODAY, TODAY):
        watch.look_at("2026-07-10", live_row(line))
    return watch


def test_a_day_that_contradicts_the_frame_stops_the_run_and_is_named():
    utc = TimeFrame("utc", ZoneInfo("UTC"))
    days_of(None, utc).check("2026-07-10")
    days_of("US/Pacific", utc, is_sure=True).check("2026-07-10")
    with pytest.raises(FrameUnknown, match="2026-07-10 lie 7 h behind UTC"):
        days_of("US/Pacific", utc).check("2026-07-10")
    pacific = TimeFrame("project", ZoneInfo("US/Pacific"))
    with pytest.raises(FrameUnknown, match="as US/Pacific does not"):
        days_of("US/Eastern", pacific).check("2026-07-10")
    days_of("US/Pacific", utc).check("2026-07-11")


@pytest.mark.parametrize(
    "line",
    [b"no row", b"[]", b'{"properties":1}', b'{"properties":{"time":1}}', b'{"event":"x"}'],
)
def test_what_says_nothing_of_its_time_is_no_live_row(line):
    assert live_row(line) is None
