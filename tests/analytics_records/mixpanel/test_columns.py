"""The four streams, and by which columns each is known."""

from __future__ import annotations

import pytest
from analytics_records.mixpanel import columns

# Restated on purpose: taps and targets agree on them.
EVENTS = ["uuid", "time", "day", "session_start", "identity_merge", "event", "properties"]
STREAMS = {
    "identities": EVENTS,
    "group_profiles": ["group_key", "group_id", "read_at", "properties"],
    "profiles": ["distinct_id", "read_at", "properties"],
    "events": EVENTS,
}
KNOWN_BY = {
    "identities": columns.lacks_of_events,
    "group_profiles": columns.lacks_of_group_profiles,
    "profiles": columns.lacks_of_profiles,
    "events": columns.lacks_of_events,
}


def test_the_streams_and_their_columns() -> None:
    found = {name: [*columns.schema(name)["properties"]] for name in columns.STREAMS}
    assert found == STREAMS
    assert [*columns.STREAMS] == [*STREAMS], "in their order"


@pytest.mark.parametrize("stream", STREAMS)
def test_no_property_is_typed_and_unknown_columns_pass(stream: str) -> None:
    schema = columns.schema(stream)
    assert schema["additionalProperties"] is True
    assert schema["properties"]["properties"] == {
        "type": ["object", "null"],
        "description": schema["properties"]["properties"]["description"],
        "additionalProperties": True,
    }
    assert {*columns.KEYS[stream]} <= schema["properties"].keys()


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_known_by_its_columns_and_taken_for_no_other(stream: str) -> None:
    for name, lacks in KNOWN_BY.items():
        is_it = STREAMS[name] == STREAMS[stream]
        assert lacks(STREAMS[stream]) == (() if is_it else None), name


def test_rows_without_what_the_tap_adds_are_events() -> None:
    assert columns.lacks_of_events(["event", "properties"]) == ()


@pytest.mark.parametrize(
    ("stream", "without"),
    [
        ("events", "event"), ("events", "properties"), ("profiles", "read_at"),
        ("profiles", "properties"), ("group_profiles", "group_id"), ("group_profiles", "read_at"),
    ],
)  # fmt: skip
def test_what_a_stream_lacks_is_named(stream: str, without: str) -> None:
    found = [name for name in STREAMS[stream] if name != without]
    assert KNOWN_BY[stream](found) == (f"`{without}`",)


@pytest.mark.parametrize(
    "other",
    [
        ["uuid", "event", "properties", "distinct_id", "timestamp"],
        ["event_type", "event_time", "user_id", "event_properties"],
        ["id", "name", "properties"], ["distinct_id", "email"], ["group_key", "name"], [],
    ],
)  # fmt: skip
def test_another_table_is_none_of_them(other: list[str]) -> None:
    assert [lacks(other) for lacks in KNOWN_BY.values()] == [None] * 4
