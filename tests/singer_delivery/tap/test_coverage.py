"""What STATE says is covered: ranges that are joined, and how much of all there is is done."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.tap.coverage import coverage_after, joined, ranges_in, share_of

START = datetime(2024, 3, 17, tzinfo=timezone.utc)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=12)


def hour(number: int) -> str:
    return f"{START + timedelta(hours=number):%Y-%m-%dT%H}"


@given(SPANS)
def test_joined_ranges_hold_the_same_hours_in_order_and_apart(spans):
    truth = {start + step for start, length in spans for step in range(length)}
    found = joined((hour(start), hour(start + length)) for start, length in spans)
    numbers = {hour(number): number for number in range(80)}
    held = [{*range(numbers[start], numbers[end])} for start, end in found]
    assert set().union(*held) == truth
    assert sum(map(len, held)) == len(truth)
    assert found == sorted(found)
    assert all(one[1] < other[0] for one, other in pairwise(found))


def test_files_without_an_hour_are_one_range_after_the_hours():
    ranges = [("b.json", "c.json"), (hour(0), hour(1)), ("a.json", "a.json")]
    assert joined(ranges) == [(hour(0), hour(1)), ("a.json", "c.json")]


def test_a_bookmark_after_more_is_done():
    bookmark = {"covered": [[hour(0), hour(5)], "odd", ["odd"], [1, 2]], "done": {"hours": 5}}
    assert ranges_in(bookmark) == [(hour(0), hour(5))]
    ranges = [*ranges_in(bookmark), (hour(5), hour(7))]
    assert coverage_after(ranges, 7, 21, "hours") == {
        "covered": [[hour(0), hour(7)]],
        "done": {"hours": 7},
        "total": {"hours": 21},
    }
    assert ranges_in({"covered": "odd"}) == []
    assert share_of(coverage_after(ranges, 7, 21, "hours")) == 7 / 21
    assert share_of(coverage_after([], 0, 0, "bytes")) == 1.0
    assert share_of(coverage_after([], 9, 8, "bytes")) == 1.0
