from __future__ import annotations

from typing import Any

import pytest

from tests.pairs.walk import note_names, the
from tests.target_posthog.from_amplitude.remembering import Importing

T10, T11, T12 = (f"2024-03-01 {hour}:00:00.000000" for hour in (10, 11, 12))
FREE, PRO = {"plan": "free"}, {"plan": "pro"}


def told(mapped: Any) -> dict[str, Any]:
    properties = mapped.events[-1].body["properties"]
    return {key: properties[key] for key in ("$set", "$set_once", "$unset") if key in properties}


def test_the_first_snapshot_is_sent() -> None:
    assert told(Importing().reads(user_properties=PRO)) == {"$set": PRO}


def test_the_same_snapshot_is_sent_once() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO)
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {}


def test_a_newer_snapshot_is_sent() -> None:
    importing = Importing()
    importing.reads(user_properties=FREE)
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {"$set": PRO}


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


@pytest.mark.parametrize("order", [(FREE, PRO), (PRO, FREE)])
def test_of_two_snapshots_of_one_instant_the_one_read_later_is_newer(order: tuple) -> None:
    importing = Importing()
    assert [told(importing.reads(user_properties=each)) for each in order] == [
        {"$set": each} for each in order
    ]


def test_of_one_upload_the_counter_of_events_says_what_is_newer() -> None:
    """A run that is repeated reads both again: neither says anything new."""
    rows = [{"user_properties": FREE, "event_id": 9}, {"user_properties": PRO, "event_id": 10}]
    importing = Importing()
    assert [told(importing.reads(**row)) for row in rows] == [{"$set": FREE}, {"$set": PRO}]
    assert [told(importing.reads(**row)) for row in rows] == [{}, {}]


def test_people_do_not_share_what_was_told() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, event_time=T12)
    assert told(importing.reads(user_id="u2", user_properties=PRO)) == {"$set": PRO}


def test_an_older_snapshot_of_the_user_does_not_overwrite_what_its_device_was_told() -> None:
    importing = Importing()
    importing.reads(user_id=None, device_id="d1", user_properties=PRO, event_time=T11)
    assert told(importing.reads(device_id="d1", user_properties=FREE, event_time=T10)) == {}
    late = importing.reads(device_id="d1", user_properties=FREE, event_time=T12)
    assert told(late) == {"$set": FREE}


def test_what_a_device_was_told_is_its_users_from_the_link_on() -> None:
    importing = Importing()
    importing.reads(user_id=None, device_id="d1", user_properties=PRO, event_time=T11)
    importing.reads(device_id="d1", user_properties=FREE, event_time=T10)
    elsewhere = importing.reads(device_id=None, user_properties=FREE, event_time=T10)
    assert told(elsewhere) == {}


def test_what_a_device_was_told_does_not_replace_what_its_user_was_told() -> None:
    importing = Importing()
    importing.reads(device_id="d2", user_properties=FREE, event_time=T10)
    importing.reads(user_id=None, device_id="d1", user_properties=PRO, event_time=T12)
    mapped = importing.reads(device_id="d1", user_properties=PRO, event_time=T11)
    assert told(mapped) == {"$set": PRO}


@pytest.mark.parametrize("amplitude_id", [None, 99])
def test_who_is_not_named_sets_nothing_on_the_owner_of_the_device(amplitude_id: object) -> None:
    importing = Importing()
    importing.reads(device_id="d1", amplitude_id=1, user_properties=PRO)
    mapped = importing.reads(
        user_id=None, device_id="d1", amplitude_id=amplitude_id, user_properties=FREE,
        event_time=T11,
    )  # fmt: skip
    assert (told(mapped), note_names(mapped)) == ({}, ["person_in_doubt"])
    assert mapped.events[0].body["distinct_id"] == "d1"
    call = identify(
        importing, user_id=None, device_id="d1", user_properties={"$set": FREE}, event_time=T11
    )
    assert (call.events, call.skipped) == ((), "person_in_doubt")


