"""How quick a run is, and how long it still takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.progress.meter import Meter


def test_there_is_no_rate_right_after_the_start():
    meter = Meter(100.0)
    assert meter.rate() is None
    meter.note(100.4, 9_000, None)
    assert meter.rate() is None
    meter.note(102.0, 9_000, None)
    assert meter.rate() == 4_500


def test_the_rate_is_of_the_last_interval():
    meter = Meter(0.0, window=30.0)
    for second in range(1, 301):
        meter.note(float(second), min(second, 200) * 10, None)
    assert meter.rate() == 0, "nothing came for 100 seconds"
    assert meter.mean() == 2_000 / 300


def test_the_time_left_is_absent_until_the_share_has_grown_twice():
    meter = Meter(0.0)
    assert meter.seconds_left(0.0) is None
    meter.note(10.0, 1, 0.1)
    meter.note(11.0, 1, 0.1)
    assert meter.seconds_left(11.0) is None
    meter.note(20.0, 1, 0.2)
    assert meter.seconds_left(20.0) == 80.0
    assert meter.seconds_left(25.0) == 75.0


def test_a_step_that_is_late_makes_the_time_left_grow():
    meter = Meter(0.0)
    meter.note(10.0, 1, 0.1)
    meter.note(20.0, 1, 0.2)
    assert meter.seconds_left(110.0) == 800.0


def test_when_all_is_done_or_another_range_begins_nothing_is_left_to_say():
    meter = Meter(0.0)
    meter.note(10.0, 1, 0.9)
    meter.note(20.0, 1, 1.0)
    assert meter.seconds_left(20.0) is None
    meter.note(30.0, 1, 0.1)
    assert meter.seconds_left(30.0) is None


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=2, max_size=80),
    st.floats(0, 1_000),
)
def test_the_time_left_is_never_negative(steps, later):
    meter, now, done = Meter(0.0), 0.0, 0.0
    for seconds, part in steps:
        now += seconds
        done += (1 - done) * part
        meter.note(now, 1, done)
    left = meter.seconds_left(now + later)
    assert left is None or left >= 0
