from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.pipeline.pace import Pace

from tests.singer_delivery.toys import PlayedClock

RATE = 100
STEPS = st.lists(st.tuples(st.integers(1, 50), st.floats(0, 5)), min_size=2, max_size=30)


def booked(pace: Pace, events: int) -> float:
    """Book a place; return the seconds until it comes."""
    return pace.seconds_until(pace.book(events))


def departures(steps: list[tuple[int, float]], clock: PlayedClock) -> list[tuple[float, int]]:
    """Book each batch after a pause; return when it leaves and how many events it holds."""
    pace = Pace(RATE, clock)
    left = []
    for events, pause in steps:
        clock.sleep(pause)
        left.append((clock.now() + booked(pace, events), events))
    return left


@given(STEPS)
def test_between_two_departures_no_more_leaves_than_the_rate_allows(steps):
    left = departures(steps, PlayedClock(0.0))
    for first in range(len(left)):
        for last in range(first + 1, len(left)):
            events = sum(count for _, count in left[first:last])
            assert events <= RATE * (left[last][0] - left[first][0]) + 1e-6


@given(STEPS)
def test_nothing_waits_longer_than_what_was_booked_before_it(steps):
    clock = PlayedClock(0.0)
    pace = Pace(RATE, clock)
    before = 0
    for events, _ in steps:
        assert booked(pace, events) <= before / RATE + 1e-9
        before += events


def test_a_pause_is_not_followed_by_a_burst():
    clock = PlayedClock()
    pace = Pace(RATE, clock)
    booked(pace, 50)
    clock.sleep(3_600)
    assert [round(booked(pace, 50), 3) for _ in range(3)] == [0.0, 0.5, 1.0]


def test_zero_is_no_limit():
    pace = Pace(0, PlayedClock())
    assert [booked(pace, 1_000_000) for _ in range(3)] == [0.0, 0.0, 0.0]


class SetBack(PlayedClock):
    """A clock whose time of day is set back by a day, as by a time server."""

    def now(self) -> float:
        return super().now() - 86_400


def test_a_clock_that_is_set_back_does_not_hold_up_the_run():
    clock = PlayedClock()
    pace = Pace(RATE, clock)
    booked(pace, 10)
    clock.__class__ = SetBack
    assert booked(pace, 10) <= 0.1 + 1e-6


def test_a_change_of_pace_holds_for_those_who_wait_already():
    clock = PlayedClock(0.0)
    pace = Pace(10, clock)
    pace.book(100)
    place = pace.book(1)
    assert pace.seconds_until(place) == 10.0
    clock.sleep(4.0)
    pace.change(30)
    assert pace.seconds_until(place) == 2.0  # 60 of the 100 are left
    pace.change(0)
    assert pace.seconds_until(place) == 0.0
    pace.change(10)
    assert booked(pace, 1) <= 0.1 + 1e-9, "what passed without a limit is not waited for again"


def test_in_a_pause_nothing_leaves_and_no_time_passes():
    clock = PlayedClock(0.0)
    pace = Pace(10, clock)
    pace.book(20)
    place = pace.book(1)
    pace.change(10, is_paused=True)
    clock.sleep(3_600.0)
    assert pace.seconds_until(place) == math.inf
    pace.change(10)
    assert pace.seconds_until(place) == 2.0, "no burst of what waited"


def test_a_pause_holds_where_there_is_no_limit():
    pace = Pace(0, PlayedClock())
    place = pace.book(5)
    pace.change(0, is_paused=True)
    assert pace.seconds_until(place) == math.inf
    pace.change(0)
    assert pace.seconds_until(place) == 0.0