def test_who_is_known_by_amplitudes_id_is_set() -> None:
    importing = Importing()
    importing.reads(device_id="r", amplitude_id=6, user_properties=FREE)
    importing.reads(user_id="u2", device_id="r", amplitude_id=7, user_properties=FREE)
    mapped = importing.reads(
        user_id=None, device_id="r", amplitude_id=7, user_properties=PRO, event_time=T11
    )
    assert mapped.events[0].body["distinct_id"] == "u2"
    assert (told(mapped), note_names(mapped)) == ({"$set": PRO}, ["known_by_amplitude_id"])


def test_what_was_filled_in_later_says_nothing_of_who_is_known() -> None:
    importing, months_later = Importing(), "2024-05-01 00:00:00.000000"
    filled_in = {"user_properties": FREE, "server_upload_time": months_later}
    assert told(importing.reads(**filled_in)) == {"$set": FREE}
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {"$set": PRO}
    assert told(importing.reads(**filled_in)) == {}
    by_device = Importing()
    by_device.reads(user_id=None, device_id="d1", user_properties=PRO)
    assert told(by_device.reads(device_id="d1", **filled_in)) == {}
    assert told(Importing(backfill_days=100).reads(**filled_in)) == {"$set": FREE}


def test_what_is_missing_stays_and_what_is_null_is_taken_away() -> None:
    importing = Importing()
    importing.reads(user_properties={"plan": "free", "phone": "1"})
    assert told(importing.reads(user_properties=PRO, event_time=T11)) == {"$set": PRO}
    given = {"plan": "pro", "phone": None, "initial_gclid": None}
    cleared = importing.reads(user_properties=given, event_time=T12)
    assert told(cleared) == {"$set": PRO, "$unset": ["phone"]}


def test_clearing_all_takes_away_every_property_that_was_ever_sent() -> None:
    importing = Importing()
    importing.reads(user_id="u2", user_properties={"plan": "free"})
    importing.reads(user_properties={"phone": "1", "plan": "free"})
    mapped = identify(importing, user_properties={"$clearAll": "-"}, event_time=T11)
    assert (told(mapped), note_names(mapped)) == ({"$unset": ["plan", "phone"]}, [])
    once = Importing(person_properties="set_once")
    once.reads(user_properties=PRO)
    mapped = identify(once, user_properties={"$clearAll": "-"}, event_time=T11)
    assert (mapped.skipped, note_names(mapped)) == (
        "nothing to set", ["operations_without_counterpart"],
    )  # fmt: skip


def test_attribution_is_set_once_under_posthogs_names() -> None:
    given = {"initial_utm_source": "mail", "initial_referrer": "EMPTY", "initial_deposit": 5, **PRO}
    assert told(Importing().reads(user_properties=given)) == {
        "$set": {"initial_deposit": 5, "plan": "pro"},
        "$set_once": {"$initial_utm_source": "mail"},
    }


def test_what_says_nothing_is_not_set() -> None:
    given = {"b": "", "utm_source": "EMPTY", "mood": "EMPTY", "n": 0, "f": False}
    assert told(Importing().reads(user_properties=given)) == {
        "$set": {"mood": "EMPTY", "n": 0, "f": False}
    }


def test_a_snapshot_that_sets_nothing_is_not_remembered() -> None:
    importing = Importing()
    mapped = importing.reads(user_properties={"a": ""})
    assert told(mapped) == {}
    assert mapped.effects.facts == []


def test_set_once_never_overwrites() -> None:
    given = {"initial_utm_source": "mail", **PRO}
    mapped = Importing(person_properties="set_once").reads(user_properties=given)
    assert told(mapped) == {"$set_once": {"plan": "pro", "$initial_utm_source": "mail"}}


def test_none_sends_none_and_remembers_none() -> None:
    mapped = Importing(person_properties="none").reads(user_properties=PRO)
    assert told(mapped) == {}
    assert mapped.effects.facts == []


