"""Which hours are sent again, and by which command."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.proof.again import Way, command, ranges, written

HOUR = 19_799 * 24 + 9
"""2024-03-17T09."""

HOURS = st.sets(st.integers(400_000, 401_000), min_size=1, max_size=60)


def test_an_hour_is_written_as_people_read_it():
    assert written(HOUR) == "2024-03-17T09"


def test_hours_that_touch_are_one_range():
    assert ranges({HOUR, HOUR + 1, HOUR + 3}) == [(HOUR, HOUR + 2), (HOUR + 3, HOUR + 4)]


def test_the_closest_are_joined_when_there_are_many():
    assert ranges({0, 10, 13, 40}, most=3) == [(0, 1), (10, 14), (40, 41)]


def test_whole_days_where_the_source_takes_no_hours():
    day = HOUR - 9
    assert ranges({HOUR}, by_day=True) == [(day, day + 24)]
    assert ranges({HOUR, HOUR + 20}, by_day=True) == [(day, day + 48)]
    assert ranges({HOUR, HOUR + 50}, by_day=True) == [(day, day + 24), (day + 48, day + 72)]


@given(HOURS, st.booleans(), st.integers(1, 12))
def test_every_hour_is_in_one_range_and_they_are_few(hours, by_day, most):
    found = ranges(hours, by_day=by_day, most=most)
    assert len(found) <= most
    for hour in hours:
        assert sum(first <= hour < after for first, after in found) == 1
    assert not by_day or all(end % 24 == 0 for each in found for end in each)


def test_a_pipe():
    way = Way("target-x", ["my target.json"], "tap-y", ["tap.json"])
    assert command([HOUR], way) == (
        "TAP_Y_START_DATE=2024-03-17T09:00:00Z TAP_Y_END_DATE=2024-03-17T10:00:00Z "
        "tap-y --config tap.json --config ENV | target-x --config 'my target.json' > /dev/null"
    )


def test_a_tap_that_reads_the_environment_already():
    way = Way("target-x", ["ENV"], "tap-y", ["ENV"])
    assert "tap-y --config ENV | target-x --config ENV >" in command([HOUR], way)


def test_meltano():
    way = Way("target-x", ["ENV"], "tap-y", under_meltano=True)
    run = "meltano run --full-refresh --no-state-update tap-y target-x"
    first, second = command([HOUR, HOUR + 5], way).splitlines()
    dates = "TAP_Y_START_DATE=2024-03-17T09:00:00Z TAP_Y_END_DATE=2024-03-17T10:00:00Z"
    assert first == f"{dates} {run}"
    assert second == first.replace("T10", "T15").replace("T09", "T14")


def test_nothing_to_send():
    assert command([], Way("target-x")) == ""
