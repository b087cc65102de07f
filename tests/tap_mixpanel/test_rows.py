"""The head of a row: its order is that of the order key, and its day and uuid are right."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from analytics_records.mixpanel.row import order_key, row_uuid
from hypothesis import given
from hypothesis import strategies as st
from tap_mixpanel.rows import HEAD, KEY, MARKS, UNDATED, UUID, Heads, keys_of, read_rows
from tap_mixpanel.time_frame import PROJECT, UTC, TimeFrame

HEADS = Heads(TimeFrame(UTC, ZoneInfo("UTC")))
MOMENTS = st.one_of(st.integers(10**11, 4 * 10**12), st.integers(-(10**12), -(10**11)))
ROWS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["a", "b"]),
        "properties": st.fixed_dictionaries(
            {
                "$insert_id": st.sampled_from(["1", " 1 ", "2", " ", "", None, 3]),
                "distinct_id": st.sampled_from(["x", " x ", "", None, 5]),
            },
            optional={
                "time": st.one_of(MOMENTS, st.sampled_from([1.7e9, "1704067200", None])),
                "$user_id": st.sampled_from(["ann", "", None]),
                "$distinct_id_before_identity": st.sampled_from(["b", " b ", "", None, 0, 7]),
                "$preshuffle_distinct_id": st.sampled_from(["c", "", None, False]),
                "$mp_api_timestamp_ms": MOMENTS,
                "mp_processing_time_ms": MOMENTS,
            },
        ),
    }
)


def head(row, heads=HEADS):
    line = json.dumps(row).encode()
    return heads.of(read_rows([line])[0], line)


@given(st.lists(ROWS, max_size=12))
def test_heads_compare_as_order_keys_do(rows):
    def place(row):
        return (int(head(row)[:7]), *order_key(row, row_uuid(row)))

    assert sorted(rows, key=lambda row: head(row)[:KEY]) == sorted(rows, key=place)


@given(ROWS)
def test_a_head_is_as_long_as_any_other_and_holds_the_uuid(row):
    assert len(head(row)) == HEAD
    assert head(row)[UUID].decode() == row_uuid(row)
    assert keys_of([head(row) + b"{}"]) == [head(row)[:KEY]]


def of(**properties):
    return {"event": "x", "properties": {"$insert_id": "1", "distinct_id": "a", **properties}}


def day_in(row, heads=HEADS):
    return int(head(row, heads)[:7])


NOON = 1_704_110_400_000  # 2024-01-01 12:00 UTC


@pytest.mark.parametrize("time", [NOON, NOON // 1000, float(NOON), NOON / 1000, str(NOON)])
def test_a_time_in_any_spelling_is_the_same_moment(time):
    assert head(of(time=time))[: UUID.start] == head(of(time=NOON))[: UUID.start]
    assert date.fromordinal(day_in(of(time=time))) == date(2024, 1, 1)


def test_the_day_is_that_of_the_exported_time_in_an_old_project_too():
    old = Heads(TimeFrame(PROJECT, ZoneInfo("US/Pacific")))
    late = round(datetime(2024, 1, 1, 23, tzinfo=timezone.utc).timestamp() * 1000)
    assert date.fromordinal(day_in(of(time=late), old)) == date(2024, 1, 1)
    assert int(head(of(time=late), old)[7:24]) - int(head(of(time=late))[7:24]) == 8 * 3_600_000


def test_a_row_is_of_a_day_that_was_asked_for():
    days = (date(2024, 1, 2), date(2024, 1, 4))
    heads = Heads(TimeFrame(UTC, ZoneInfo("UTC")), days)
    assert date.fromordinal(day_in(of(time=NOON), heads)) == days[0]
    assert date.fromordinal(day_in(of(time=NOON + 9 * 86_400_000), heads)) == days[1]


def test_a_row_without_a_time_is_where_it_was_received():
    row = of(**{"$mp_api_timestamp_ms": NOON})
    assert date.fromordinal(day_in(row)) == date(2024, 1, 1)
    assert head(row)[MARKS] == b"-t"
    assert day_in(of()) == UNDATED


def test_a_row_without_an_id_is_marked():
    row = of(time=NOON)
    del row["properties"]["$insert_id"]
    assert head(row)[MARKS] == b"i-"