def test_an_anonymous_event_makes_no_profile_when_only_the_identified_have_one() -> None:
    importing = Importing(person_profiles="identified_only")
    mapped = importing.reads(user_id=None, device_id="d1", user_properties=PRO)
    assert mapped.events[0].body["properties"]["$process_person_profile"] is False
    assert told(mapped) == {}
    assert mapped.effects.facts == []
    known = importing.reads(device_id="d1", user_properties=PRO)
    assert "$process_person_profile" not in known.events[-1].body["properties"]
    assert told(known) == {"$set": PRO}


def identify(importing: Importing, **fields: Any) -> Any:
    return importing.reads(event_type="$identify", **fields)


def test_an_identify_record_sets_person_properties() -> None:
    operations = {
        "$set": {"plan": "pro"},
        "$setOnce": {"initial_utm_source": "mail", "first": 1},
        "$unset": {"old": "-"},
        "plain": True,
    }
    mapped = identify(Importing(), user_properties=operations)
    (event,) = mapped.events
    assert (event.kind, event.name, event.body["event"]) == ("person", "$set", "$set")
    assert told(mapped) == {
        "$set": {"plan": "pro", "plain": True},
        "$set_once": {"first": 1, "$initial_utm_source": "mail"},
        "$unset": ["old"],
    }


def test_operations_without_counterpart_are_counted() -> None:
    operations = {"$add": {"n": 1}, "$append": {"l": 2}, "$set": {"plan": "pro"}}
    mapped = identify(Importing(), user_properties=operations)
    assert told(mapped) == {"$set": {"plan": "pro"}}
    assert [n.example for n in mapped.notes] == ["$add", "$append"]
    assert set(note_names(mapped)) == {"operations_without_counterpart"}


def test_set_once_unsets_nothing() -> None:
    operations = {"$set": {"plan": "pro"}, "$unset": ["old"]}
    mapped = identify(Importing(person_properties="set_once"), user_properties=operations)
    assert told(mapped) == {"$set_once": {"plan": "pro"}}
    assert note_names(mapped) == ["operations_without_counterpart"]


def test_an_identify_record_that_is_not_newer_is_superseded() -> None:
    importing = Importing()
    importing.reads(user_properties=PRO, event_time=T11)
    mapped = identify(importing, user_properties={"$set": FREE}, event_time=T10)
    assert (mapped.events, mapped.skipped) == ((), "superseded")


@pytest.mark.parametrize(
    "given", [None, {}, "x", {"a": ""}, {"utm_source": "EMPTY"}, {"$add": {"n": 1}}]
)
def test_an_identify_record_may_set_nothing(given: object) -> None:
    mapped = identify(Importing(), user_properties=given)
    assert (mapped.events, mapped.skipped) == ((), "nothing to set")


@pytest.mark.parametrize(
    ("settings", "skipped"),
    [
        ({"person_properties": "none"}, "person_properties: none"),
        ({"person_profiles": "identified_only"}, "person_profiles: identified_only"),
    ],
)
def test_an_identify_record_follows_the_settings(settings: dict, skipped: str) -> None:
    mapped = identify(
        Importing(**settings), user_id=None, device_id="d1", user_properties={"$set": PRO}
    )
    assert (mapped.events, mapped.skipped) == ((), skipped)


def test_an_identify_record_links_even_when_it_sets_nothing() -> None:
    mapped = identify(Importing(), device_id="d1")
    assert [event.kind for event in mapped.events] == ["link"]


def test_properties_that_the_user_leaves_out_travel_neither_on_events_nor_on_people():
    importing = Importing(exclude_properties=("secret*",))
    own = {"secret_a": 1, "song": "x"}
    mapped = importing.reads(event_properties=own, user_properties={"secret_b": 2, "plan": "pro"})
    properties = the("event", mapped).body["properties"]
    assert (properties["song"], properties["$set"]) == ("x", {"plan": "pro"})
    assert "secret_a" not in properties
