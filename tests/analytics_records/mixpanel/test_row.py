"""The id of a row: of what no second reading changes."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from analytics_records.mixpanel.row import content, lacks_id, milliseconds, order_key, row_uuid

# Restated on purpose: changing it makes every row new.
NAMESPACE = uuid.UUID("a1a6bb5e-39ec-4c2a-8f6e-6d0c7f1f5c0b")


def row(name: str = "Played", **properties: Any) -> dict[str, Any]:
    usual = {"time": 1_709_287_110_250, "distinct_id": "$device:d1", "$insert_id": "i1"}
    made = {**usual, **{key.replace("__", "$"): value for key, value in properties.items()}}
    return {"event": name, "properties": {k: v for k, v in made.items() if v is not None}}


def restamped(of: dict[str, Any], to: str, name: str) -> dict[str, Any]:
    before = of["properties"].get("distinct_id")
    return {**of, "properties": {**of["properties"], "distinct_id": to, name: before}}


def test_it_is_of_event_second_insert_id_and_the_id_as_ingested() -> None:
    parts = json.dumps(["mixpanel", "Played", "1709287110", "i1", "$device:d1"])
    expected = uuid.uuid5(NAMESPACE, parts.replace(", ", ","))
    assert row_uuid(row()) == str(expected)


@pytest.mark.parametrize(
    "time",
    [
        1_709_287_110,
        1_709_287_110_250,
        1_709_287_110.25,
        "1709287110",
        "1709287110250",
        1_709_287_110_999,
    ],
)
def test_seconds_and_milliseconds_make_one_id(time: Any) -> None:
    assert row_uuid(row(time=time)) == row_uuid(row())


def test_each_of_the_four_tells_rows_apart() -> None:
    others = [row("Paid"), row(time=1_709_287_111_000), row(__insert_id="i2"), row(distinct_id="a")]
    assert len({row_uuid(of) for of in [row(), *others]}) == 5


@pytest.mark.parametrize("name", ["$distinct_id_before_identity", "$preshuffle_distinct_id"])
@pytest.mark.parametrize("insert_id", ["i1", None, ""])
def test_a_restamped_row_keeps_its_id(name: str, insert_id: str | None) -> None:
    first = row(__insert_id=insert_id)
    second = restamped(first, "ann", name)
    second["properties"] |= {
        "$is_reshuffled": True, "$user_id": "ann", "mp_processing_time_ms": 7, "$mp_api_x": 1
    }  # fmt: skip
    assert row_uuid(second) == row_uuid(first)


def test_without_an_insert_id_the_whole_row_and_its_number_tell() -> None:
    first, other = row(__insert_id=None, song="a"), row(__insert_id=None, song="b")
    assert lacks_id(first)
    assert not lacks_id(row())
    ids = {row_uuid(first), row_uuid(first, 1), row_uuid(first, 2), row_uuid(other)}
    assert len(ids) == 4
    assert row_uuid(row(), 0) == row_uuid(row(), 3), "an insert id needs no number"
    person = row(__insert_id=None, song="a", distinct_id="b")
    assert row_uuid(person) != row_uuid(first), "two people do the same in one moment"


def test_the_order_of_keys_and_the_unit_of_time_make_no_other_content() -> None:
    first = row(__insert_id=None, a=1, b=2, time=1_709_287_110)
    turned = {"properties": dict(reversed(first["properties"].items())), "event": "Played"}
    assert content(first) == content(turned)
    assert content(row(__insert_id=None, a=1, b=2, time=1_709_287_110_000)) == content(first)


@pytest.mark.parametrize("insert_id", [7, 7.5, True, ["a"], {"a": 1}, 1e300])
def test_whatever_the_insert_id_is_two_of_them_are_two_rows(insert_id: Any) -> None:
    assert row_uuid(row(__insert_id=insert_id)) != row_uuid(row())


@pytest.mark.parametrize("name", ["distinct_id", "__insert_id"])
def test_an_id_that_some_readers_round_tells_nothing(name: str) -> None:
    big = 12345678901234567890123
    assert [lacks_id(row(**{name: value})) for value in (big, float(big))] == [True, True]
    assert not lacks_id(row(**{name: 2**64 - 1}))


@pytest.mark.parametrize("broken", [{}, {"event": 3}, {"event": "a", "properties": "no"}])
def test_a_row_that_is_none_has_an_id_all_the_same(broken: dict[str, Any]) -> None:
    assert uuid.UUID(row_uuid(broken)).version == 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_709_287_110, 1_709_287_110_000),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (1_709_287_110.123, 1_709_287_110_123),
        (" 1709287110 ", 1_709_287_110_000),
        (None, None),
        (True, None),
        ("soon", None),
        ("nan", None),
        ("1e400", None),
        (1e300, None),
        ({}, None),
    ],
)
def test_a_time_is_in_seconds_or_milliseconds_by_its_magnitude(value: Any, expected: Any) -> None:
    assert milliseconds(value) == expected


def test_rows_are_ordered_by_time_then_anonymous_ones_first_then_by_receipt() -> None:
    rows = [
        row(time=5_000_000_000_000, __user_id="u", __mp_api_timestamp_ms=1),
        row(time=5_000_000_000_000, __mp_api_timestamp_ms=1_000_000_000_002),
        row(
            time=5_000_000_000_000,
            __mp_api_timestamp_ms=1_000_000_000_001,
            mp_processing_time_ms=2_000_000_000_009,
        ),
        row(
            time=5_000_000_000_000,
            __mp_api_timestamp_ms=1_000_000_000_001,
            mp_processing_time_ms=2_000_000_000_003,
        ),
        row(time=4_000_000_000_000, __user_id="u"),
        row(time=None, __mp_api_timestamp_ms=4_500_000_000_000),
    ]
    keys = sorted((order_key(of, "x"), number) for number, of in enumerate(rows))
    assert [number for _, number in keys] == [4, 5, 3, 2, 1, 0]
    assert order_key(rows[0], "x", 7).time == 7


def test_a_row_without_an_id_is_the_same_when_it_is_exported_in_seconds():
    of = {"distinct_id": "ann", "level": 7}
    in_ms = {"event": "Played", "properties": {"time": 1_709_287_200_345, **of}}
    in_seconds = {"event": "Played", "properties": {"time": 1_709_287_200, **of}}
    assert row_uuid(in_ms) == row_uuid(in_seconds)
