"""How the records of a stream differ from rows of the export, told by its SCHEMA."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from analytics_records.amplitude.shapes import Shape, lacks

from tests.analytics_records.columns import COLUMNS
from tests.warehouse import forms

TIME_COLUMNS = ("event_time", "client_event_time", "server_received_time", "server_upload_time")
TEXT = {"type": ["string", "null"]}


def shaped(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a table of texts as the export has it."""
    shape = Shape.of_schema({"properties": dict.fromkeys([*record, "app"], TEXT)})
    return dict(pickle.loads(pickle.dumps(shape)).of(record))


def test_the_export_itself_is_plain() -> None:
    assert Shape.of_schema({"properties": forms.COLUMNS}) == Shape()


def test_a_plain_record_is_not_copied() -> None:
    record = forms.a_row(1)
    for shape in (Shape(), Shape(has_times=True)):
        assert shape.of(record) is record
        few = {name: value for name, value in record.items() if name not in {"plan", "event_time"}}
        assert shape.of(few) is few


def test_times_do_not_keep_decisions_from_reading_fast() -> None:
    times = dict.fromkeys(forms.TIMES, forms.DATE_TIME)
    shape = Shape.of_schema({"properties": {**forms.COLUMNS, **times}})
    assert shape == Shape(has_times=True)
    assert shape.of(forms.with_zone(forms.a_row(1))) == forms.a_row(1)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("$insert_id", "$insert_id"), ("_insert_id", "$insert_id"), ("insert_id", "$insert_id"),
        ("INSERT_ID", "$insert_id"), ("$INSERT_ID", "$insert_id"), ("_INSERT_ID", "$insert_id"),
        ("schema", "$schema"), ("_schema", "$schema"), ("ad_id", "adid"), ("AD_ID", "adid"),
        ("Adid", "adid"), ("id", "event_id"), ("EVENT_TYPE", "event_type"),
        ("followed_an_identify", "followed_an_identify"),
    ],
)  # fmt: skip
def test_a_column_has_its_name_again(name: str, there: str) -> None:
    assert shaped({name: "x"}) == {there: "x"}


def test_a_column_that_is_there_under_its_own_name_stays_beside_another() -> None:
    record = {"insert_id": "b", "$insert_id": "a", "id": "9", "event_id": 7, "_insert_id": "c"}
    assert shaped(record) == record


@pytest.mark.parametrize(
    "name",
    ["_sdc_batched_at", "_SDC_SEQUENCE", "_airbyte_meta", "_fivetran_synced", "_dlt_id",
     "_smart_source_lineno", "_AIRBYTE_RAW_ID", "_dead_letter"],
)  # fmt: skip
def test_books_of_loaders_are_left_out(name: str) -> None:
    assert shaped({"event_type": "Played", name: "x"}) == {"event_type": "Played"}


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("session_id", "1709287200000", 1_709_287_200_000), ("session_id", "-1", -1),
        ("session_id", 1.7092872e12, 1_709_287_200_000), ("amplitude_id", "9.0", 9),
        ("amplitude_id", "12345678901234567890", "12345678901234567890"),
        ("amplitude_id", 2.0**60, 2.0**60), ("event_id", "x", "x"), ("event_id", "", None),
        ("user_id", "", None),
        ("app", " 187520 ", 187520), ("location_lat", "52.37", 52.37), ("location_lat", "5", 5),
        ("location_lat", "-1e2", -100.0), ("location_lat", "north", "north"),
        ("is_attribution_event", "true", True), ("is_attribution_event", "f", False),
        ("is_attribution_event", 1, True), ("is_attribution_event", "maybe", "maybe"),
        ("paying", "TRUE", True), ("paying", None, None), ("user_id", "7", "7"),
        ("event_time", "2026-03-01T10:00:00+00:00", "2026-03-01 10:00:00.000000"),
        ("event_time", "2026-03-01T12:00:00.5+02:00", "2026-03-01 10:00:00.500000"),
        ("event_time", "2026-03-01 10:00:00.123 Z", "2026-03-01 10:00:00.123000"),
        ("event_time", "2026-03-01 10:00:00.123456", "2026-03-01 10:00:00.123456"),
        ("event_time", "soon", "soon"), ("event_time", 7, 7),
        ("user_creation_time", "2026-03-01T10:00:00Z", "2026-03-01 10:00:00.000000"),
        ("groups", '{"org": ["o1"]}', {"org": ["o1"]}), ("groups", "o1", "o1"),
        ("amplitude_attribution_ids", '["a"]', ["a"]), ("amplitude_attribution_ids", "a", "a"),
    ],
)  # fmt: skip
def test_a_value_has_its_type_again(column: str, value: Any, expected: Any) -> None:
    found = shaped({column: value})[column]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("name", ["user_properties__plan", "user_properties.plan"])
def test_a_flattened_column_is_a_key_again(name: str) -> None:
    assert shaped({name: "pro"}) == {"user_properties": {"plan": "pro"}}


def test_flattened_columns_join_what_the_object_still_has() -> None:
    record = {
        "user_properties": '{"age": 41}',
        "user_properties__home__city": "Ghent",
        "user_properties__home__zip": None,
        "user_properties__tags": '["x"]',
        "user_properties__age__at": 7,
        "groups__org": '["o1"]',
    }
    expected = {"age": 41, "home": {"city": "Ghent"}, "tags": ["x"], "age__at": 7}
    assert shaped(record) == {"user_properties": expected, "groups": {"org": ["o1"]}}


@pytest.mark.parametrize("column", sorted(COLUMNS - {"event_type"}))
def test_any_column_but_the_name_may_be_deselected(column: str) -> None:
    assert lacks(COLUMNS - {column}) == ()


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"event_type"}, ("`event_type`",)),
        ({"user_id", "device_id", "amplitude_id"}, ("`user_id` or `device_id` or `amplitude_id`",)),
        (
            {*TIME_COLUMNS},
            (" or ".join(f"`{column}`" for column in TIME_COLUMNS),),
        ),
    ],
)
def test_what_is_needed_and_missing_is_named(without: set[str], said: tuple[str, ...]) -> None:
    assert lacks(COLUMNS - without) == said


@pytest.mark.parametrize(
    "columns",
    [
        {"event_type", "event_time", "user_id", "device_id", "amplitude_id", "server_upload_time"},
        {"event_type", "event_time", "user_id", "event_properties", "user_properties"},
        {"EVENT_TYPE", "EVENT_TIME", "USER_ID", "AMPLITUDE_ID", "DMA"},
        {"event_type", "event_time", "user_id", "event_properties__total", "user_properties__a"},
    ],
)
def test_few_columns_tell_an_export(columns: set[str]) -> None:
    assert lacks(columns) == ()


@pytest.mark.parametrize(
    "columns",
    [
        set(),
        {"id", "customer_id", "created_at", "total"},
        {"event", "user_id", "anonymous_id", "timestamp", "context_ip"},
        {"event_type", "event_time", "user_id", "user_properties"},
    ],
)
def test_other_tables_are_no_export(columns: set[str]) -> None:
    assert lacks(columns) is None
