"""The frame of a project, seen in rows whose true times the tests know."""

import random
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from tap_mixpanel.time_frame import (
    PROJECT,
    UTC,
    Live,
    TimeFrame,
    contradiction,
    days_that_tell,
    found_frame,
)

from tests.examples import first_of

SUMMER = datetime(2026, 7, 10, 12, tzinfo=timezone.utc)
WINTER = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)


def milliseconds(moment):
    return round(moment.timestamp() * 1000)


def wall(moment, zone):
    """Write a moment as an old project stores it: the wall clock as if it were UTC."""
    return milliseconds(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=timezone.utc))


def live(start, zone=None, count=200, late=0.0, seed=1):
    """Return live rows, a share of which a phone delivers late, by up to two days."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        moment = start + timedelta(minutes=number)
        is_late = number < count * late
        way = chance.uniform(0, 172_800) if is_late else chance.uniform(-20, 120)
        time = wall(moment, zone) if zone else milliseconds(moment)
        rows.append(Live(time, milliseconds(moment + timedelta(seconds=way))))
    return rows


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata", "US/Pacific"])
def test_times_of_a_new_project_are_utc_whatever_zone_is_named(zone):
    named = ZoneInfo(zone) if zone else None
    assert found_frame(live(SUMMER), named) == (found := found_frame(live(SUMMER), None))
    assert (found.kind, found.problem) == (UTC, None)


@pytest.mark.parametrize(
    "zone",
    ["US/Pacific", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati"],
)
@pytest.mark.parametrize("start", [SUMMER, WINTER])
def test_times_of_an_old_project_are_its_wall_clock(zone, start):
    found = found_frame(live(start, zone), ZoneInfo(zone))
    assert (found.kind, found.problem) == (PROJECT, None)


def test_a_sample_across_the_change_of_clocks_is_two_offsets_an_hour_apart():
    change = datetime(2026, 3, 8, 10, tzinfo=timezone.utc)
    rows = live(change - timedelta(minutes=100), "US/Pacific")
    found = found_frame(rows, ZoneInfo("US/Pacific"))
    assert (found.kind, found.problem) == (PROJECT, None)


@pytest.mark.parametrize("zone", [None, "US/Pacific"])
def test_some_late_rows_do_not_matter(zone):
    named = ZoneInfo(zone) if zone else None
    found = found_frame(live(SUMMER, zone, late=0.2), named)
    assert found.kind == (PROJECT if zone else UTC)


def test_a_zone_that_is_missing_or_another_is_a_sentence_with_the_offset():
    missing = found_frame(live(SUMMER, "US/Pacific"), None)
    assert "7 h behind UTC" in missing.problem
    assert "project_timezone" in missing.problem
    other = found_frame(live(SUMMER, "Asia/Kolkata"), ZoneInfo("US/Pacific"))
    assert "5 h 30 min ahead of UTC" in other.problem
    assert "US/Pacific" in other.problem


def test_too_few_rows_or_no_offset_is_a_question():
    assert "time_frame" in found_frame(live(SUMMER, count=19), None).problem
    assert found_frame([], None).kind is None
    mixed = live(SUMMER, "US/Pacific", count=100) + live(SUMMER, count=100)
    assert found_frame(mixed, None).kind is None
    assert "several offsets" in found_frame(mixed, None).problem


def test_a_zone_that_is_at_utc_now_and_not_in_summer_is_a_question():
    found = found_frame(live(WINTER), ZoneInfo("Europe/London"))
    assert found.kind is None
    assert "Europe/London" in found.problem
    assert found_frame(live(SUMMER), ZoneInfo("Europe/London")).kind == UTC
    summer = found_frame(live(SUMMER, "Europe/London"), ZoneInfo("Europe/London"))
    assert (summer.kind, summer.problem) == (PROJECT, None)
    assert found_frame(live(WINTER), ZoneInfo("Africa/Abidjan")).kind == UTC


def test_the_days_that_tell_two_frames_apart_are_those_off_utc():
    assert days_that_tell(ZoneInfo("Europe/London"), date(2026, 1, 10)) == date(2025, 10, 25)
    assert days_that_tell(ZoneInfo("Europe/London"), date(2026, 7, 10)) == date(2026, 7, 10)
    assert days_that_tell(ZoneInfo("Africa/Abidjan"), date(2026, 1, 10)) is None


def test_days_of_another_frame_contradict():
    utc, pacific = TimeFrame(UTC, ZoneInfo("UTC")), TimeFrame(PROJECT, ZoneInfo("US/Pacific"))
    assert contradiction(live(SUMMER), utc) is None
    assert contradiction(live(SUMMER, count=5), pacific) is None
    assert contradiction(live(SUMMER, "US/Pacific"), pacific) is None
    assert contradiction(live(WINTER, "US/Pacific"), pacific) is None
    assert "7 h behind UTC" in contradiction(live(SUMMER, "US/Pacific"), utc)
    assert "0 h" in contradiction(live(SUMMER), pacific)
    assert "US/Pacific" in contradiction(live(SUMMER, "US/Eastern"), pacific)


@pytest.mark.parametrize(
    "zone", first_of(["Australia/Lord_Howe", "US/Pacific", "Europe/Berlin", "UTC"])
)
def test_each_live_moment_of_a_year_comes_back_from_its_wall_clock(zone):
    frame = TimeFrame(PROJECT, ZoneInfo(zone))
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    while moment.year == 2026:
        true = milliseconds(moment)
        assert frame.true_utc(wall(moment, zone), true + 20_000) == true
        moment += timedelta(minutes=7, seconds=13)


def test_of_the_hour_that_occurs_twice_an_imported_row_is_of_the_first():
    frame = TimeFrame(PROJECT, ZoneInfo("US/Pacific"))
    first = datetime(2026, 11, 1, 8, 30, tzinfo=timezone.utc)
    second = first + timedelta(hours=1)
    both = wall(first, "US/Pacific")
    assert wall(second, "US/Pacific") == both
    assert frame.true_utc(both, None) == milliseconds(first)
    assert frame.true_utc(both, milliseconds(second)) == milliseconds(second)


def test_times_in_utc_and_impossible_times_stay():
    assert TimeFrame(UTC, ZoneInfo("US/Pacific")).true_utc(1_234_567, None) == 1_234_567
    frame = TimeFrame(PROJECT, ZoneInfo("US/Pacific"))
    for time in (10**17, -(10**17)):
        assert frame.true_utc(time, None) == time


def test_the_day_that_is_not_over_is_that_of_the_frame():
    now = datetime(2026, 7, 10, 3, tzinfo=timezone.utc).timestamp()
    assert TimeFrame(UTC, ZoneInfo("US/Pacific")).today(now) == date(2026, 7, 10)
    assert TimeFrame(PROJECT, ZoneInfo("US/Pacific")).today(now) == date(2026, 7, 9)
