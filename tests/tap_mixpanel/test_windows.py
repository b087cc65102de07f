"""Each day lies in exactly one window; parts of a day cover it without a gap."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_mixpanel.sources import first_day
from tap_mixpanel.windows import SMALL_BYTES, Part, Walk, Window

START = date(2024, 1, 1)


def day(number):
    return START + timedelta(days=number)


@given(
    st.integers(0, 60),
    st.integers(1, 92),
    st.lists(st.sampled_from(["small", "large", "fails"]), max_size=40),
)
def test_every_day_is_read_once_in_order(count, most, answers):
    walk = Walk.over(START, day(count), most)
    read = []
    for answer in [*answers, *["small"] * 400]:
        window = walk.window
        if window is None:
            break
        assert 1 <= window.days <= most
        if answer == "fails" and window.days > 1:
            walk = walk.halved(window)
        else:
            read += [window.first + timedelta(days=n) for n in range(window.days)]
            walk = walk.passed(window, 0 if answer == "small" else SMALL_BYTES)
    assert read == [day(number) for number in range(count)]


def test_windows_begin_at_a_day_double_stay_and_halve():
    walk = Walk.over(START, day(1_000), 31)
    sizes = []
    for size in (0, 0, 0, SMALL_BYTES, 0, 0, 0):
        sizes.append(walk.window.days)
        walk = walk.passed(walk.window, size)
    assert sizes == [1, 2, 4, 8, 8, 16, 31]
    assert walk.halved(walk.window).window.days == 15


def test_a_window_says_its_days():
    assert str(Window(START, START)) == "2024-01-01"
    assert str(Window(START, day(2))) == "2024-01-01 to 2024-01-03"
    assert Window(START, day(2)).days == 3


def all_parts(part):
    smaller = part.smaller()
    return [leaf for each in smaller for leaf in all_parts(each)] if smaller else [part]


def test_parts_of_a_day_halve_down_to_its_hours():
    hours = all_parts(Part.whole(START))
    assert [part.start for part in hours] == [
        datetime(2024, 1, 1) + timedelta(hours=n)  # noqa: DTZ001 - a wall clock
        for n in range(24)
    ]
    assert all(part.end - part.start == timedelta(hours=1) for part in hours)


def test_a_part_is_asked_for_by_the_time_of_rows():
    first, second = Part.whole(START).smaller()
    assert first.where == (
        'properties["$time"]>=datetime("2024-01-01T00:00:00") and '
        'properties["$time"]<datetime("2024-01-01T12:00:00")'
    )
    assert 'datetime("2024-01-02T00:00:00")' in second.where


@pytest.mark.parametrize("most", [0, -1])
def test_a_window_has_a_day_at_least(most):
    assert Walk.over(START, day(1), most).window == Window(START, START)


@pytest.mark.parametrize(
    ("done", "lookback", "first"),
    [
        (None, 7, START),
        (day(20), 7, day(14)),
        (day(20), 0, day(21)),
        (day(3), 7, START),
        (day(20), 10**9, START),
        (date.max, 0, date.max),
    ],
)
def test_a_run_begins_the_look_back_before_what_is_done(done, lookback, first):
    assert first_day(START, done, lookback) == first
