"""What is told of people on `/engage`: the newest only, whole, and nothing that steers."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import digest
from singer_delivery.model import Fact

from tests.pairs.walk import (
    AT_10,
    RECEIVED_10,
    T10,
    T11,
    T12,
    Walked,
    kinds,
    note_names,
    the,
)
from tests.target_mixpanel.importing import (
    Importing,
    assert_mixpanel_takes,
    updates,
    years_later,
)

FREE, PRO = {"plan": "free"}, {"plan": "pro"}
HOUR = 3_600_000_000
AT_11 = AT_10 + HOUR


def told(mapped: Walked) -> dict[str, Any]:
    """Return what a record says of its person, by operation."""
    for event in mapped.events:
        assert_mixpanel_takes(event)
    return dict(updates(mapped))


def test_the_first_snapshot_is_an_update_for_the_end_of_the_run() -> None:
    mapped = Importing().reads(user_properties=PRO)
    update = the("person", mapped)
    assert update.body == {
        "$distinct_id": "u1",
        "$ip": 0,
        "$ignore_time": True,
        "$set": {"plan": "pro"},
    }
    assert (update.endpoint, update.name, update.order) == ("/engage", "$set", "u1")
    assert (update.at, update.deferred, mapped.effects.claims) == (RECEIVED_10, True, [])


def test_the_event_comes_first() -> None:
    assert kinds(Importing().reads(user_properties=PRO)) == ["event", "person"]


def test_the_same_snapshot_is_said_once_and_renewed() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO)
    mapped = importing.reads(user_properties=PRO, event_time=T11)
    assert told(mapped) == {}
    (fact,) = mapped.effects.renewed
    assert (fact.kind, fact.name, fact.at) == ("person", "u1", RECEIVED_10 + HOUR)


def test_a_newer_snapshot_takes_the_place_of_the_older() -> None:
    importing = Importing()
    first = the("person", importing.reads(user_properties=FREE))
    second = the("person", importing.reads(user_properties=PRO, event_time=T11))
    assert second.body["$set"] == PRO
    assert (first.endpoint, first.order) == (second.endpoint, second.order)
    assert first.at < second.at


def test_an_older_snapshot_never_overwrites_a_newer_one() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, event_time=T11)
    assert told(importing.reads(user_properties=FREE, event_time=T10)) == {}
    assert told(importing.reads(user_properties=FREE, event_time=T12)) == {"$set": FREE}


def test_what_lies_between_two_equal_snapshots_is_old() -> None:
    importing = Importing()
    importing.reads(user_properties=FREE, event_time=T10)
    importing.reads(user_properties=FREE, event_time=T12)
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {}


def test_a_snapshot_of_an_earlier_run_counts() -> None:
    importing = Importing()
    content = [FREE, None, None, None, None]
    importing.known.facts["person", "u1"] = Fact("person", "u1", digest(content), AT_11)
    assert told(importing.reads(user_properties=PRO, event_time=T10)) == {}
    assert told(importing.reads(user_properties=FREE, event_time=T12)) == {}
    later = importing.reads(user_properties=PRO, event_time="2024-03-01 13:00:00")
    assert told(later) == {"$set": PRO}


def test_people_do_not_share_what_was_told() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, event_time=T12)
    assert told(importing.reads(user_id="u2", user_properties=PRO)) == {"$set": PRO}


def test_a_device_of_nobody_has_no_profile() -> None:
    mapped = Importing().reads(user_id=None, device_id="d1", user_properties=PRO)
    assert kinds(mapped) == ["event"]
    assert ([fact.kind for fact in mapped.effects.facts], mapped.effects.kept) == (["device"], [])


def test_what_a_device_says_without_a_user_does_not_replace_the_profile_of_its_owner() -> None:
    importing = Importing()
    importing.reads(device_id="d1", user_properties=PRO)
    mapped = importing.reads(user_id=None, device_id="d1", user_properties=FREE, event_time=T11)
    assert kinds(mapped) == ["event"]
    assert (mapped.effects.facts, mapped.effects.kept) == ([], [])


def test_a_second_user_on_a_device_has_a_profile_of_their_own() -> None:
    importing = Importing()
    importing.reads(device_id="d1", user_properties=PRO)
    mapped = importing.reads(user_id="u2", device_id="d1", user_properties=FREE)
    assert the("person", mapped).body["$distinct_id"] == "u2"


RESERVED = [
    ({"user_properties": {"email": "a@example.com"}}, "$email", "a@example.com"),
    ({"user_properties": {"Email": "a@example.com"}}, "$email", "a@example.com"),
    ({"user_properties": {"name": "Ada"}}, "$name", "Ada"),
    ({"user_properties": {"Name": "Ada"}}, "$name", "Ada"),
    ({"user_properties": {"first_name": "Ada"}}, "$first_name", "Ada"),
    ({"user_properties": {"last_name": "L"}}, "$last_name", "L"),
    ({"user_properties": {"phone": "+1"}}, "$phone", "+1"),
    ({"user_properties": {"avatar": "https://e/a"}}, "$avatar", "https://e/a"),
    ({"city": "Munich"}, "$city", "Munich"),
    ({"region": "Bavaria"}, "$region", "Bavaria"),
    ({"country": "Germany"}, "$country_code", "DE"),
    ({"country": "Atlantis"}, "$country_code", None),
    ({"user_creation_time": "2020-01-02 03:04:05.678"}, "$created", "2020-01-02T03:04:05"),
    ({"user_creation_time": "soon"}, "$created", None),
    ({"user_properties": {"email": "a", "$email": "mine"}}, "$email", "mine"),
    ({"user_properties": {"$city": "Rome"}, "city": "Munich"}, "$city", "Rome"),
]


@pytest.mark.parametrize(("fields", "name", "value"), RESERVED)
def test_what_mixpanel_knows_by_a_name_of_its_own(fields: dict, name: str, value: object) -> None:
    given = {"user_properties": PRO, **fields}
    said = told(Importing().reads(**given))["$set"]
    assert said.get(name) == value
    assert given["user_properties"].items() <= said.items()


def test_another_city_is_news() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, city="Munich")
    moved = importing.reads(user_properties=PRO, city="Rome", event_time=T11)
    assert told(moved)["$set"]["$city"] == "Rome"


def test_attribution_is_set_once_by_an_update_of_its_own() -> None:
    given = {"initial_utm_source": "mail", "initial_referrer": "https://r/", **PRO}
    mapped = Importing().reads(user_properties=given)
    assert told(mapped) == {
        "$set": PRO,
        "$set_once": {"initial_utm_source": "mail", "$initial_referrer": "https://r/"},
    }
    _, snapshot, once = mapped.events
    assert snapshot.deferred
    assert once.deferred
    assert snapshot.order != once.order, "one would take the other's place"
    assert [len(event.facts) for event in (snapshot, once)] == [1, 1]


def test_the_same_attribution_is_told_once_however_often_the_rest_changes() -> None:
    importing = Importing()
    importing.reads(user_properties={"initial_gclid": "g", **FREE})
    mapped = importing.reads(user_properties={"initial_gclid": "g", **PRO}, event_time=T11)
    assert told(mapped) == {"$set": PRO}
    assert {fact.kind for fact in mapped.effects.renewed} == {"initial"}


def test_attribution_alone_is_told() -> None:
    given = {"initial_referring_domain": "r", "initial_gclid": "EMPTY"}
    mapped = Importing().reads(user_properties=given)
    assert told(mapped) == {"$set_once": {"$initial_referring_domain": "r"}}


def test_what_says_nothing_is_not_set() -> None:
    given = {"b": "", "utm_source": "EMPTY", "mood": "EMPTY", "n": 0, "f": False}
    assert told(Importing().reads(user_properties=given)) == {
        "$set": {"mood": "EMPTY", "n": 0, "f": False}
    }


@pytest.mark.parametrize("given", [{"a": ""}, {"initial_gclid": None}, {}, None, [1], "x"])
def test_a_snapshot_that_sets_nothing_is_not_told(given: object) -> None:
    assert kinds(Importing().reads(user_properties=given)) == ["event"]


# Restated on purpose: what Mixpanel writes itself, and what would steer an update.
GUARDED = [
    "$token", "$distinct_id", "$group_key", "$group_id", "$last_seen", "$geo_source",
    "$mp_first_event_time", "$ip", "$ignore_time", "$ignore_alias",
]  # fmt: skip


@pytest.mark.parametrize("key", GUARDED)
def test_what_mixpanel_writes_itself_is_set_under_another_name(key: str) -> None:
    said = told(Importing().reads(user_properties={key: "x", "amplitude_ip": "own", **PRO}))
    aside = "amplitude_" + key[1:]
    expected = {("amplitude_" + aside if aside == "amplitude_ip" else aside): "x"}
    assert said == {"$set": {**PRO, "amplitude_ip": "own", **expected}}


def test_an_address_is_never_told() -> None:
    mapped = Importing(geolocate_ip=True).reads(ip_address="203.0.113.9", user_properties=PRO)
    assert "203.0.113.9" not in str(the("person", mapped).body)


def test_without_profiles_none_is_told_and_none_remembered() -> None:
    importing = Importing(profiles=False)
    mapped = importing.reads(user_properties=PRO)
    assert kinds(mapped) == ["event"]
    assert importing.known.of() == {}
    assert mapped.events[0].body["properties"]["user.plan"] == "pro"


def test_an_expired_event_still_tells_of_its_person() -> None:
    mapped = Importing(now=years_later(3, 0), skip_expired=True).reads(user_properties=PRO)
    assert (kinds(mapped), mapped.skipped) == (["person"], "expired")


def test_an_excluded_event_tells_nothing_and_the_next_one_does() -> None:
    importing = Importing(exclude_events=("Played",))
    assert importing.reads(user_properties=PRO).events == ()
    assert told(importing.reads(event_type="Paused", user_properties=PRO)) == {"$set": PRO}


# What is taken away -------------------------------------------------------------------------


def test_what_is_missing_stays_and_what_is_null_is_taken_away_at_once() -> None:
    importing = Importing()
    importing.reads(user_properties={"plan": "free", "phone": "1", "email": "a@e.x"})
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {"$set": PRO}
    mapped = importing.reads(user_properties={"plan": "pro", "email": None}, event_time=T12)
    assert updates(mapped) == [("$unset", ["email", "$email"]), ("$set", PRO)]
    assert [event.deferred for event in mapped.events] == [False, False, False]
    assert [fact.kind for fact in mapped.effects.facts] == ["person"]


def test_clearing_all_takes_away_every_property_that_was_ever_sent() -> None:
    importing = Importing()
    importing.reads(user_id="u2", user_properties={"plan": "free", "email": "b@e.x"})
    importing.reads(user_properties={"phone": "1"})
    mapped = identify(importing, user_properties={"$clearAll": "-"}, event_time=T11)
    names = ["plan", "email", "phone", "$email", "$phone"]
    assert updates(mapped) == [("$unset", names)]
    assert note_names(mapped) == []


def test_clearing_all_before_anything_was_sent_does_nothing() -> None:
    mapped = identify(Importing(), user_properties={"$clearAll": "-"})
    assert (mapped.events, mapped.skipped) == ((), "nothing to set")


def test_what_was_filled_in_later_says_nothing_of_who_is_known() -> None:
    importing, months_later = Importing(), "2024-05-01 00:00:00.000000"
    assert told(importing.reads(user_properties=FREE, server_upload_time=months_later)) == {
        "$set": FREE
    }
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {"$set": PRO}
    late = importing.reads(user_properties=FREE, server_upload_time=months_later)
    assert kinds(late) == ["event"]
    in_time = Importing(backfill_days=100)
    in_time.reads(user_properties=PRO, event_time=T11)
    assert told(in_time.reads(user_properties=FREE, server_upload_time=months_later)) != {}


def test_who_is_known_by_amplitudes_id_is_updated() -> None:
    importing = Importing()
    importing.reads(device_id="r", amplitude_id=6, user_properties=FREE)
    importing.reads(user_id="u2", device_id="r", amplitude_id=7, user_properties=FREE)
    mapped = importing.reads(
        user_id=None, device_id="r", amplitude_id=7, user_properties=PRO, event_time=T11
    )
    assert the("person", mapped).body["$distinct_id"] == "u2"
    properties = the("event", mapped).body["properties"]
    assert (properties["$user_id"], properties.get("$device_id")) == ("u2", None)
    assert note_names(mapped) == ["known_by_amplitude_id"]


# What a device said before it was anybody's -------------------------------------------------


def test_what_is_known_of_a_device_becomes_its_users() -> None:
    importing = Importing()
    given = {"theme": "dark", "plan": "free", "initial_gclid": "g"}
    importing.reads(user_id=None, device_id="d1", user_properties=given, city="Rome")
    importing.reads(user_id=None, device_id="d1", user_properties=PRO, event_time=T11)
    mapped = importing.reads(device_id="d1", event_time=T12)
    assert told(mapped) == {
        "$set": {"theme": "dark", "plan": "pro", "$city": "Rome"},
        "$set_once": {"initial_gclid": "g"},
    }
    assert not any(event.deferred for event in mapped.events)
    assert "dark" not in str(importing.known.facts), "no property stays when the device is linked"
    assert told(importing.reads(device_id="d1", event_time=T12)) == {}


def test_what_the_record_of_the_link_says_lies_over_what_the_device_said() -> None:
    importing = Importing()
    importing.reads(user_id=None, device_id="d1", user_properties={"theme": "dark", **FREE})
    mapped = importing.reads(device_id="d1", user_properties=PRO, event_time=T11)
    assert updates(mapped) == [("$set", {"theme": "dark", **FREE}), ("$set", PRO)]


def test_what_a_device_said_gives_way_to_what_is_newer_of_its_user() -> None:
    importing = Importing()
    importing.reads(user_id=None, device_id="d1", user_properties=FREE)
    importing.reads(device_id="d2", user_properties=PRO, event_time=T11)
    assert told(importing.reads(device_id="d1", event_time=T12)) == {}
    assert "free" not in str(importing.known.facts)


def test_what_was_sent_before_is_sent_again_over_what_is_inherited() -> None:
    importing = Importing()
    importing.reads(device_id="d2", user_properties=PRO)
    importing.reads(user_id=None, device_id="d1", user_properties=FREE, event_time=T11)
    mapped = importing.reads(device_id="d1", user_properties=PRO, event_time=T12)
    assert updates(mapped) == [("$set", FREE), ("$set", PRO)]


@pytest.mark.parametrize("given", [{"$set": {"email": "a@e.x"}}, {"$add": {"n": 1}}])
def test_a_call_that_claims_a_device_inherits_what_is_known_of_it(given: dict) -> None:
    importing = Importing()
    importing.reads(user_id=None, device_id="d1", user_properties=PRO)
    mapped = identify(importing, device_id="d1", user_properties=given, event_time=T11)
    assert updates(mapped)[0] == ("$set", PRO)
    assert [fact.kind for fact in mapped.effects.claims] == ["owner"]


def test_what_a_device_said_and_took_back_is_not_inherited() -> None:
    importing, anonymous = Importing(), {"user_id": None, "device_id": "d1"}
    importing.reads(**anonymous, user_properties={"email": "a", "b": 2})
    importing.reads(**anonymous, user_properties={"email": None}, event_time=T11)
    assert told(importing.reads(device_id="d1", event_time=T12)) == {"$set": {"b": 2}}
    cleared = Importing()
    cleared.reads(**anonymous, user_properties={"a": 1, "b": 2})
    identify(cleared, **anonymous, user_properties={"$clearAll": "-"}, event_time=T11)
    assert told(cleared.reads(device_id="d1", event_time=T12)) == {}


# Identify records ---------------------------------------------------------------------------


def identify(importing: Importing, **fields: Any) -> Walked:
    return importing.reads(event_type="$identify", **fields)


def test_an_identify_record_with_a_snapshot_is_one_like_any_other() -> None:
    mapped = identify(Importing(), user_properties=PRO)
    (update,) = mapped.events
    assert (update.body["$set"], update.deferred, mapped.skipped) == (PRO, True, None)


def test_the_operations_of_an_identify_record_go_at_once_in_their_order() -> None:
    operations = {
        "$set": {"plan": "pro", "email": "a"},
        "$setOnce": {"initial_utm_source": "mail", "first": 1},
        "$unset": {"name": "-", "old": "-"},
        "plain": True,
    }
    mapped = identify(Importing(), user_properties=operations)
    assert told(mapped) == {
        "$set": {"plan": "pro", "email": "a", "plain": True, "$email": "a"},
        "$set_once": {"first": 1, "initial_utm_source": "mail"},
        "$unset": ["name", "old", "$name"],
    }
    assert {(event.order, event.deferred) for event in mapped.events} == {("u1", False)}
    assert [(fact.kind, fact.name) for fact in mapped.effects.facts] == [("person", "u1")]
    assert [event.facts for event in mapped.events] == [(), (), ()]


def test_operations_without_counterpart_are_counted() -> None:
    operations = {"$add": {"n": 1}, "$append": {"l": 2}, "$set": PRO}
    mapped = identify(Importing(), user_properties=operations)
    assert told(mapped) == {"$set": PRO}
    assert [note.example for note in mapped.notes] == ["$add", "$append"]
    assert set(note_names(mapped)) == {"operations_without_counterpart"}


def test_an_identify_record_that_is_not_newer_is_superseded() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, event_time=T11)
    mapped = identify(importing, user_properties={"$set": FREE}, event_time=T10)
    assert (mapped.events, mapped.skipped) == ((), "superseded")


@pytest.mark.parametrize("given", [None, {}, "x", {"a": ""}, {"$add": {"n": 1}}])
def test_an_identify_record_may_set_nothing(given: object) -> None:
    mapped = identify(Importing(), user_properties=given)
    assert (mapped.events, mapped.skipped) == ((), "nothing to set")


@pytest.mark.parametrize(
    ("settings", "fields", "skipped"),
    [
        ({"profiles": False}, {}, "profiles: false"),
        ({}, {"user_id": None, "device_id": "d1"}, "no user"),
        ({}, {"user_id": "anonymous"}, "no user"),
    ],
)
def test_an_identify_record_of_nobody_says_so(settings: dict, fields: dict, skipped: str) -> None:
    mapped = identify(Importing(**settings), user_properties=PRO, **fields)
    assert (mapped.events, mapped.skipped) == ((), skipped)
