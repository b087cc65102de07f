from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import digest, stable_uuid
from singer_delivery.model import Fact
from target_posthog.settings import MappingSettings

from tests.pairs.walk import RECEIVED_10, kinds, note_names, the
from tests.target_posthog.from_amplitude.remembering import Importing

AT_10 = 1_709_287_200_000_000
T11, T12 = (f"2024-03-01 {hour}:00:00.000000" for hour in (11, 12))
SIX = {f"type{n}": ["k"] for n in range(6)}


def event_properties(mapped: Any) -> dict[str, Any]:
    return the("event", mapped).body["properties"]


@pytest.mark.parametrize(
    ("groups", "linked"),
    [
        ({"firm": ["f1"]}, {"firm": "f1"}),
        ({"firm": ["f1", "f2"]}, {"firm": "f1"}),
        ({"firm": "f1"}, {"firm": "f1"}),
        ({"firm": ["", None, "f2"]}, {"firm": "f2"}),
        ({"firm": [7], "on": [True]}, {"firm": "7", "on": "true"}),
        ({"firm": [{"b": 1, "a": 2}]}, {"firm": '{"a":2,"b":1}'}),
        ({"firm": []}, None),
        ({"": ["f1"]}, None),
        ("firm", None),
    ],
)
def test_an_event_is_linked_to_the_first_group_of_a_type(groups: Any, linked: Any) -> None:
    assert event_properties(Importing().reads(groups=groups)).get("$groups") == linked


def test_all_groups_stay_readable() -> None:
    groups = {"firm": ["f1", "f2"]}
    assert event_properties(Importing().reads(groups=groups))["$amplitude_groups"] == groups


def test_a_group_update_comes_before_the_event() -> None:
    content = {"size": 3, "city": None}
    mapped = Importing(version="1").reads(
        groups={"firm": ["f1"]}, group_properties={"firm": {"f1": content}}
    )
    assert kinds(mapped) == ["group", "event"]
    update = mapped.events[0]
    assert update.body == {
        "event": "$groupidentify",
        "distinct_id": "$firm_f1",
        "uuid": stable_uuid("group", "firm", "f1", digest(content)),
        "timestamp": "2024-03-01T10:00:00.000000Z",
        "properties": {
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": "1",
            "historical_migration": True,
            "analytics_source": "amplitude",
            "$group_type": "firm",
            "$group_key": "f1",
            "$group_set": {"size": 3},
        },
    }
    assert mapped.order_of(update) == "group:firm:f1"
    (fact,) = mapped.effects.facts
    assert fact[:4] == ("group", "firm\x1ff1", digest(content), RECEIVED_10)


def size(importing: Importing, size: int, event_time: str) -> Any:
    return importing.reads(group_properties={"firm": {"f1": {"size": size}}}, event_time=event_time)


def test_a_group_is_updated_only_by_what_is_newer_and_different() -> None:
    importing = Importing()
    assert kinds(size(importing, 1, T11)) == ["group", "event"]
    assert kinds(size(importing, 1, T12)) == ["event"]
    assert kinds(size(importing, 2, "2024-03-01 10:30:00")) == ["event"]
    assert kinds(size(importing, 2, "2024-03-01 11:30:00")) == ["event"]
    assert kinds(size(importing, 2, "2024-03-01 12:30:00")) == ["group", "event"]


@pytest.mark.parametrize(
    "of_groups",
    [{"firm": {"": {"a": 1}}}, {"": {"f1": {"a": 1}}}, {"firm": {"f1": 3}}, {"firm": 3}],
)
def test_what_names_no_group_updates_none(of_groups: dict) -> None:
    assert kinds(Importing().reads(group_properties=of_groups)) == ["event"]


def test_the_first_five_types_are_claimed_and_linked() -> None:
    importing = Importing()
    mapped = importing.reads(groups={"a": ["1"], "b": ["1"]})
    assert mapped.effects.claims == [
        Fact("group_type", "a", "0", AT_10),
        Fact("group_type", "b", "1", AT_10),
        Fact("group_types", "count", "2", AT_10),
    ]
    again = importing.reads(groups={"b": ["1"], "c": ["1"]})
    assert again.effects.claims == [
        Fact("group_type", "c", "2", AT_10),
        Fact("group_types", "count", "3", AT_10),
    ]


def test_a_sixth_type_is_kept_and_counted_and_not_linked() -> None:
    importing = Importing()
    properties = {"type5": {"k": {"size": 1}}, "type0": {"k": {"size": 2}}}
    mapped = importing.reads(groups=SIX, group_properties=properties)
    body = event_properties(mapped)
    assert set(body["$groups"]) == {"type0", "type1", "type2", "type3", "type4"}
    assert body["$amplitude_groups"] == SIX
    assert body["$amplitude_group_properties"] == {"type5": {"k": {"size": 1}}}
    assert [event.body["distinct_id"] for event in mapped.events] == ["$type0_k", "u1"]
    assert [(n.name, n.example) for n in mapped.notes] == [("group_type_beyond_five", "type5")]


