"""The streams of the Singer SDK's own tests for targets, as people: each with a column of ids."""

from __future__ import annotations

PEOPLE = {
    "ForecastingTypeToCategory": "Id",
    "TestCamelcase": "Id",
    "example_stream": "id",
    "record_missing_fields": "id",
    "test:SpecialChars!in?attributes": "_id",
    "test_array_data": "id",
    "test_duplicate_records": "id",
    "test_invalid_schema": "id",
    "test_no_pk": "id",
    "test_object_schema_no_properties": "object_store",
    "test_object_schema_with_properties": "object_store",
    "test_optional_attributes": "id",
    "test_record_missing_key_property": "id",
    "test_record_missing_required_property": "id",
    "test_schema_updates": "id",
    "test_strings": "id",
    "test_strings_in_arrays": "id",
    "test_strings_in_objects": "id",
    "test_users": "id",
}
STREAMS = {stream: {"person": column} for stream, column in PEOPLE.items()}
