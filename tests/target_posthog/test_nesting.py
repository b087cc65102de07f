"""What PostHog's storage of events holds, and what becomes of the rest."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_delivery.model import Event
from target_posthog.from_columns import from_columns
from target_posthog.nesting import fit
from target_posthog.settings import MappingSettings

from tests.pairs.walk import Walk, note_names
from tests.target_posthog.from_amplitude.remembering import Importing

keys = st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "b.c", "a.", ".b", "d"])
values = st.recursive(
    st.integers(0, 9) | st.none() | st.just("x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
deep = st.integers(0, 14).flatmap(lambda levels: values.map(lambda value: in_lists(value, levels)))


def in_lists(value: Any, levels: int) -> Any:
    """Return a value within so many lists, every other one in an object."""
    for level in range(levels):
        value = [{"a": value}] if level % 2 else [value]
    return value


def lists_in(value: Any, lists: int = 0) -> int:
    """Count lists within each other, as PostHog's `exceedsJSONArrayDepth` does."""
    if isinstance(value, list):
        return max([lists_in(item, lists + 1) for item in value], default=lists + 1)
    if isinstance(value, dict):
        return max([lists_in(item, lists) for item in value.values()], default=lists)
    return lists


def stored(value: Any, path: str = "") -> list[str]:
    """Return the paths at which the values of an object are stored."""
    if isinstance(value, dict) and value:
        before = f"{path}." if path else ""
        return [each for key, item in value.items() for each in stored(item, before + key)]
    return [path]


def restored(value: Any) -> Any:
    """Return what was said, with JSON text read again."""
    if isinstance(value, dict):
        return {key: restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored(item) for item in value]
    is_json = isinstance(value, str) and value[:1] in {"[", "{"}
    return restored(orjson.loads(value)) if is_json else value


def fitted(properties: dict) -> tuple[dict, list[str]]:
    before = copy.deepcopy(properties)
    event = Event("/batch/", "event", "e", None, {"properties": properties})
    notes = [note.name for note in fit([event])]
    assert properties == before, "what events share is not changed"
    return event.body["properties"], notes


@given(st.dictionaries(keys, values | deep, max_size=4))
@example({"a": {"b": {"c": 1}}, "a.b": {"c": 2}})
@example({"d": {"a": {"b.c": 1}, "a.b": {"c": 2}}})
@example({"d": [{"b.c": 1, "b": {"c": 2}}]})
def test_all_is_stored_and_nothing_is_lost(properties: dict) -> None:
    made, notes = fitted(properties)
    assert lists_in(made) <= 8
    assert len(stored(made)) == len(set(stored(made))), "two values at one path"
    assert restored(made) == properties
    collides = len(stored(properties)) != len(set(stored(properties)))
    if lists_in(properties) <= 8 and not collides and not _nested_collision(properties):
        assert (made, notes) == (properties, [])


def _nested_collision(value: Any) -> bool:
    """Tell whether an object within a list has two values at one path."""
    if isinstance(value, list):
        return any(_nested_collision(item) for item in value)
    if not isinstance(value, dict):
        return False
    paths = stored(value)
    return len(paths) != len(set(paths)) or any(map(_nested_collision, value.values()))


@pytest.mark.parametrize("levels", [1, 7, 8, 9, 10, 50])
def test_lists_are_text_from_the_ninth_on(levels: int) -> None:
    made, notes = fitted({"a": in_lists(7, levels), "b": 1})
    assert (lists_in(made), notes) == (min(levels, 8), ["nested_over_8_lists"] * (levels > 8))
    assert made["b"] == 1


def test_an_object_whose_value_has_the_path_of_another_key_is_text() -> None:
    made, notes = fitted({"a": {"b": 2, "c": 3}, "a.b": 1, "b.c": 4, "b": {"d": 5}})
    assert made == {"a": '{"b":2,"c":3}', "a.b": 1, "b.c": 4, "b": {"d": 5}}
    assert notes == ["colliding_keys"]


NINE = in_lists(7, 9)


def nine_in(column: str, value: Any) -> dict[str, Any]:
    if column == "group_properties":
        return {"groups": {"firm": ["f"]}, column: {"firm": {"f": value}}}
    return {column: value}


@pytest.mark.parametrize("column", ["event_properties", "user_properties", "group_properties"])
@pytest.mark.parametrize("said", [{"deep": NINE, "x": 1}, {"$set": {"deep": NINE}, "x": 1}])
def test_rows_of_an_export_are_stored_whatever_nests_in_them(column: str, said: dict) -> None:
    walked = Importing().reads(**nine_in(column, said), device_id="d1")
    assert max(lists_in(event.body["properties"]) for event in walked.events) <= 8
    assert "nested_over_8_lists" in note_names(walked)
    assert b'"x":1' in b"".join(orjson.dumps(event.body) for event in walked.events)


FORMS = [
    {"event": "Ordered", "distinct_id": "id", "timestamp": "at"},
    {"person": "id"},
    {"group": "firm", "key": "id"},
]


NESTED = {"nested_over_8_lists": {"deep": NINE}, "colliding_keys": {"a": {"b": 1}, "a.b": 2}}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: next(iter(form)))
@pytest.mark.parametrize("found", [[name] for name in NESTED] + [sorted(NESTED)], ids=str)
def test_plain_rows_are_stored_whatever_nests_in_them(form: dict, found: list[str]) -> None:
    walk = Walk(lambda: from_columns("rows", form, {}, ["id"], MappingSettings()))
    row = {key: value for name in found for key, value in NESTED[name].items()}
    walked = walk.reads_row({"id": "u1", "at": "2024-03-01", **row})
    (event,) = walked.events
    assert lists_in(event.body) <= 8
    assert note_names(walked) == found
