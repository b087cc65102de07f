"""What the records of a stream say: ids, properties, and the id of the record itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from analytics_records.named_columns.description import described
from analytics_records.named_columns.rows import COPY, Rows
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Unmappable

from tests.pairs.walk import UUID

ORDERS = {"event": "Ordered", "distinct_id": "who", "timestamp": "at"}
RULES = IdRules(is_illegal=lambda text: text == "nobody", fitted=lambda text: text[:5])


def rows(words: dict[str, Any] = ORDERS, *keys: str) -> Rows:
    return Rows(described("orders", words, 20), keys, RULES, "target-test")


@pytest.mark.parametrize(
    ("value", "found"), [(" u1 ", "u1"), (42, "42"), ("123456", "12345"), (7.0, "7")]
)
def test_the_id_is_as_the_destination_takes_it(value: Any, found: str) -> None:
    assert rows().id({"who": value}) == found


@pytest.mark.parametrize("value", [None, "", "nobody", True, ["SECRET"]])
def test_without_an_id_the_row_says_which_column_lacks_it(value: Any) -> None:
    with pytest.raises(Unmappable, match="column `who` of `orders` holds no id") as caught:
        rows().id({"who": value})
    assert caught.value.reason == "no_identity"
    assert "SECRET" not in str(caught.value)


def test_the_time_is_of_its_column_or_none() -> None:
    found = rows().time({"at": "2024-03-01"})
    assert found is not None
    assert (found.at, found.text) == (1_709_251_200_000_000, "2024-03-01T00:00:00.000000Z")
    assert rows({"person": "who"}).time({"at": "x"}) is None


@pytest.mark.parametrize(
    ("words", "value", "why"),
    [
        (ORDERS, None, "is empty"),
        (ORDERS, "", "is empty"),
        (ORDERS, "03/01/2024", "name its form as `timestamp_format`"),
        ({**ORDERS, "timestamp_format": "%d/%m/%Y"}, "2024-03-01", "as its `timestamp_format`"),
    ],
)
def test_without_a_time_the_row_says_what_to_do(words: dict, value: Any, why: str) -> None:
    with pytest.raises(Unmappable, match="column `at` of `orders`") as caught:
        rows(words).time({"at": value})
    assert caught.value.reason == "no_time"
    assert why in caught.value.detail


ROW = {
    "who": "u1", "at": "2024", "id": 7, "_sdc_x": 1, "_fivetran_synced": "x", "_AIRBYTE_META": {},
    "gone": None, "note": "", "props": {"a": 1, "b": None}, "text": '{"a": {"b": [1]}}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ("props", {"a": 1}),
        ("text", {"a": {"b": [1]}}),
        ("id", {"id": 7}),
        ("note", {}),
        ("gone", {}),
        ("nowhere", {}),
        (["id", "gone", "props"], {"id": 7, "props": {"a": 1, "b": None}}),
        (["_sdc_x"], {"_sdc_x": 1}),
    ],
)
def test_properties_are_an_object_or_several_columns(properties: Any, found: dict) -> None:
    assert rows({**ORDERS, "properties": properties}).properties(ROW) == found


def test_without_a_list_all_travels_that_is_not_named_or_bookkeeping() -> None:
    names = rows().properties(ROW).keys()
    assert names == {"id", "note", "props", "text"}


@pytest.mark.parametrize("text", ["[1]", "no JSON", '"a"', "{", "{]"])
def test_text_that_is_no_object_stays_under_its_column(text: str) -> None:
    found = rows({**ORDERS, "properties": "text"}).properties({"text": text})
    assert found == {"text": text}


def test_an_object_as_text_is_as_clean_as_a_record() -> None:
    made = rows({**ORDERS, "properties": "text"})
    assert made.properties({"text": r'{"a": "\u0000\ud800"}'}) == {"a": "\ufffd\ufffd"}
    with pytest.raises(Unmappable, match="nested_too_deep"):
        made.properties({"text": json.dumps({"a": json.loads("[" * 250 + "]" * 250)})})


@pytest.mark.parametrize(
    ("keys", "row", "parts"),
    [
        (("id",), {"id": 7}, ("row", "orders", "7")),
        (("id", "line"), {"id": 7, "line": "a"}, ("row", "orders", "7", "a")),
        (("id",), {"id": 7, "uid": "no uuid"}, ("row", "orders", "7")),
    ],
)
def test_the_uuid_is_made_of_the_key(keys: tuple, row: dict, parts: tuple) -> None:
    made = rows({**ORDERS, "uuid": "uid"}, *keys)
    assert made.uuid(row) == stable_uuid(*parts)
    assert not made.lacks_id(row)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (UUID, UUID),
        (f" {UUID.upper()} ", UUID),
        ("ajs-next-7", stable_uuid("insert_id", "orders", "ajs-next-7")),
        (7, stable_uuid("insert_id", "orders", "7")),
        (None, stable_uuid("row", "orders", "1")),
        ("", stable_uuid("row", "orders", "1")),
    ],
)
def test_an_insert_id_is_a_uuid_or_becomes_one(value: Any, found: str) -> None:
    made = rows({**ORDERS, "insert_id": "message_id"}, "id")
    assert made.uuid({"message_id": value, "id": 1}) == found


def test_the_uuid_is_of_its_column_else_of_all_that_the_row_says() -> None:
    assert rows({**ORDERS, "uuid": "uid"}, "id").uuid({"uid": UUID, "id": 7}) == UUID
    keyless = rows(ORDERS, "id")
    added = {"_sdc_x": 1, "_dlt_id": "x", "_smart_source_lineno": 3, "_dead_letter": {}}
    assert keyless.uuid({"a": 1, "b": 2}) == keyless.uuid({"b": 2, "a": 1, **added})
    assert keyless.uuid({"a": 1}) != keyless.uuid({"a": 2})
    assert keyless.lacks_id({"a": 1})


def test_a_number_tells_equal_rows_apart_and_is_nothing_else() -> None:
    made = rows()
    uuids = [made.uuid({"a": 1, **({COPY: n} if n else {})}) for n in range(3)]
    assert len(set(uuids)) == 3
    assert uuids[0] == made.uuid({"a": 1}), "the first is as without a number"
    assert made.properties({"a": 1, COPY: 2}) == {"a": 1}
