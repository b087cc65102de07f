from __future__ import annotations

import json
from itertools import count

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.fakes.mixpanel import Conflict, FakeMixpanel, Merge, Person, RefusedMerge
from tests.fakes.mixpanel.identity import SimplifiedPeople, Who

ANON = "0b4a6f2e-1111-4222-8333-444455556666"
NO_VERBS = "identity events are not allowed when project is using simplified identity management"

numbers = count(1)


def event(user: str | None = None, device: str | None = None, **other) -> dict:
    ids = {"$user_id": user, "$device_id": device, **other}
    properties = {key: value for key, value in ids.items() if value is not None}
    number = next(numbers)
    control = {"time": 1_709_294_400, "$insert_id": f"event-{number}", "ip": 0}
    return {"event": "seen", "properties": {**control, **properties}}


def verb(name: str, **properties) -> dict:
    named = {f"${key}" if key != "alias" else key: value for key, value in properties.items()}
    if name == "$create_alias":
        named["distinct_id"] = named.pop("$distinct_id")
    return {"event": name, "properties": named}


def merge(*ids: str) -> dict:
    return verb("$merge", distinct_ids=list(ids))


def send(mixpanel: FakeMixpanel, *events: dict):
    return requests.post(
        f"{mixpanel.url}/import?strict=1",
        data=json.dumps(events),
        headers={"Content-Type": "application/json"},
        auth=("mixpanel-token", ""),
        timeout=10,
    )


def delivered(*events: dict, **project) -> FakeMixpanel:
    """A Mixpanel that took these, each in its own request, and is stopped."""
    with FakeMixpanel(**project) as mixpanel:
        for sent in events:
            assert send(mixpanel, sent).status_code == 200
    return mixpanel


def clusters(*ids: str) -> set[frozenset[str]]:
    """Clusters, each written as its ids with a space between them."""
    return {frozenset(each.split()) for each in ids}


# Simplified: under which id an event is stored ------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "distinct_id"),
    [
        ({"$user_id": "ada", "$device_id": "phone"}, "ada"),
        ({"$user_id": "ada"}, "ada"),
        ({"$device_id": "phone"}, "$device:phone"),
        ({"$device_id": "$device:phone"}, "$device:phone"),
        ({"$device_id": "$device:$device:phone"}, "$device:$device:phone"),
        ({"$user_id": "ada", "distinct_id": "bob"}, "ada"),
        ({"$device_id": "phone", "distinct_id": "bob"}, "$device:phone"),
        ({"$user_id": "", "$device_id": "phone"}, "$device:phone"),
        ({"$user_id": "ada", "$device_id": ""}, "ada"),
        ({"distinct_id": "bob"}, "bob"),
        ({"distinct_id": "$device:phone"}, "$device:phone"),
        ({"distinct_id": ""}, ""),
    ],
)
def test_the_id_is_derived_from_user_then_device_then_what_was_sent(ids, distinct_id):
    mixpanel = delivered(event(**ids))
    assert mixpanel.arrivals[0]["distinct_id"] == distinct_id
    assert mixpanel.journal[0].notes == set()


def test_without_any_id_the_server_makes_one_and_a_note_is_left():
    mixpanel = delivered(event())
    assert mixpanel.arrivals[0]["distinct_id"] == "hash-of-the-requests-ip"
    assert mixpanel.journal[0].notes == {"the server made a distinct_id of the request's ip"}


def test_events_of_nobody_are_stored_and_make_no_person():
    mixpanel = delivered(event(distinct_id=""), event("ada"))
    assert len(mixpanel.stored()) == 2
    assert mixpanel.people() == [Person("ada", frozenset({"ada"}), 1)]


# Simplified: who is who -----------------------------------------------------------------------


def test_a_link_counts_for_events_before_and_after_it():
    mixpanel = delivered(event(None, "phone"), event("ada", "phone"), event(None, "phone"))
    assert mixpanel.owner("phone") == "ada"
    assert mixpanel.resolve("$device:phone") == "ada"
    assert mixpanel.people() == [Person("ada", frozenset({"ada", "$device:phone"}), 3)]


def test_a_device_stays_its_first_users_and_a_second_users_events_are_the_second_users():
    mixpanel = delivered(
        event("ada", "phone"), event("bob", "phone"), event(None, "phone"), event("bob", "phone")
    )
    assert mixpanel.owner("phone") == "ada"
    assert mixpanel.clusters() == clusters("ada $device:phone", "bob")
    assert [person.events for person in mixpanel.people()] == [2, 2]
    assert mixpanel.conflicts == [Conflict("phone", "ada", "bob")] * 2


def test_the_first_to_arrive_wins_whatever_the_times():
    late, early = event("ada", "phone", time=1_709_294_400), event("bob", "phone", time=86_400_000)
    assert delivered(late, early).owner("phone") == "ada"
    assert delivered(early, late).owner("phone") == "bob"


def test_a_user_may_have_many_devices():
    mixpanel = delivered(event("ada", "phone"), event("ada", "laptop"), event(None, "tv"))
    assert mixpanel.clusters() == clusters("ada $device:phone $device:laptop", "$device:tv")
    assert (mixpanel.owner("tv"), mixpanel.conflicts) == (None, [])


def test_a_duplicate_counts_once_for_its_person():
    twice = event("ada", "phone")
    assert delivered(twice, twice).people()[0].events == 1


