"""What users write under `streams`: read, refused in words, held against the schema."""

from __future__ import annotations

import re
from typing import Any

import pytest
from analytics_records.named_columns.description import check_columns, described
from singer_delivery.errors import SettingsError

ORDERS = {"event": "Ordered", "distinct_id": "who", "timestamp": "at"}
TRACKS = {
    "event": {"column": "event_name"},
    "distinct_id": "user_id",
    "anonymous_id": "anon",
    "timestamp": "ts",
    "timestamp_format": "%d/%m/%Y",
    "properties": "props",
    "groups": {"company": "company_id", "team": {"key": "team_id", "properties": "team"}},
    "person": {"properties": ["plan", "city"]},
    "insert_id": "message_id",
}


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (ORDERS, "event"),
        ({**ORDERS, "uuid": "id"}, "event"),
        ({**ORDERS, "insert_id": {"row_number": True}}, "event"),
        ({**ORDERS, "properties": ["a", "b"]}, "event"),
        (TRACKS, "event"),
        ({"person": "id"}, "person"),
        ({"person": "id", "timestamp": "at", "anonymous_id": "d", "properties": "p"}, "person"),
        ({"group": "firm", "key": "id", "timestamp": "at"}, "group"),
    ],
)
def test_a_stream_is_loaded_in_one_of_three_ways(words: dict, form: str) -> None:
    assert described("orders", words, 20).form == form


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "not described in one of the three ways"),
        ({"evnt": "x"}, "not described in one of the three ways"),
        ({"person": "a", "event": "b"}, "not described in one of the three ways"),
        ({"group": "a", "event": "b"}, "not described in one of the three ways"),
        ({"event": "Ordered"}, "lacks `distinct_id`, `timestamp`"),
        ({"group": "firm"}, "lacks `key`"),
        ({"person": "a", "uuid": "b"}, "unknown `uuid`"),
        ({**ORDERS, "anonymus_id": "b"}, "Did you mean `anonymous_id`?"),
        ({"person": " "}, "leaves empty `person`"),
        ({**ORDERS, "event": "n" * 21}, "over 20 characters"),
        ({**ORDERS, "event": {"colum": "a"}}, "takes a name or {column: <column>} as `event`"),
        ({**ORDERS, "event": ["a"]}, "needs a text for `event`"),
        ({**ORDERS, "distinct_id": 7}, "needs the name of a column for `distinct_id`"),
        ({**ORDERS, "uuid": "a", "insert_id": "b"}, "two ids for a record `uuid`, `insert_id`"),
        ({**ORDERS, "insert_id": {"row": 1}}, "takes a column or {row_number: true}"),
        ({**ORDERS, "groups": "company"}, "takes {<type>: <column>} as `groups`"),
        ({**ORDERS, "groups": {"a": {"id": "b"}}}, "properties: <column>} as `groups.a`"),
        ({**ORDERS, "person": {"traits": "a"}}, "takes {properties: <column>} as `person`"),
        ({**ORDERS, "properties": [1]}, "needs the name of a column for `properties`"),
        ({**ORDERS, "timestamp_format": "%q"}, "`%q` is no format for times"),
        ({**ORDERS, "timestamp_format": "%H:%M"}, "does not say year, month and day"),
        ({"person": "a", "timestamp_format": "%Y"}, "`timestamp` beside `timestamp_format`"),
        ({"person": "a", "anonymous_id": "b"}, "`timestamp` beside `anonymous_id`"),
    ],
)
def test_any_other_way_is_refused_with_words(words: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        described("orders", words, 20)
    assert "`orders`" in str(caught.value)


def test_every_column_that_is_named_is_known_with_where_it_is_named() -> None:
    assert dict(described("tracks", TRACKS, 20).columns) == {
        "event": "event_name",
        "distinct_id": "user_id",
        "anonymous_id": "anon",
        "timestamp": "ts",
        "properties": "props",
        "groups.company": "company_id",
        "groups.team": "team_id",
        "groups.team.properties": "team",
        "person.properties": "city",  # the last of the two
        "insert_id": "message_id",
    }


def schema(*columns: str, **more: Any) -> dict[str, Any]:
    return {"properties": {column: {} for column in columns}, **more}


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (schema("who", "created_at"), "Stream 'orders' has no column `at`"),
        (schema("WHO", "at"), "names as its `distinct_id`. Did you mean `WHO`?"),
        (schema("at", "whom", "x"), "Did you mean `whom`?"),
        (schema("at", "customer"), "as its `distinct_id`. Mend `streams`"),
        (schema("at", "customer", additionalProperties=False), "has no column `who`"),
    ],
)
def test_a_column_that_the_schema_lacks_is_a_sentence(of: dict, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_columns(described("orders", ORDERS, 20), of)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "of",
    [
        {},
        {"properties": {}},
        schema("x", additionalProperties=True),
        schema("x", additionalProperties={"type": "string"}),
        schema("x", patternProperties={".*": {}}),
        schema("at", "who"),
    ],
)
def test_a_schema_that_says_nothing_or_allows_more_is_no_fault(of: dict) -> None:
    check_columns(described("orders", ORDERS, 20), of)
