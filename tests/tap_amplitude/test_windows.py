from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tap_amplitude.windows import Walk, Window, full_hour, read_time, settled_until, write_time

HOUR = timedelta(hours=1)
MONDAY = datetime(2024, 1, 1, tzinfo=timezone.utc)


@given(
    length=some.integers(0, 500),
    window_hours=some.integers(1, 100),
    largest_served=some.integers(1, 50),
    mood=some.randoms(use_true_random=False),
)
def test_windows_tile_the_range_exactly_once(length, window_hours, largest_served, mood):
    walk = Walk.over(MONDAY, MONDAY + length * HOUR, window_hours)
    served: list[datetime] = []
    while (window := walk.window) is not None:
        assert 1 <= window.hours <= window_hours
        if window.hours > 1 and (window.hours > largest_served or mood.random() < 0.3):
            smaller = walk.halved(window)
            assert smaller.window is not None
            assert smaller.window.start == window.start
            assert smaller.window.hours == window.hours // 2
            walk = smaller
        else:
            served += [window.start + position * HOUR for position in range(window.hours)]
            walk = walk.passed(window)
    assert served == [MONDAY + position * HOUR for position in range(length)]


def test_windows_grow_again_up_to_the_size_they_began_with():
    walk = Walk.over(MONDAY, MONDAY + 1000 * HOUR, 24)
    for _ in range(3):
        walk = walk.halved(walk.window)
    sizes = []
    for _ in range(6):
        sizes.append(walk.window.hours)
        walk = walk.passed(walk.window)
    assert sizes == [3, 6, 12, 24, 24, 24]


def test_a_halved_rest_is_half_of_the_rest():
    walk = Walk.over(MONDAY, MONDAY + 3 * HOUR, 24)
    assert walk.halved(walk.window).window == Window(MONDAY, MONDAY + HOUR)


def test_no_window_exceeds_365_days():
    walk = Walk.over(MONDAY, MONDAY + timedelta(days=1000), 24 * 1000)
    assert walk.window.hours == 8760


def test_the_last_hour_asked_for_is_the_one_before_the_end():
    window = Window(MONDAY, MONDAY + 24 * HOUR)
    assert (window.first_hour, window.last_hour) == ("20240101T00", "20240101T23")


def test_a_single_hour_begins_and_ends_with_itself():
    window = Window(MONDAY, MONDAY + HOUR)
    assert (window.first_hour, window.last_hour) == ("20240101T00", "20240101T00")


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-01-01", MONDAY),
        ("2024-01-01T05:00:00Z", MONDAY + 5 * HOUR),
        ("2024-01-01T05:00:00", MONDAY + 5 * HOUR),
        ("2024-01-01T05:59:59.999999+00:00", MONDAY + 5 * HOUR),
        ("2024-01-01T05:30:00+02:00", MONDAY + 3 * HOUR),
        ("2024-01-01 05:10:11.123456", MONDAY + 5 * HOUR),
    ],
)
def test_times_are_read_as_the_hour_that_holds_them(text, hour):
    assert read_time(text) == hour


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "01/02/2024", "9999-12-31T23-14"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        read_time(text)


@given(some.datetimes(datetime(2000, 1, 1), timezones=some.just(timezone.utc)))  # noqa: DTZ001
def test_bookmarks_are_read_as_they_were_written(moment):
    assert read_time(write_time(full_hour(moment))) == full_hour(moment)


def test_an_hour_is_final_two_hours_after_its_end():
    # "data sent between 8 and 9 PM … available for export by 11 PM"
    eleven = datetime(2024, 1, 1, 23, tzinfo=timezone.utc)
    nine = datetime(2024, 1, 1, 21, tzinfo=timezone.utc)
    assert settled_until(eleven, 2) == nine
    assert settled_until(eleven - timedelta(seconds=1), 2) == nine - HOUR
