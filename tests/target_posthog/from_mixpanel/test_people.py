"""Profiles of people and groups: the whole of it, when it is new."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records.mixpanel import columns
from singer_delivery.model import Unmappable
from target_posthog.from_mixpanel import people, table

from tests.pairs.walk import Walked, note_names
from tests.target_posthog.from_mixpanel.importing import Importing, links_of

LATER = "2024-05-02T00:00:00.000Z"


def changes(walked: Walked) -> dict[str, Any]:
    """Return what the one event of a profile does to its person."""
    (event,) = walked.events
    found = event.body["properties"]
    return {key: found[key] for key in ("$set", "$set_once", "$unset") if key in found}


def test_a_profile_is_set_whole_by_names_without_a_dollar() -> None:
    walked = Importing().profile(
        "ann", __email="a@x", __name="Ann", __created="2020-01-01T00:00:00", plan="pro", n=0,
        __city="Munich", __region="Bavaria", __country_code="DE", initial_utm_source="ad",
        __initial_referrer="$direct", __os="iOS", __last_seen="2024-04-01T00:00:00",
    )  # fmt: skip
    (event,) = walked.events
    assert (event.kind, event.body["event"], event.body["distinct_id"]) == ("person", "$set", "ann")
    assert event.body["timestamp"] == "2020-01-01T00:00:00.000000Z"
    assert changes(walked) == {
        "$set": {
            "email": "a@x", "name": "Ann", "created": "2020-01-01T00:00:00", "plan": "pro", "n": 0,
            "$geoip_city_name": "Munich", "$geoip_subdivision_1_name": "Bavaria",
            "$geoip_country_code": "DE", "$geoip_country_name": "Germany", "$os": "iOS",
            "mixpanel_last_seen": "2024-04-01T00:00:00",
        },
        "$set_once": {"$initial_utm_source": "ad", "$initial_referrer": "$direct"},
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(columns.PROFILE_PROPERTIES))
def test_every_documented_property_travels_or_has_a_reason(name: str) -> None:
    walked = Importing().profile("ann", plan="pro", **{name.replace("$", "__", 1): "value"})
    said = changes(walked)
    found = [*said["$set"].values(), *said.get("$set_once", {}).values()]
    assert ("value" in found) == (name not in table.PROFILES_DROPPED)
    assert (note_names(walked) == ["profile_properties_dropped"]) == ("value" not in found)


def test_a_name_that_is_there_without_its_dollar_gets_a_prefix() -> None:
    said = changes(Importing().profile("ann", email="own", __email="theirs"))
    assert said == {"$set": {"email": "own", "mixpanel_email": "theirs"}}


@pytest.mark.parametrize(
    ("created", "last_seen", "expected"),
    [
        ("2020-01-01T00:00:00", "2024-04-01T00:00:00", "2020-01-01T00:00:00.000000Z"),
        ("1970-01-01T00:00:00", "2024-04-01T00:00:00", "2024-04-01T00:00:00.000000Z"),
        ("2030-01-01T00:00:00", "2024-04-01T00:00:00", "2024-04-01T00:00:00.000000Z"),
        ("soon", None, "2024-05-01T00:00:00.000000Z"),
        (None, None, "2024-05-01T00:00:00.000000Z"),
    ],
)
def test_it_is_dated_by_its_creation_or_its_last_change(
    created: Any, last_seen: Any, expected: str
) -> None:
    (event,) = Importing().profile("ann", __created=created, __last_seen=last_seen, a=1).events
    assert event.body["timestamp"] == expected


def test_it_is_sent_when_it_changed_and_was_read_later() -> None:
    importing = Importing()
    first = importing.profile("ann", plan="pro", age=7)
    assert importing.profile("ann", plan="pro", age=7).skipped == "unchanged"
    assert importing.profile("ann", LATER, age=7, plan="pro").skipped == "unchanged"
    assert importing.profile("ann", "2024-04-01T00:00:00Z", plan="old").skipped == "superseded"
    changed = importing.profile("ann", "2024-05-03T00:00:00Z", plan="max")
    assert changes(changed) == {"$set": {"plan": "max"}, "$unset": ["age"]}
    assert first.events[0].body["uuid"] != changed.events[0].body["uuid"]
    empty = importing.profile("ann", "2024-05-04T00:00:00Z")
    assert changes(empty) == {"$unset": ["plan"]}
    assert Importing().profile("ann").skipped == "nothing to set"


def test_set_once_never_overwrites_and_takes_nothing_away() -> None:
    importing = Importing(person_properties="set_once")
    assert changes(importing.profile("ann", plan="pro", initial_utm_source="ad")) == {
        "$set_once": {"plan": "pro", "$initial_utm_source": "ad"}
    }
    assert changes(importing.profile("ann", LATER, age=1)) == {"$set_once": {"age": 1}}
    none = Importing(person_properties="none").profile("ann", plan="pro")
    assert none.skipped == "person_properties: none"


def test_of_ids_that_are_one_person_the_user_gets_it() -> None:
    importing = Importing()
    importing.row("$identify", "original", __identified_id="ann", __anon_id="a1")
    (event,) = importing.profile("a1", plan="pro").events
    assert event.body["distinct_id"] == "ann"


def test_an_id_that_was_merged_away_gives_it_to_its_owner() -> None:
    importing = Importing()
    importing.row(mode="simplified", __user_id="ann", __device_id="d")
    (event,) = importing.profile("d", plan="pro").events
    assert event.body["distinct_id"] == "ann"


def test_a_device_s_profile_waits_and_is_not_sent_of_a_device_with_an_owner() -> None:
    importing = Importing()
    waiting = importing.profile("$device:d", plan="pro")
    (event,) = waiting.events
    assert (event.kind, event.order, event.deferred) == ("device", "d", True)
    assert event.body["distinct_id"] == "d"
    assert event.facts == tuple(waiting.effects.kept)
    login = importing.row(mode="simplified", __user_id="ann", __device_id="d")
    assert links_of(login) == [("d", "ann")]
    assert importing.profile("$device:d", LATER, plan="max").skipped == "device_has_an_owner"
    anonymous = Importing(person_profiles="identified_only").profile("$device:d", plan="pro")
    assert anonymous.skipped == "person_profiles: identified_only"


@pytest.mark.parametrize("distinct_id", [None, "", "undefined", "$device:"])
def test_a_profile_of_nobody_is_a_dead_letter(distinct_id: Any) -> None:
    with pytest.raises(Unmappable, match="no_identity"):
        Importing().profile(distinct_id, plan="pro")


@pytest.mark.parametrize("read_at", [None, "", "soon"])
def test_a_profile_that_was_read_nobody_knows_when_is_a_dead_letter(read_at: Any) -> None:
    with pytest.raises(Unmappable, match="no_time"):
        Importing().profile("ann", read_at, plan="pro")


def test_an_id_that_is_a_number_keeps_its_digits() -> None:
    (event,) = Importing().profile(12345678901234567890, plan="pro").events
    assert event.body["distinct_id"] == "12345678901234567890"


def test_properties_that_the_user_leaves_out() -> None:
    importing = Importing(exclude_properties=("$email", "secret*"))
    assert changes(importing.profile("ann", __email="a@x", secret=1, plan="p")) == {
        "$set": {"plan": "p"}
    }


GROUPS = {"company_id": "company"}


def test_a_group_s_profile_sets_the_group_before_all_events() -> None:
    (event,) = Importing(group_keys=GROUPS).group("company_id", 7, __name="Acme", size=9).events
    body = event.body
    assert (event.kind, body["event"], body["distinct_id"]) == (
        "group",
        "$groupidentify",
        "$company_7",
    )
    assert body["timestamp"] == "2009-01-01T00:00:00.000000Z"
    found = body["properties"]
    assert (found["$group_type"], found["$group_key"]) == ("company", "7")
    assert found["$group_set"] == {"name": "Acme", "size": 9}


def test_a_group_is_sent_when_it_changed() -> None:
    importing = Importing(group_keys=GROUPS)
    importing.group("company_id", "c1", size=9, city="X")
    assert importing.group("company_id", "c1", LATER, size=9, city="X").skipped == "unchanged"
    walked = importing.group("company_id", "c1", LATER, size=10)
    assert walked.events[0].body["properties"]["$group_set"] == {"size": 10}
    assert note_names(walked) == ["operations_without_counterpart"]


def test_groups_that_are_not_linked() -> None:
    assert Importing().group("company_id", "c1", size=9).skipped == people.NOT_NAMED
    other = Importing(group_keys=GROUPS, group_types=("team",))
    assert other.group("company_id", "c1", size=9).skipped == "group_type_not_listed"
    with pytest.raises(Unmappable, match="no_identity"):
        Importing(group_keys=GROUPS).group("company_id", "", size=9)
