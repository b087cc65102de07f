"""Sessions, held against the rule worked out row by row in the tests."""

import random
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from tap_mixpanel.sessions import Sessions
from tap_mixpanel.time_frame import PROJECT, UTC, TimeFrame

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60_000


def at(text, zone=timezone.utc):
    moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def sessions(zone="UTC", minutes=30, **options):
    return Sessions(minutes, TimeFrame(UTC, ZoneInfo(zone)).midnight_after, **options)


def test_a_pause_of_thirty_minutes_goes_on_and_a_longer_one_ends_the_session():
    seen = sessions()
    first = at("2026-03-01T10:00:00")
    assert seen.start_of("d", first) == first
    assert seen.start_of("d", first + 30 * MINUTE) == first
    assert seen.start_of("d", first + 60 * MINUTE) == first
    assert seen.start_of("d", first + 90 * MINUTE + 1) == first + 90 * MINUTE + 1


def test_devices_have_sessions_of_their_own_and_rows_without_one_have_none():
    seen = sessions()
    assert seen.start_of("a", 1_000_000) == 1_000_000
    assert seen.start_of("b", 1_060_000) == 1_060_000
    assert seen.start_of("a", 1_120_000) == 1_000_000
    assert seen.start_of(None, 1_120_000) is None


@pytest.mark.parametrize(
    ("zone", "midnight"), [("UTC", "2026-03-02T00:00:00"), ("Asia/Kolkata", "2026-03-01T18:30:00")]
)
def test_midnight_of_the_zone_ends_a_session(zone, midnight):
    seen = sessions(zone)
    end = at(midnight)
    assert seen.start_of("d", end - MINUTE) == end - MINUTE
    assert seen.start_of("d", end - 1) == end - MINUTE
    assert seen.start_of("d", end) == end


def test_a_session_is_carried_over_a_midnight_that_is_not_the_projects():
    seen = sessions("America/New_York")
    utc_midnight = at("2026-03-02T00:00:00")
    assert seen.start_of("d", utc_midnight - 5 * MINUTE) == utc_midnight - 5 * MINUTE
    assert seen.start_of("d", utc_midnight + 5 * MINUTE) == utc_midnight - 5 * MINUTE


def test_midnight_is_right_on_days_of_23_and_25_hours():
    frame = TimeFrame(PROJECT, NEW_YORK)
    assert frame.midnight_after(at("2026-03-08T01:00:00", NEW_YORK)) == at(
        "2026-03-09T00:00:00", NEW_YORK
    )
    assert frame.midnight_after(at("2026-11-01T00:00:00", NEW_YORK)) == at(
        "2026-11-02T00:00:00", NEW_YORK
    )
    day = at("2026-11-02T00:00:00", NEW_YORK) - at("2026-11-01T00:00:00", NEW_YORK)
    assert day == 25 * 60 * MINUTE


def test_the_value_of_a_property_makes_a_session_whatever_the_pause():
    seen = sessions(by_value=True)
    assert seen.start_of("d", 0, "x") == 0
    assert seen.start_of("d", 300 * MINUTE, "x") == 0
    assert seen.start_of("d", 301 * MINUTE, "y") == 301 * MINUTE
    assert seen.start_of("d", 302 * MINUTE, "x") == 0  # two tabs of a browser
    assert seen.start_of("d", 303 * MINUTE, None) is None
    assert seen.start_of("d", 304 * MINUTE, "") is None
    assert seen.start_of("d", 24 * 60 * MINUTE, "x") == 24 * 60 * MINUTE


def test_a_timeout_of_zero_switches_sessions_off():
    assert sessions(minutes=0).start_of("d", 0) is None
    assert sessions(minutes=0, by_value=True).start_of("d", 0, "x") is None


def test_only_devices_of_the_last_half_hour_are_remembered():
    seen = sessions()
    for number in range(2_000):
        seen.start_of(f"device {number}", number * MINUTE)
        assert len(seen) <= 32
    many = sessions(most=10)
    for number in range(100):
        many.start_of(f"device {number}", number)
    assert len(many) <= 10


def test_sessions_of_a_random_day_are_those_of_the_rule():
    chance = random.Random(7)
    midnight = at("2026-03-01T00:00:00")
    times = sorted(midnight + chance.randrange(48 * 60) * MINUTE for _ in range(3_000))
    rows = [(moment, chance.choice("abcdefgh")) for moment in times]
    seen = sessions()
    found = [seen.start_of(device, moment) for moment, device in rows]
    for device in "abcdefgh":
        own = [
            (moment, start) for (moment, d), start in zip(rows, found, strict=True) if d == device
        ]
        start = own[0][0]
        assert own[0][1] == start
        for (before, _), (moment, said) in pairwise(own):
            is_next_day = before < midnight + 24 * 60 * MINUTE <= moment
            if moment - before > 30 * MINUTE or is_next_day:
                start = moment
            assert said == start


def test_midnight_of_an_impossible_time_is_a_day_later():
    frame = TimeFrame(UTC, NEW_YORK)
    far = round(timedelta(days=400_000_000).total_seconds() * 1000)
    assert frame.midnight_after(far) > far
