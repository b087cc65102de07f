"""JSON text comes to what the object comes to, in whatever record Hypothesis thinks of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from analytics_records.amplitude.json_text import KINDS
from analytics_records.json_text import unpacked
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.cleaning import readable
from singer_delivery.model import Unmappable

from tests.pairs import amplitude_to_mixpanel, amplitude_to_posthog
from tests.pairs.any_record import fewer, ordered, outcome
from tests.pairs.pair import PairUnderTest
from tests.pairs.walk import a_record

PAIRS = [amplitude_to_mixpanel.PAIR, amplitude_to_posthog.PAIR]
pairs = pytest.mark.parametrize("pair", PAIRS, ids=repr)


def with_text(record: dict[str, Any], columns: set[str], *, ascii_only: bool) -> dict[str, Any]:
    """Return the record with JSON text in those of these columns that have an object or a list."""
    return {
        key: json.dumps(value, ensure_ascii=ascii_only)
        if key in columns and isinstance(value, KINDS[key])
        else value
        for key, value in record.items()
    }


@pairs
@fewer
@given(st.data())
def test_json_text_of_an_object_comes_to_what_the_object_comes_to(
    pair: PairUnderTest, data: st.DataObject
) -> None:
    chosen = data.draw(pair.choices)
    try:
        record = dict(readable(data.draw(pair.records), "Elsewhere"))
    except Unmappable:
        return
    columns = data.draw(st.sets(st.sampled_from(sorted(KINDS))))
    changed = with_text(record, columns, ascii_only=data.draw(st.booleans()))
    expected = outcome(pair.walk(chosen), record)
    assert repr(outcome(pair.walk(chosen), changed)) == repr(expected)


@pairs
@pytest.mark.parametrize("column", KINDS)
@pytest.mark.parametrize(
    "text", ["", "x", "{", "7", '"x"', "true", "{]", "\0", "{'a': b}", "{'a'}", "{1:2", "{" * 300]
)
def test_text_that_is_no_object_stays_text(pair: PairUnderTest, column: str, text: str) -> None:
    record = a_record(**{column: text})
    sent = repr(pair.walk(**pair.revealing).walks(record).events)
    is_kept = text and column not in pair.table.DROPPED
    assert not is_kept or repr(text.replace("\0", "\ufffd")) in sent


OWN = pytest.mark.parametrize("column", ["event_properties", "user_properties"])


@pairs
@OWN
@pytest.mark.parametrize(
    "text",
    [
        r'{"a": "\ud83d"}', r'{"a": "x\u0000y"}', '{"a": 123456789012345678901234567890}',
        '{"a": 9007199254740993.0}', '{"a": 1e999}', '{"a": NaN, "b": 1}', "null", "{}",
    ],
)  # fmt: skip
def test_text_is_read_as_a_line_is(pair: PairUnderTest, column: str, text: str) -> None:
    plain = json.dumps(a_record(**{column: "HERE"})).replace('"HERE"', text).encode()
    expected = pair.walk().walks_line(plain)
    assert ordered(outcome(pair.walk(), a_record(**{column: text}))) == ordered(expected)


@pairs
@OWN
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{'a': [None, True, 1.5], \"it's\": 'x'}", {"a": [None, True, 1.5], "it's": "x"}),
        ("{'a': Decimal('39.0'), 'b': Decimal('1E-7')}", {"a": 39.0, "b": 1e-7}),
        (json.dumps(json.dumps(json.dumps({"a": "b"}))), {"a": "b"}),
    ],
)
def test_text_is_read_as_programs_write_it(
    pair: PairUnderTest, column: str, text: str, plain: Any
) -> None:
    expected = outcome(pair.walk(), a_record(**{column: plain}))
    assert ordered(outcome(pair.walk(), a_record(**{column: text}))) == ordered(expected)


@pairs
def test_text_that_nests_too_deep_is_refused_as_the_object_is(pair: PairUnderTest) -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    for column in ("event_properties", "user_properties", "groups"):
        found = outcome(pair.walk(), a_record(**{column: deep}))
        assert found[0] == "nested_too_deep"  # type: ignore[index]


def test_what_python_prints_of_the_largest_event_is_read_and_what_is_larger_stays_text() -> None:
    largest = {"attachment": "x" * 1_000_000}  # more is taken by neither PostHog nor Mixpanel
    assert unpacked(repr(largest)) == largest
    larger = repr({"attachment": "x" * 2_000_000})
    assert unpacked(larger) == larger
