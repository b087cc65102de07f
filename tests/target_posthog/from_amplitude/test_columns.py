from __future__ import annotations

import pytest
from analytics_records.amplitude import columns
from target_posthog import posthog

from tests.analytics_records.columns import COLUMNS
from tests.pairs.walk import the
from tests.target_posthog.from_amplitude.remembering import Importing
from tools import posthog_page


def test_there_are_55_columns() -> None:
    assert len(COLUMNS) == 55


def test_the_columns_are_those_of_the_tap() -> None:
    assert {column.name for column in columns.COLUMNS} >= COLUMNS


@pytest.mark.parametrize("key", sorted(posthog.GUARDED_KEYS))
def test_a_key_posthog_acts_on_travels_under_another_name(key: str) -> None:
    mapped = Importing().reads(event_properties={key: "steering"})
    properties = the("event", mapped).body["properties"]
    assert properties.get(key) != "steering"
    assert properties["amplitude_" + key.lstrip("$")] == "steering"


@pytest.mark.parametrize("name", sorted(posthog.MEANINGFUL_NAMES - {"$identify", "$groupidentify"}))
def test_a_name_posthog_gives_a_meaning_travels_under_another(name: str) -> None:
    mapped = Importing().reads(event_type=name)
    assert mapped.events[-1].name == "amplitude_" + name[1:]
    assert mapped.events[-1].body["properties"]["$amplitude_event_name"] == name


@pytest.mark.parametrize("name", sorted(posthog.ILLEGAL_IDS))
def test_an_illegal_user_id_is_no_user_id(name: str) -> None:
    mapped = Importing().reads(user_id=f" {name.upper()}", device_id="d1")
    event = the("event", mapped)
    assert event.body["distinct_id"] == "d1"
    assert [note.name for note in mapped.notes] == ["illegal_user_id"]


def test_names_that_posthog_s_storage_acts_on_are_guarded() -> None:
    # Restated on purpose, from PostHog's clickhouse-udfs (json_clean_posthog_event_properties):
    # dropped, kept for 60 days, or brought into another shape.
    dropped = {"$active_feature_flags", "$surveys_activated", "ph_product_tours", "$ai_input"}
    for_a_while = {"$set", "$set_once", "$unset", "$group_set", "$sent_at"}
    shaped = {"$feature_flags", "$exception_list", "$exception_types", "$mcp_listed_tool_names"}
    assert dropped | for_a_while | shaped | {"$unparseable_properties"} < posthog.GUARDED_KEYS


def test_limits_stay() -> None:
    # Restated on purpose: PostHog cuts ids and names over 200.
    assert (posthog.MAX_ID_BYTES, posthog.KEPT_ID_BYTES, posthog.MAX_NAME_CHARACTERS) == (
        200,
        150,
        200,
    )


def test_the_page_names_what_posthog_acts_on() -> None:
    text = posthog_page.render()
    assert [word for word in posthog.GUARDED_KEYS if f"`{word}`" not in text] == []
