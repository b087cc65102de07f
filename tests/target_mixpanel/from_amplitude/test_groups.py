"""Group keys on events, and what is told of groups on `/groups`."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import digest

from tests.pairs.walk import RECEIVED_10, T11, T12, Walked, kinds, note_names, the
from tests.target_mixpanel.importing import (
    Importing,
    assert_mixpanel_takes,
    settings,
    updates,
)

SIZE = {"size": 3}


def properties(mapped: Walked) -> dict[str, Any]:
    event = the("event", mapped)
    assert_mixpanel_takes(event)
    return event.body["properties"]


@pytest.mark.parametrize(
    ("groups", "key", "sent"),
    [
        ({"firm": ["f1"]}, "firm", ["f1"]),
        ({"firm": ["f1", "f2"]}, "firm", ["f1", "f2"]),
        ({"firm": "f1"}, "firm", ["f1"]),
        ({"firm": ["", None, "f2"]}, "firm", ["f2"]),
        ({"firm": [7, True]}, "firm", ["7", "true"]),
        ({"firm": [{"b": 1, "a": 2}]}, "firm", ['{"a":2,"b":1}']),
        ({"firm": []}, "firm", None),
        ({"": ["f1"]}, "", None),
        ("firm", "firm", None),
    ],
)
def test_an_event_names_all_its_groups(groups: Any, key: str, sent: Any) -> None:
    assert properties(Importing().reads(groups=groups)).get(key) == sent


def test_a_type_is_called_as_the_project_calls_it() -> None:
    sent = properties(Importing(group_keys={"firm": "company_id"}).reads(groups={"firm": ["f1"]}))
    assert sent["company_id"] == ["f1"]
    assert "firm" not in sent


def test_two_types_may_be_one_key() -> None:
    importing = Importing(group_keys={"firm": "company", "org": "company"})
    sent = properties(importing.reads(groups={"firm": ["f1"], "org": ["o1"]}))
    assert sent["company"] == ["f1", "o1"]


@pytest.mark.parametrize("name", ["distinct_id", "$user_id", "time", "$browser", "amplitude_app"])
def test_a_type_never_takes_the_place_of_what_means_something_else(name: str) -> None:
    plain = properties(Importing().reads())
    sent = properties(Importing().reads(groups={name: ["g"]}))
    assert sent["amplitude_" + name.lstrip("$")] == ["g"]
    assert plain.items() <= sent.items()


def test_what_a_group_replaces_is_kept_beside_it() -> None:
    sent = properties(Importing().reads(groups={"firm": ["f1"]}, event_properties={"firm": "x"}))
    assert (sent["firm"], sent["amplitude_firm"]) == (["f1"], "x")


@pytest.mark.parametrize("key", ["distinct_id", "$ignore", " "])
def test_a_key_that_is_mixpanels_own_is_refused_with_words(key: str) -> None:
    with pytest.raises(ValueError, match="no group key in Mixpanel") as caught:
        settings(group_keys={"firm": key})
    assert "`group_keys` calls `firm`" in str(caught.value)


def test_what_is_known_of_a_group_is_an_update_for_the_end_of_the_run() -> None:
    content = {"size": 3, "city": ""}
    mapped = Importing(group_keys={"firm": "company"}).reads(
        groups={"firm": ["f1"]}, group_properties={"firm": {"f1": content}}
    )
    assert kinds(mapped) == ["event", "group"]
    update = mapped.events[1]
    assert_mixpanel_takes(update)
    assert update.body == {
        "$group_key": "company",
        "$group_id": "f1",
        "$ip": 0,
        "$ignore_time": True,
        "$set": {"size": 3},
    }
    assert (update.endpoint, update.name, update.order) == ("/groups", "$set", "group:firm\x1ff1")
    assert (update.at, update.deferred) == (RECEIVED_10, True)
    (fact,) = update.facts
    assert fact[:4] == ("group", "firm\x1ff1", digest(content), RECEIVED_10)


def of_size(importing: Importing, size: int, event_time: str) -> list[str]:
    told = {"firm": {"f1": {"size": size}}}
    return kinds(importing.reads(group_properties=told, event_time=event_time))


def test_a_group_is_updated_only_by_what_is_newer_and_different() -> None:
    importing = Importing()
    assert of_size(importing, 1, T11) == ["event", "group"]
    assert of_size(importing, 1, T12) == ["event"]
    assert of_size(importing, 2, "2024-03-01 10:30:00") == ["event"]
    assert of_size(importing, 2, "2024-03-01 11:30:00") == ["event"]
    assert of_size(importing, 2, "2024-03-01 12:30:00") == ["event", "group"]


def test_groups_do_not_share_what_was_told() -> None:
    importing = Importing()
    mapped = importing.reads(
        group_properties={"firm": {"f1": SIZE, "f2": SIZE}, "team": {"f1": SIZE}}
    )
    found = [(u.body["$group_key"], u.body["$group_id"]) for u in mapped.events[1:]]
    assert found == [("firm", "f1"), ("firm", "f2"), ("team", "f1")]
    assert len({mapped.order_of(update) for update in mapped.events}) == 4


@pytest.mark.parametrize(
    ("chosen", "of_groups"),
    [
        ({"firm": "company", "org": "company"}, {"firm": {"g": SIZE}, "org": {"g": {"age": 1}}}),
        ({}, {"a:b": {"c": SIZE}, "a": {"b:c": SIZE}}),
    ],
)
def test_no_group_takes_the_place_of_another(chosen: dict, of_groups: dict) -> None:
    mapped = Importing(group_keys=chosen).reads(group_properties=of_groups)
    assert len({event.order for event in mapped.events if event.deferred}) == 2


def test_a_long_group_id_is_the_same_on_event_and_profile() -> None:
    group = "g" * 300
    mapped = Importing().reads(groups={"firm": [group]}, group_properties={"firm": {group: SIZE}})
    (sent,) = properties(mapped)["firm"]
    assert len(sent) <= 255
    assert the("group", mapped).body["$group_id"] == sent


@pytest.mark.parametrize(
    "of_groups",
    [
        {"firm": {"": SIZE}},
        {"": {"f1": SIZE}},
        {"firm": {"f1": 3}},
        {"firm": {"f1": {}}},
        {"firm": {"f1": {"a": ""}}},
        {"firm": 3},
    ],
)
def test_what_says_nothing_of_a_group_updates_none(of_groups: dict) -> None:
    assert kinds(Importing().reads(group_properties=of_groups)) == ["event"]


def test_what_mixpanel_writes_itself_is_set_under_another_name() -> None:
    given = {"$last_seen": "x", "$group_id": "y"}
    mapped = Importing().reads(group_properties={"firm": {"f1": given}})
    assert updates(mapped) == [("$set", {"amplitude_last_seen": "x", "amplitude_group_id": "y"})]


def test_without_groups_none_is_told_and_the_event_still_names_them() -> None:
    mapped = Importing(groups=False).reads(
        groups={"firm": ["f1"]}, group_properties={"firm": {"f1": SIZE}}
    )
    assert kinds(mapped) == ["event"]
    assert properties(mapped)["firm"] == ["f1"]


# Group Identify records ---------------------------------------------------------------------


def group_identify(importing: Importing, **fields: Any) -> Walked:
    return importing.reads(event_type="$groupidentify", **fields)


@pytest.mark.parametrize(
    ("group_properties", "deferred"),
    [
        ({"$set": SIZE}, False),
        ({"firm": {"f1": SIZE}}, True),
        ({"firm": {"f1": {"$set": SIZE}}}, False),
    ],
)
def test_a_groupidentify_record_is_only_group_updates(
    group_properties: dict, deferred: object
) -> None:
    mapped = group_identify(
        Importing(),
        groups={"firm": ["f1"]},
        group_properties=group_properties,
        user_properties={"plan": "pro"},
    )
    (update,) = mapped.events
    assert (update.kind, update.deferred, mapped.skipped) == ("group", deferred, None)
    assert update.body["$set"] == SIZE


def test_the_operations_of_a_groupidentify_record_go_in_their_order() -> None:
    operations = {
        "$set": SIZE,
        "$setOnce": {"first": 1},
        "$unset": {"old": "-"},
        "$add": {"n": 1},
        "$append": {"l": 1},
    }
    mapped = group_identify(Importing(), groups={"firm": ["f1"]}, group_properties=operations)
    for event in mapped.events:
        assert_mixpanel_takes(event)
    assert updates(mapped) == [("$set", SIZE), ("$set_once", {"first": 1}), ("$unset", ["old"])]
    assert {event.order for event in mapped.events} == {"group:firm\x1ff1"}
    assert [(fact.kind, fact.name) for fact in mapped.effects.facts] == [("group", "firm\x1ff1")]
    assert [event.facts for event in mapped.events] == [(), (), ()]
    assert [note.example for note in mapped.notes] == ["$add", "$append"]
    assert set(note_names(mapped)) == {"operations_without_counterpart"}


@pytest.mark.parametrize(
    ("settings", "fields", "skipped"),
    [
        ({}, {}, "nothing to set"),
        ({}, {"groups": {"firm": ["f1"]}}, "nothing to set"),
        ({"groups": False}, {"group_properties": {"firm": {"f1": SIZE}}}, "groups: false"),
    ],
)
def test_a_groupidentify_record_without_updates_says_why(
    settings: dict, fields: dict, skipped: str
) -> None:
    mapped = group_identify(Importing(**settings), **fields)
    assert (mapped.events, mapped.skipped) == ((), skipped)


def test_a_groupidentify_record_that_is_not_newer_is_superseded() -> None:
    importing = Importing()
    group_identify(importing, group_properties={"firm": {"f1": SIZE}}, event_time=T12)
    other = {"firm": {"f1": {"size": 2}}}
    mapped = group_identify(importing, group_properties=other, event_time=T11)
    assert (mapped.events, mapped.skipped) == ((), "superseded")


def test_properties_without_a_key_are_of_the_one_group_of_their_type() -> None:
    mapped = Importing().reads(groups={"firm": ["f1"]}, group_properties={"firm": SIZE})
    assert updates(mapped) == [("$set", SIZE)]
    two = Importing().reads(groups={"firm": ["f1", "f2"]}, group_properties={"firm": SIZE})
    assert updates(two) == []
    kept = the("event", two).body["properties"]["amplitude_group_properties"]
    assert (kept, note_names(two)) == ({"firm": SIZE}, ["group_properties_of_no_group"])


def test_a_property_that_is_null_is_taken_away_from_the_group() -> None:
    mapped = Importing().reads(group_properties={"firm": {"f1": {"a": None}}})
    assert updates(mapped) == [("$unset", ["a"])]
    assert not the("group", mapped).deferred
