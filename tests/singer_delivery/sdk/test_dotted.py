"""Names with dots, as Meltano takes them apart, are put together again."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.sdk.dotted import joined
from singer_sdk import typing as th

TEXTS = th.ObjectType(additional_properties=th.StringType)
SCHEMA: dict[str, Any] = {
    "properties": {
        "renames": TEXTS.to_dict(),
        "streams": th.ObjectType(additional_properties=TEXTS).to_dict(),
        "stream_maps": {"additionalProperties": {}},
        "stream_map_config": {"additionalProperties": True},
        "batch_config": {"properties": {"encoding": {}}, "additionalProperties": False},
        "name": {"type": "string"},
    }
}


def taken_apart(config: dict[str, Any]) -> dict[str, Any]:
    """Return what Meltano makes of the keys of an object."""
    apart: dict[str, Any] = {}
    for key, value in config.items():
        *initial, last = key.split(".")
        cursor = apart
        for part in initial:
            cursor = cursor.setdefault(part, {})
        cursor[last] = taken_apart(value) if isinstance(value, dict) else value
    return apart


EVENT = {"event": "Order", "distinct_id": "id", "timestamp": "at"}


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        ("renames", {"a.b.c": "x", "a.d": "y", "e": "z", "f..g": "1", ".h": "2", "i.": "3"}),
        ("renames", {}),
        ("streams", {"public.orders": EVENT, "a.b.c": {"person": "id"}, "plain": EVENT}),
        ("streams", {"a.event": {"person": "id"}, "a.person": EVENT, "group": EVENT}),
        ("streams", {"t.x": {"lookup_table": "1a"}}),
        ("streams", {"t": {"event": {"column": "name"}, "groups": {"company": "c"}}}),
        ("streams", {"s.t": {"event": {"column": "name"}, "person": {"properties": "traits"}}}),
        ("streams", {"t": {"person": {"properties": "traits"}}}),
        ("streams", {"t": {"evnt": "x"}}),
        ("stream_maps", {"public.orders": {"id": "md5(id)", "ship.city": "'x'"}, "__else__": None}),
        ("stream_maps", {"log.*": {"__alias__": "a"}, "p.q": "__NULL__", "c": {}}),
    ],
)
def test_a_setting_is_what_the_user_wrote_taken_apart_or_not(setting, written):
    for given in (written, taken_apart(written)):
        found = joined({setting: given, "name": "a.b"}, SCHEMA)[setting]
        assert {name: found[name] for name in written} == written
        assert found == written or setting == "stream_maps"


def test_a_stream_that_is_removed_may_be_meant_by_a_column_that_is():
    assert joined({"stream_maps": {"a": {"b": None}}}, SCHEMA) == {
        "stream_maps": {"a": {"b": None}, "a.b": None}
    }


def test_what_expressions_may_walk_in_keeps_its_objects():
    config = {"stream_map_config": {"a": {"b": 1}}}
    assert joined(config, SCHEMA) == {"stream_map_config": {"a": {"b": 1}, "a.b": 1}}


def test_objects_of_known_names_and_values_of_other_kinds_stay():
    config = {"batch_config": {"encoding": {"format": "jsonl"}}, "renames": "x", "other": {"a": {}}}
    assert joined(config, SCHEMA) == config
