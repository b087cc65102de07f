"""Compiled tables against `table.build`, on whatever tables and records Hypothesis thinks of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.mapping.compiled import Fit, compiled, remembered
from singer_delivery.mapping.table import Row, build, of_reading, values

from tests.examples import examples

COLUMNS = st.sampled_from("abcd'\"")
SEVERAL = st.lists(COLUMNS, min_size=1, max_size=3).map(tuple)
CONVERSIONS = st.sampled_from([None, type, str, lambda _: None, lambda value: value or None])
NAMES = st.sampled_from(["x", "y", "it's"])
OF_COLUMNS = st.one_of(
    st.builds(Row, NAMES, COLUMNS, CONVERSIONS),
    st.builds(Row, NAMES, SEVERAL, CONVERSIONS),
    st.builds(
        Row,
        NAMES,
        SEVERAL.map(lambda columns: values(*columns)),
        st.sampled_from([lambda *given: repr(given), lambda *given: given[0]]),
    ),
)
OF_THE_READING = st.builds(Row, NAMES, st.builds(of_reading), CONVERSIONS)
VALUES = st.sampled_from(
    [None, "", [], {}, 0, 0.0, -0.0, False, True, 1, 1.0, "1", "text", [0], [False], {"a": 1}]
)
RECORDS = st.fixed_dictionaries(dict.fromkeys("abcd'\"", VALUES))
thorough = settings(deadline=None, max_examples=examples(500))


@thorough
@given(
    st.lists(OF_COLUMNS | OF_THE_READING, max_size=12), RECORDS, st.sampled_from([None, 0, "it"])
)
def test_compiled_rows_write_what_plain_ones_write_in_their_order(
    rows: list[Row], record: dict, subject: Any
) -> None:
    plain: dict = {"y": "before"}
    fast = plain.copy()
    build(rows, record, plain, record if subject is None else subject)
    compiled(rows)(record, fast, record if subject is None else subject)
    assert repr(fast) == repr(plain)


@thorough
@given(st.lists(OF_COLUMNS, min_size=1, max_size=6), st.lists(RECORDS, min_size=2, max_size=6))
def test_what_is_remembered_is_what_plain_rows_write(rows: list[Row], records: list[dict]) -> None:
    recall = remembered(rows, {"y": "base"}, None)
    for record in [*records, *records]:
        plain: dict = {"y": "base"}
        build(rows, record, plain)
        assert repr(recall(record).properties) == repr(plain)


def test_what_a_conversion_raises_is_raised() -> None:
    fill = compiled([Row("to", "a", int)])
    with pytest.raises(ValueError, match="no number"):
        fill({"a": "no number"}, {}, None)


@pytest.mark.parametrize("missing", ["a", "b", "c"])
def test_a_column_that_is_missing_is_noticed_before_anything_is_written(missing: str) -> None:
    fill = compiled([Row("to", "a"), Row("other", ("b",))], {"b", "c"})
    into: dict = {}
    fill(dict.fromkeys("abcd", 1), into, None)
    assert into == {"to": 1, "other": 1}
    with pytest.raises(KeyError):
        fill(dict.fromkeys({*"abc"} - {missing}, 1), into := {}, None)
    assert into == {}
    recall = remembered([Row("to", values("a", "b", "c"), max)], {}, None)
    with pytest.raises(KeyError):
        recall(dict.fromkeys({*"abc"} - {missing}))


def test_what_rows_make_is_made_once_and_judged_once() -> None:
    made: list[Any] = []
    judged: list[Any] = []
    fit = Fit(lambda given: not judged.append([*given]))
    recall = remembered([Row("to", "a", made.append)], {"b": 0}, fit)
    for record in ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": True, "b": 1}, {"a": 1.0, "b": 1}):
        assert recall(record).fit
    assert repr(made) == "[1, True, 1.0]"
    assert judged == [[0]] * 3


def test_rows_that_need_more_than_columns_are_not_remembered() -> None:
    with pytest.raises(AssertionError):
        remembered([Row("to", of_reading("a"), str)], {}, None)
