"""The Singer SDK's own tests for targets, against a PostHog that checks what it is sent."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_target_test_class
from target_posthog.target import TargetPostHog

from tests.fakes.posthog import FakePostHog

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


@pytest.fixture(scope="module")
def posthog():
    with FakePostHog() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch, posthog):
    monkeypatch.chdir(tmp_path)
    CONFIG["host"] = posthog.url


CONFIG: dict[str, object] = {"api_key": "phc_standard", "streams": STREAMS, "max_in_flight": 2}

Standard = get_target_test_class(TargetPostHog, config=CONFIG)


class TestTargetPostHog(Standard):
    """Every test of the SDK's suite."""
