"""Compiled tables against `table.build`, on whatever tables and records Hypothesis thinks of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.compiled_table import WORTH, compiled
from singer_delivery.table import Row, build, values, whole

COLUMNS = st.sampled_from("abcd'\"")
SEVERAL = st.lists(COLUMNS, min_size=1, max_size=3).map(tuple)
CONVERSIONS = st.sampled_from([None, type, str, lambda _: None, lambda value: value or None])
ROWS = st.one_of(
    st.builds(
        Row,
        st.sampled_from(["x", "y", "it's"]),
        st.one_of(COLUMNS, COLUMNS, SEVERAL, st.builds(whole)),
        CONVERSIONS,
    ),
    st.builds(
        Row,
        st.sampled_from(["x", "z"]),
        SEVERAL.map(lambda columns: values(*columns)),
        st.sampled_from([lambda *values: repr(values), lambda *values: values[0]]),
    ),
)
VALUES = st.sampled_from(
    [None, "", [], {}, 0, 0.0, -0.0, False, True, 1, 1.0, "1", "text", [0], [False], {"a": 1}]
)
RECORDS = st.lists(st.dictionaries(COLUMNS, VALUES), max_size=4)


@settings(deadline=None, max_examples=500)
@given(st.lists(ROWS, max_size=12), st.sets(COLUMNS), RECORDS, st.sampled_from([None, 0, "it"]))
def test_compiled_rows_write_what_plain_ones_write_in_their_order(
    rows: list[Row], steady: set[str], records: list[dict], subject: Any
) -> None:
    fill = compiled(rows, steady)
    for record in records:
        plain: dict = {"y": "before"}
        fast = plain.copy()
        build(rows, record, plain, subject)
        fill(record, fast, subject)
        assert repr(fast) == repr(plain)


def test_what_a_conversion_raises_is_raised() -> None:
    fill = compiled([Row("to", "a", lambda value: {}[value])])
    with pytest.raises(KeyError, match="missing"):
        fill({"a": "missing"}, {})


def counted(steady: str, columns: str) -> int:
    """Return how often a conversion is called for two records that differ in the column `z`."""
    calls: list[Any] = []
    fill = compiled([Row(column, column, calls.append) for column in columns], steady)
    for z in (1, 2):
        fill(dict.fromkeys("abcd", 1) | {"z": z}, {})
    return len(calls)


def test_what_rows_on_end_make_of_steady_columns_is_made_once() -> None:
    assert WORTH == 4
    assert counted("abcd", "abcdz") == 4 + 2
    assert counted("abc", "abcdz") == 2 * 5
    assert counted("abcd", "abzcd") == 2 * 5
    assert counted("abcd", "abcdza") == 4 + 2 * 2


def test_a_row_that_needs_more_than_columns_is_never_remembered() -> None:
    rows = [Row(str(n), whole("a"), lambda subject: subject["z"]) for n in range(WORTH)]
    fill, into = compiled(rows, "a"), [{}, {}]
    for z in (0, 1):
        fill({"a": 1}, into[z], {"z": z + 5})
    assert [written["0"] for written in into] == [5, 6]