def test_who_is_who_can_be_asked_between_requests():
    with FakeMixpanel() as mixpanel:
        send(mixpanel, event(None, "phone"))
        assert mixpanel.clusters() == clusters("$device:phone")
        send(mixpanel, event("ada", "phone"))
        assert mixpanel.clusters() == clusters("ada $device:phone")


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([None, "x", "y"]))))
@settings(deadline=None, max_examples=examples(50))
def test_the_owner_is_the_first_user_seen_with_the_device(pairs):
    people = SimplifiedPeople()
    for user, device in pairs * 2:  # sending everything twice changes nothing
        if user or device:
            people.meet(Who(user or f"$device:{device}", user, device))
    for device in ("x", "y"):
        users = [user for user, seen in pairs if user and seen == device]
        assert people.owners.get(device) == (users[0] if users else None)


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge"])
def test_one_identity_event_refuses_the_whole_batch(name):
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, event("ada"), {**event("ada"), "event": name}, event("ada"))
    assert reply.status_code == 400
    assert reply.json() == {
        "code": 400,
        "error": "some data points in the request failed validation",
        "status": "Bad Request",
        "num_records_imported": 0,
        "failed_records": [NO_VERBS],
    }
    assert not mixpanel.arrivals


# Original -------------------------------------------------------------------------------------


def original(*events: dict) -> FakeMixpanel:
    return delivered(*events, identity_merge="original")


def test_an_original_project_wants_a_distinct_id():
    with FakeMixpanel(identity_merge="original") as mixpanel:
        (record,) = send(mixpanel, event("ada", "phone")).json()["failed_records"]
    assert record["field"] == "properties.distinct_id"
    assert record["message"] == "'properties.distinct_id' is invalid: must not be missing"


def test_user_and_device_properties_link_nothing():
    mixpanel = original(event("ada", "phone", distinct_id="x"), event(distinct_id=""))
    assert mixpanel.people() == [Person("x", frozenset({"x"}), 1)]
    assert mixpanel.owner("phone") is None
    assert [stored["distinct_id"] for stored in mixpanel.arrivals] == ["x", ""]


@pytest.mark.parametrize(
    "link",
    [
        merge(ANON, "ada"),
        verb("$identify", identified_id="ada", anon_id=ANON),
        verb("$create_alias", distinct_id="ada", alias=ANON),
    ],
)
@pytest.mark.parametrize("link_first", [False, True])
def test_a_link_makes_two_ids_one_person(link, link_first):
    seen = [event(distinct_id="ada"), event(distinct_id=ANON)]
    mixpanel = original(*([link, *seen] if link_first else [*seen, link]))
    (person,) = mixpanel.people()
    assert (person.ids, person.events) == ({"ada", ANON}, 2)
    assert mixpanel.resolve("ada") == mixpanel.resolve(ANON) == person.distinct_id
    assert len(mixpanel.arrivals) == 2  # the link is not among the events
    assert [link.event for link in mixpanel.merges] == [link["event"]]


def test_merges_join_clusters():
    mixpanel = original(merge("a", "b"), merge("c", "d"), merge("b", "c"), merge("d", "a"))
    assert mixpanel.clusters() == clusters("a b c d")


def test_a_merged_anonymous_id_cannot_be_identified_again():
    again = verb("$identify", identified_id="bob", anon_id=ANON)
    mixpanel = original(verb("$identify", identified_id="ada", anon_id=ANON), again)
    assert mixpanel.clusters() == clusters(f"ada {ANON}", "bob")
    order = Merge("$identify", ("bob", ANON), 2)
    assert mixpanel.refused_merges == [RefusedMerge(order, "$anon_id is merged already")]


def test_the_same_link_again_changes_nothing():
    link = verb("$identify", identified_id="ada", anon_id=ANON)
    mixpanel = original(link, link)
    assert mixpanel.clusters() == clusters(f"ada {ANON}")
    assert not mixpanel.refused_merges


def test_a_person_has_at_most_500_ids():
    with FakeMixpanel(identity_merge="original") as mixpanel:
        links = [merge("ada", f"id-{number}") for number in range(500)]
        assert send(mixpanel, *links).json()["num_records_imported"] == 500
    assert {len(cluster) for cluster in mixpanel.clusters()} == {500, 1}
    (refused,) = mixpanel.refused_merges
    assert (refused.merge.ids, refused.reason) == (
        ("ada", "id-499"),
        "over 500 ids in one cluster",
    )


@pytest.mark.parametrize(
    ("link", "field"),
    [
        (merge("ada"), "properties.$distinct_ids"),
        (merge("ada", ""), "properties.$distinct_ids"),
        (merge("a", "b", "c"), "properties.$distinct_ids"),
        (verb("$merge", distinct_ids="ada"), "properties.$distinct_ids"),
        (verb("$identify", identified_id="ada"), "properties.$anon_id"),
        (verb("$identify", identified_id="", anon_id=ANON), "properties.$identified_id"),
        (verb("$identify", identified_id="ada", anon_id="phone"), "properties.$anon_id"),
        (verb("$create_alias", distinct_id="ada", alias=7), "properties.alias"),
    ],
)
def test_a_link_that_lacks_something_fails_alone(link, field):
    with FakeMixpanel(identity_merge="original") as mixpanel:
        reply = send(mixpanel, link, event(distinct_id="ada"))
    (record,) = reply.json()["failed_records"]
    assert (record["index"], record["field"]) == (0, field)
    assert len(mixpanel.arrivals) == 1
    assert not mixpanel.merges
