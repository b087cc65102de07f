"""Streams that are loaded by the names of their columns, whatever the destination."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records.named_columns import PlainStream, not_newer
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import Moment, stable_uuid
from singer_delivery.model import Fact, Unmappable

from tests.pairs.walk import UUID, Remembering

ORDERS = {"event": "Ordered", "distinct_id": "who", "timestamp": "at"}
RULES = IdRules(is_illegal=lambda text: text == "nobody", fitted=lambda text: text[:5])


def stream(columns: dict[str, str] = ORDERS, *keys: str) -> PlainStream:
    return PlainStream("orders", columns, keys, RULES, longest_name=20)


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        (ORDERS, "event"),
        ({**ORDERS, "uuid": "id"}, "event"),
        ({"person": "id"}, "person"),
        ({"person": "id", "timestamp": "at"}, "person"),
        ({"group": "firm", "key": "id", "timestamp": "at"}, "group"),
    ],
)
def test_a_stream_is_loaded_in_one_of_three_ways(columns: dict, form: str) -> None:
    made = stream(columns)
    assert made.form == form
    assert made.choose(event="event", person="person", group="group") == form


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "neither an Amplitude export nor described"),
        ({"person": "a", "event": "b"}, "neither an Amplitude export nor described"),
        ({"event": "Ordered"}, "lacks `distinct_id`, `timestamp`"),
        ({"group": "firm"}, "lacks `key`"),
        ({"person": "a", "uuid": "b"}, "unknown `uuid`"),
        ({"person": " "}, "leaves empty `person`"),
        ({**ORDERS, "event": "n" * 21}, "over 20 characters"),
    ],
)
def test_any_other_way_is_refused_with_words(columns: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        stream(columns)
    assert "`orders`" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "found"), [(" u1 ", "u1"), (42, "42"), ("123456", "12345"), (7.0, "7")]
)
def test_the_id_is_as_the_destination_takes_it(value: Any, found: str) -> None:
    assert stream().id({"who": value}, "distinct_id") == found


@pytest.mark.parametrize("value", [None, "", "nobody", True, ["SECRET"]])
def test_without_an_id_the_row_says_which_column_lacks_it(value: Any) -> None:
    with pytest.raises(Unmappable, match="column `who` of `orders` holds no id") as caught:
        stream().id({"who": value}, "distinct_id")
    assert caught.value.reason == "no_identity"
    assert "SECRET" not in str(caught.value)


def test_the_time_is_of_its_column_or_none() -> None:
    found = stream().time({"at": "1970-01-01T00:00:01Z"})
    assert found is not None
    assert found.at == 1_000_000
    assert stream({"person": "who"}).time({"at": "x"}) is None
    with pytest.raises(Unmappable, match="column `at` of `orders`"):
        stream().time({"at": "soon"})


ROW = {"who": "u1", "at": "2024", "id": 7, "token": "t", "lib": "x", "_sdc_x": 1, "gone": None}


def test_all_that_is_not_named_travels_and_steers_nothing() -> None:
    properties = stream().properties(ROW, "u1", {"token"}, {"lib": "ours"})
    assert properties == {"id": 7, "lib": "ours", "orders_token": "t", "orders_lib": "x"}


def test_a_shortened_id_stays_whole_beside_it() -> None:
    properties = stream().properties({**ROW, "who": "123456"}, "12345", (), {})
    assert properties["who"] == "123456"


@pytest.mark.parametrize(
    ("keys", "row", "parts"),
    [
        (("id",), {"id": 7}, ("row", "orders", "7")),
        (("id", "line"), {"id": 7, "line": "a"}, ("row", "orders", "7", "a")),
        (("id",), {"id": 7, "uid": "no uuid"}, ("row", "orders", "7")),
    ],
)
def test_the_uuid_is_made_of_the_key(keys: tuple, row: dict, parts: tuple) -> None:
    assert stream({**ORDERS, "uuid": "uid"}, *keys).uuid(row) == stable_uuid(*parts)


def test_the_uuid_is_of_its_column_else_of_the_whole_row() -> None:
    assert stream({**ORDERS, "uuid": "uid"}, "id").uuid({"uid": UUID, "id": 7}) == UUID
    keyless = stream(ORDERS, "id")
    assert keyless.uuid({"a": 1, "b": 2}) == keyless.uuid({"b": 2, "a": 1, "_sdc_x": 1})
    assert keyless.uuid({"a": 1}) != keyless.uuid({"a": 2})


def test_facts_of_two_streams_are_two_facts() -> None:
    other = PlainStream("users", {"person": "who"}, (), RULES, 20)
    facts = [each.person_fact("u1", {"a": 1}, None) for each in (stream({"person": "who"}), other)]
    assert len({fact[:2] for fact in facts}) == 2
    assert len({fact.value for fact in facts}) == 1
    groups = [other.group_fact(group, {}, Moment(5, "")) for group in (("a", "b"), ("a\x1fb", "c"))]
    assert [(fact.kind, fact.at) for fact in groups] == [("group", 5)] * 2


@pytest.mark.parametrize(
    ("when", "value", "skipped", "renewed"),
    [
        (None, "old", "unchanged", False),
        (None, "new", None, False),
        (3, "new", None, False),
        (3, "old", "unchanged", True),
        (2, "old", "unchanged", False),
        (1, "new", "superseded", False),
    ],
)
def test_only_what_changed_and_is_newer_is_news(
    when: int | None, value: str, skipped: str | None, renewed: object
) -> None:
    known = Remembering()
    known.facts["person", "u1"] = Fact("person", "u1", "old", 2)
    moment = None if when is None else Moment(when, "")
    fact = Fact("person", "u1", value, when or 0)
    again: list[Fact] = []
    assert not_newer(known, fact, moment, again) == skipped
    assert again == ([fact] if renewed else [])