def test_the_claims_are_made_before_anything_that_needs_them() -> None:
    mapped = Importing().reads(
        device_id="d1", groups={"a": ["1"]}, group_properties={"a": {"1": {"x": 1}}}
    )
    assert kinds(mapped) == ["link", "group", "event"]
    claimed = [fact.kind for fact in mapped.effects.claims]
    assert claimed == ["owner", "group_type", "group_types"]


def test_the_types_of_the_setting_win() -> None:
    importing = Importing(group_types=("type5",))
    mapped = importing.reads(groups=SIX)
    assert event_properties(mapped)["$groups"] == {"type5": "k"}
    assert note_names(mapped) == ["group_type_not_listed"] * 5
    assert importing.known.of() == {}


def test_six_types_in_the_setting_are_refused_with_words() -> None:
    with pytest.raises(ValueError, match="names 6 types, but a PostHog project has 5"):
        MappingSettings(group_types=tuple("abcdef"))


def group_identify(importing: Importing, **fields: Any) -> Any:
    return importing.reads(event_type="$groupidentify", **fields)


@pytest.mark.parametrize(
    "group_properties",
    [{"$set": {"size": 3}}, {"firm": {"f1": {"size": 3}}}, {"firm": {"f1": {"$set": {"size": 3}}}}],
)
def test_a_groupidentify_record_is_only_group_updates(group_properties: dict) -> None:
    mapped = group_identify(Importing(), groups={"firm": ["f1"]}, group_properties=group_properties)
    (update,) = mapped.events
    assert (update.kind, mapped.skipped) == ("group", None)
    assert update.body["properties"]["$group_set"] == {"size": 3}


def test_a_groupidentify_record_names_groups_without_properties_too() -> None:
    mapped = group_identify(Importing(), groups={"firm": ["f1", "f2"]})
    assert [event.body["distinct_id"] for event in mapped.events] == ["$firm_f1", "$firm_f2"]
    assert mapped.events[0].body["properties"]["$group_set"] == {}


def test_what_groups_cannot_do_is_counted() -> None:
    operations = {"$setOnce": {"a": 1}, "$unset": {"b": "-"}, "$add": {"c": 1}}
    mapped = group_identify(Importing(), groups={"firm": ["f1"]}, group_properties=operations)
    assert sorted(n.example for n in mapped.notes) == ["$add", "$setOnce", "$unset"]


@pytest.mark.parametrize(
    ("settings", "fields", "skipped"),
    [
        ({}, {}, "nothing to set"),
        ({"group_types": ()}, {"groups": {"a": ["1"]}}, "group_type_not_listed"),
    ],
)
def test_a_groupidentify_record_without_updates_says_why(
    settings: dict, fields: dict, skipped: str
) -> None:
    mapped = group_identify(Importing(**settings), **fields)
    assert (mapped.events, mapped.skipped) == ((), skipped)


def test_a_groupidentify_record_that_is_not_newer_is_superseded() -> None:
    importing = Importing()
    group_identify(importing, groups={"a": ["1"]}, event_time=T12)
    mapped = group_identify(importing, groups={"a": ["1"]}, event_time=T11)
    assert (mapped.events, mapped.skipped) == ((), "superseded")


# Properties without a key -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "of_groups", "updated", "beside"),
    [
        ({"firm": ["f1"]}, {"firm": {"size": 3}}, {"f1": {"size": 3}}, None),
        (
            {"firm": "f1"},
            {"firm": {"size": 3, "of": {"a": 1}}},
            {"f1": {"size": 3, "of": {"a": 1}}},
            None,
        ),
        ({"firm": ["f1"]}, {"firm": {"$set": {"size": 3}}}, {"f1": {"size": 3}}, None),
        ({"firm": ["f1"]}, {"firm": {"f1": {"size": 3}}}, {"f1": {"size": 3}}, None),
        ({"firm": ["f1", "f2"]}, {"firm": {"size": 3}}, {}, {"firm": {"size": 3}}),
        ({}, {"firm": {"size": 3}}, {}, {"firm": {"size": 3}}),
        (None, {"firm": 3}, {}, {"firm": 3}),
        ({"firm": ["f1"]}, {"firm": {}}, {}, None),
    ],
)
def test_properties_without_a_key_are_of_the_one_group_of_their_type(
    groups: Any, of_groups: dict, updated: dict, beside: Any
) -> None:
    mapped = Importing().reads(groups=groups, group_properties=of_groups)
    sent = {
        event.body["properties"]["$group_key"]: event.body["properties"]["$group_set"]
        for event in mapped.events
        if event.kind == "group"
    }
    assert sent == updated
    assert event_properties(mapped).get("$amplitude_group_properties") == beside
    assert note_names(mapped) == (["group_properties_of_no_group"] if beside else [])
