"""Records are clean when a mapping sees them, and most are known to be without a look at them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.mapping.cleaning import is_surely_clean, readable, tidy
from singer_delivery.mapping.json_lines import shape_of
from singer_delivery.model import Unmappable

from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_clean_record_is_returned_itself() -> None:
    record = {"a": None, "b": {"c": [1, "null", 2.5]}, "d": True}
    assert tidy(record) is record
    plain = {"a": None, "b": {"c": [1, 2.5, None]}, "d": "null"}
    assert tidy(plain) is plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\0b", "a\ufffdb"),
        ({"k\0": ["\0"]}, {"k\ufffd": ["\ufffd"]}),
        ("\ud800", "\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ([1, float("nan"), 2], [1, 2]),
        ({"deep": float("inf"), "x": None}, {"x": None}),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (2**64 - 1, 2**64 - 1),
        (Decimal("1.50"), 1.5),
        ([Decimal("Infinity")], []),
        (datetime(2024, 3, 1), "2024-03-01T00:00:00"),  # noqa: DTZ001
        ("\\u0000", "\\u0000"),
    ],
)
def test_what_json_readers_stumble_on_is_made_clean(value: object, expected: object) -> None:
    record = {"before": None, "it": value}
    assert tidy(record) == {"before": None, "it": expected}


@pytest.mark.parametrize("absent", [float("nan"), float("-inf"), Decimal("NaN")])
def test_what_is_no_number_is_absent(absent: object) -> None:
    assert tidy({"a": absent, "b": 1}) == {"b": 1}


def test_what_nests_too_deep_is_refused() -> None:
    value: list = []
    for _ in range(300):
        value = [value]
    with pytest.raises(ValueError, match="200 levels"):
        tidy({"a": value})


def test_what_nests_too_deep_is_refused_and_names_the_service() -> None:
    deep: Any = "SECRET"
    for _ in range(300):
        deep = [deep]
    with pytest.raises(Unmappable, match="Elsewhere cannot read it") as caught:
        readable({"a": deep}, "Elsewhere")
    assert caught.value.reason == "nested_too_deep"
    assert "SECRET" not in str(caught.value)


def clean(record: dict, line: bytes) -> Any:
    """Return what `lines.read` makes of a record that orjson read from a line."""
    return record if is_surely_clean(line, shape_of(line)) else readable(record, "Elsewhere")


texts = st.text(st.sampled_from('a\0\\u{["\u00fc'), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=examples(300))
@given(st.dictionaries(texts, values), st.booleans())
def test_a_line_makes_the_record_that_a_look_at_it_makes(written: dict, ascii_only: object) -> None:
    line = json.dumps({"record": written}, ensure_ascii=bool(ascii_only)).encode()
    try:
        record = orjson.loads(line)["record"]
    except orjson.JSONDecodeError:  # an infinity, which ends the run sooner
        return
    assert repr(clean(record, line)) == repr(tidy(record))


@pytest.mark.parametrize(
    "written", [{"a": "b"}, {"a\nb": "\\"}, {"a": ["{"] * 150}, {"a": "\x01"}], ids=str
)
def test_a_line_without_nul_and_many_brackets_proves_its_record_clean(written: dict) -> None:
    line = orjson.dumps(written)
    record = orjson.loads(line)
    assert clean(record, line) is record


def is_taken(depth: int) -> bool:
    """Tell whether a record of this depth is clean, by its line and by a look at it alike."""
    line = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    by_line = is_clean(lambda record: clean(record, line), line)
    assert is_clean(lambda record: readable(record, "Elsewhere"), line) == by_line
    return by_line


def is_clean(read: Callable[[Any], Any], line: bytes) -> bool:
    try:
        read(orjson.loads(line))
    except Unmappable:
        return False
    return True


def test_a_line_refuses_the_depths_that_a_look_refuses() -> None:
    assert [is_taken(depth) for depth in (1, 198, 199, 200, 201)] == [True] * 5
    assert [is_taken(depth) for depth in (300, 900)] == [False] * 2
    assert {is_taken(depth) for depth in range(202, 300)} == {True, False}
