from __future__ import annotations

from typing import Any

import pytest

from tests.pairs.walk import note_names, the
from tests.target_mixpanel.importing import Importing, assert_mixpanel_takes


def carried(given: Any) -> tuple[Any, list[str]]:
    """Return what becomes of one event property, and what is counted."""
    mapped = Importing().reads(event_properties={"a": given})
    event = the("event", mapped)
    assert_mixpanel_takes(event)
    return event.body["properties"]["a"], note_names(mapped)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"b": {"c": {"d": 1}}}, {"b": {"c": {"d": 1}}}),
        ({"b": {"c": {"d": {}}}}, {"b": {"c": {"d": "{}"}}}),
        ({"b": {"c": {"d": {"f": 2, "e": 1}}}}, {"b": {"c": {"d": '{"e":1,"f":2}'}}}),
        ([[[1, 2]]], [[[1, 2]]]),
        ([[[[1], 2]]], [[["[1]", 2]]]),
    ],
)
def test_what_nests_deeper_than_three_levels_becomes_text(given: Any, expected: Any) -> None:
    sent, notes = carried(given)
    assert sent == expected
    assert notes == ["nested_over_3_deep"] * (sent != given)


@pytest.mark.parametrize("length", [254, 255, 1000])
def test_a_list_keeps_its_first_254_elements(length: int) -> None:
    sent, notes = carried(list(range(length)))
    assert sent == list(range(min(length, 254)))
    assert notes == ["over_254_elements"] * (length > 254)


@pytest.mark.parametrize("length", [254, 255])
def test_an_object_keeps_its_first_254_keys(length: int) -> None:
    given = {f"k{n}": n for n in range(length)}
    sent, notes = carried({"inner": given})
    assert sent == {"inner": {f"k{n}": n for n in range(254)}}
    assert notes == ["over_254_elements"] * (length > 254)


@pytest.mark.parametrize(
    ("given", "times"),
    [
        ("x" * 255, 0),
        ("x" * 256, 1),
        ("ü" * 127, 0),
        ("ü" * 128, 1),
        ("😀" * 64, 1),
        (["x" * 256, "x" * 257], 1),
        ({"b": "x" * 256}, 1),
    ],
)
def test_a_text_over_255_bytes_is_sent_whole_and_counted(given: Any, times: int) -> None:
    sent, notes = carried(given)
    assert sent == given
    assert notes == ["values_over_255_bytes"] * times


def with_properties(count: int) -> Any:
    return Importing().reads(event_properties={f"p{n}": n for n in range(count)})


def many(count: int) -> tuple[dict[str, Any], list[str]]:
    mapped = with_properties(count)
    event = the("event", mapped)
    assert_mixpanel_takes(event)
    return event.body["properties"], note_names(mapped)


OWN = len(the("event", Importing().reads()).body["properties"])


def test_254_properties_fit() -> None:
    properties, notes = many(254 - OWN)
    assert len(properties) == 254
    assert notes == []


@pytest.mark.parametrize("too_many", [1, 2, 200, 254, 255, 600, 3000])
def test_more_properties_move_into_objects_and_none_is_lost(too_many: int) -> None:
    count = 254 - OWN + too_many
    properties, notes = many(count)
    assert len(properties) == 254
    assert notes == ["over_254_properties"]
    moved = {k: v for k, v in properties.items() if k.startswith("amplitude_overflow")}
    assert moved.keys() == {
        "amplitude_overflow" + (f"_{n}" if n > 1 else "") for n in range(1, len(moved) + 1)
    }
    overflow = [item for chunk in moved.values() for item in chunk.items()]
    stayed = [(k, v) for k, v in properties.items() if k.startswith("p") and k[1:].isdigit()]
    assert sorted(stayed + overflow, key=lambda item: item[1]) == [
        (f"p{n}", n) for n in range(count)
    ]
    assert stayed == [(f"p{n}", n) for n in range(len(stayed))]


def test_what_mixpanel_reads_never_moves() -> None:
    alone = the("event", Importing().reads(device_id="d1", city="Munich")).body["properties"]
    full = Importing().reads(
        device_id="d1", city="Munich", event_properties={f"p{n}": n for n in range(400)}
    )
    assert alone.items() <= the("event", full).body["properties"].items()


def test_a_moved_object_is_still_not_too_deep() -> None:
    deep = {"b": {"c": {"d": 1}}}
    given = {**{f"p{n}": n for n in range(400)}, "z": deep}
    mapped = Importing().reads(event_properties=given)
    event = the("event", mapped)
    assert_mixpanel_takes(event)
    moved = event.body["properties"]["amplitude_overflow"]
    assert moved["z"] == {"b": {"c": '{"d":1}'}}
    assert "nested_over_3_deep" in note_names(mapped)


def test_an_own_overflow_keeps_its_name() -> None:
    given = {"amplitude_overflow": "mine", **{f"p{n}": n for n in range(400)}}
    properties = the("event", Importing().reads(event_properties=given)).body["properties"]
    assert properties["amplitude_overflow"] == "mine"
    assert properties["amplitude_amplitude_overflow"]["p399"] == 399


def test_groups_are_the_last_to_move() -> None:
    keys = {f"type{n}": ["k"] for n in range(10)}
    given = {f"p{n}": n for n in range(400)}
    event = the("event", Importing().reads(event_properties=given, groups=keys))
    assert_mixpanel_takes(event)
    assert keys.items() <= event.body["properties"].items()


def test_too_many_groups_move_as_well() -> None:
    keys = {f"type{n}": ["k"] for n in range(300)}
    event = the("event", Importing().reads(groups=keys))
    assert_mixpanel_takes(event)
    moved = event.body["properties"]["amplitude_overflow"]
    assert moved.keys() == keys.keys() - event.body["properties"].keys()


def profile(given: Any) -> tuple[Any, list[str]]:
    mapped = Importing().reads(user_properties={"a": given})
    update = the("person", mapped)
    assert_mixpanel_takes(update)
    return update.body["$set"]["a"], note_names(mapped)


def test_a_list_of_a_profile_may_be_longer() -> None:
    # Restated on purpose: Mixpanel docs give lists on profiles 256 KB and no number of elements.
    sent, notes = profile(list(range(1000)))
    assert sent == list(range(1000))
    assert notes == ["over_254_elements"]  # on the event, which carries it as well


def test_an_object_of_a_profile_is_no_deeper_than_on_an_event() -> None:
    sent, notes = profile({"b": {"c": {"d": {}}, "l": [["x" * 256]]}})
    assert sent == {"b": {"c": {"d": "{}"}, "l": ['["' + "x" * 256 + '"]']}}
    assert set(notes) == {"nested_over_3_deep", "values_over_255_bytes"}


def test_a_record_is_not_changed_by_what_is_cut() -> None:
    given = {"a": list(range(300)), "b": {"c": {"d": {"e": {}}}}}
    Importing().reads(event_properties=given)
    assert given == {"a": list(range(300)), "b": {"c": {"d": {"e": {}}}}}
