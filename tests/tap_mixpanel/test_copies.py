"""Of the rows of one uuid one is left; rows without an id of their own are all left."""

from __future__ import annotations

import json
import tracemalloc
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tap_mixpanel.copies import Copies
from tap_mixpanel.rows import HEAD, KEY, UUID, Heads, read_rows
from tap_mixpanel.time_frame import UTC, TimeFrame

from tests.examples import examples

HEADS = Heads(TimeFrame(UTC, ZoneInfo("UTC")))
NOON = 1_704_110_400_000


def made(number, insert_id, time, processed, more=None):
    properties = {
        **(more or {}),
        "time": NOON + time,
        "distinct_id": "a",
        "$insert_id": insert_id,
        "mp_processing_time_ms": NOON + processed,
        "n": number if insert_id else 0,
    }
    row = {"event": "x", "properties": {k: v for k, v in properties.items() if v is not None}}
    line = json.dumps(row).encode()
    return HEADS.of(read_rows([line])[0], line) + line


ROWS = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", None]), st.integers(0, 2_500), st.integers(0, 3)),
    max_size=40,
)


def left(rows, copies, size=7):
    rows = sorted(rows)
    blocks = [rows[at : at + size] for at in range(0, len(rows), size)]
    return [row for block in copies.left(iter(blocks)) for row in block]


def expected(rows):
    """Group by uuid; of a group with an id the last processed stands where the first does."""
    groups = {}
    for row in sorted(rows):
        groups.setdefault(row[UUID], []).append(row)
    found = []
    for group in groups.values():
        if json.loads(group[0][HEAD:])["properties"].get("$insert_id") is None:
            found += [(row[: UUID.start], row[HEAD:]) for row in group]
        else:
            newest = max(group, key=processed_of)
            found.append((group[0][: UUID.start], newest[HEAD:]))
    return sorted(found)


def processed_of(row):
    return json.loads(row[HEAD:])["properties"]["mp_processing_time_ms"]


@pytest.mark.parametrize("most", [1, 1_000, 1_000_000], ids=["on disk", "nearly", "in memory"])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(60),
)
@given(drawn=ROWS)
def test_what_is_left_is_what_the_rule_says(tmp_path, most, drawn):
    rows = [made(number, *each) for number, each in enumerate(drawn)]
    copies = Copies(tmp_path, most)
    found = left(rows, copies)
    assert sorted((row[: UUID.start], row[HEAD:]) for row in found) == expected(rows)
    assert [row[:KEY] for row in found] == sorted(row[:KEY] for row in found) or any(
        each[0] is None for each in drawn
    )
    assert len({row[UUID] for row in found}) == len(found)
    assert copies.duplicates == len(rows) - len(found)


@pytest.mark.parametrize("insert_id", ["", "the same", None])
def test_large_rows_of_one_second_are_not_all_in_memory(tmp_path, insert_id):
    long = {"x": "y" * 5_000}
    rows = sorted(
        made(number, f"{number}" if insert_id == "" else insert_id, 0, 0, long)
        for number in range(4_000)
    )
    blocks = ([bytes(bytearray(row))] for row in rows)
    tracemalloc.start()
    try:
        found = sum(len(block) for block in Copies(tmp_path, 1_000_000).left(blocks))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == (1 if insert_id else 4_000)
    assert peak < 0.75 * sum(map(len, rows))
