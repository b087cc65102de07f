from __future__ import annotations

import json
from itertools import count

import pytest
import requests

from tests.fakes.posthog import FakePostHog


def event(name: str, distinct_id: str, **properties) -> dict:
    """An event; `set_` and `set_once_` become `$set` and `$set_once`, and so on."""
    named = {
        f"${key[:-1]}" if key.endswith("_") else key: value for key, value in properties.items()
    }
    return {"event": name, "distinct_id": distinct_id, "properties": named}


def identify(user: str, device: str, **properties) -> dict:
    return event("$identify", user, anon_distinct_id_=device, **properties)


def alias(user: str, device: str) -> dict:
    return event("$create_alias", user, alias=device)


def delivered(*events: dict) -> FakePostHog:
    """A PostHog to which these were delivered, each in its own request, and which is stopped."""
    numbers = count(1)
    with FakePostHog() as posthog, requests.Session() as session:
        for sent in events:
            whole = {
                "uuid": f"00000000-0000-4000-8000-{next(numbers):012d}",
                "timestamp": "2024-03-01T12:00:00Z",
                **sent,
            }
            body = json.dumps({"api_key": "phc_key", "batch": [whole]})
            assert session.post(posthog.url + "/batch/", data=body, timeout=10).status_code == 200
    return posthog


def ids(posthog: FakePostHog) -> list[list[str]]:
    return sorted(sorted(person.distinct_ids) for person in posthog.people())


def reasons(posthog: FakePostHog) -> list[tuple[str, str, str]]:
    return [(merge.into, merge.other, merge.reason) for merge in posthog.refused_merges]


ALREADY_IDENTIFIED = "cannot_merge_already_identified"
ILLEGAL = "cannot_merge_with_illegal_distinct_id"

# Merges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [identify, alias])
def test_a_link_makes_two_people_one(link):
    posthog = delivered(event("seen", "device"), event("seen", "ada"), link("ada", "device"))
    (person,) = posthog.people()
    assert person.distinct_ids == {"ada", "device"}
    assert person.identified
    assert posthog.person("device") is person
    assert posthog.refused_merges == []


@pytest.mark.parametrize("link", [identify, alias])
@pytest.mark.parametrize("known", [[], ["ada"], ["device"]])
def test_a_link_of_ids_not_yet_known_makes_one_person(link, known):
    posthog = delivered(*(event("seen", name) for name in known), link("ada", "device"))
    (person,) = posthog.people()
    assert person.distinct_ids == {"ada", "device"}
    assert person.identified


def test_a_person_can_have_many_devices():
    posthog = delivered(identify("ada", "phone"), event("seen", "tablet"), alias("ada", "tablet"))
    assert ids(posthog) == [["ada", "phone", "tablet"]]


def test_events_without_a_link_stay_two_anonymous_people():
    posthog = delivered(event("seen", "ada"), event("seen", "device"))
    assert ids(posthog) == [["ada"], ["device"]]
    assert not any(person.identified for person in posthog.people())


@pytest.mark.parametrize("link", [identify, alias])
def test_a_shared_device_is_refused_to_a_second_user_who_is_known(link):
    posthog = delivered(identify("ada", "tablet"), event("seen", "bea"), link("bea", "tablet"))
    assert ids(posthog) == [["ada", "tablet"], ["bea"]]
    assert reasons(posthog) == [("bea", "tablet", ALREADY_IDENTIFIED)]
    assert posthog.refused_merges[0].uuid.endswith("3")
    assert posthog.person("bea").identified  # so that is is, after a refusal too


@pytest.mark.parametrize("link", [identify, alias])
def test_a_shared_device_swallows_a_second_user_nobody_knows_yet(link):
    # The danger a target must avoid: an id without a person joins the identified owner.
    posthog = delivered(identify("ada", "tablet"), link("bea", "tablet"))
    assert ids(posthog) == [["ada", "bea", "tablet"]]
    assert posthog.refused_merges == []


def test_a_link_the_wrong_way_round_is_refused_from_the_second_device_on():
    posthog = delivered(
        event("seen", "phone"),
        event("seen", "ada"),
        alias("phone", "ada"),
        event("seen", "tablet"),
        alias("tablet", "ada"),
    )
    assert ids(posthog) == [["ada", "phone"], ["tablet"]]
    assert reasons(posthog) == [("tablet", "ada", ALREADY_IDENTIFIED)]


def test_who_is_identified_stays_so():
    later = [event("seen", "tablet"), event("seen", "bea"), alias("bea", "tablet")]
    posthog = delivered(identify("ada", "tablet"), *later)
    assert ids(posthog) == [["ada", "tablet"], ["bea"]]


def test_a_dangerous_merge_has_no_checks():
    dangerous = event("$merge_dangerously", "bea", alias="ada")
    posthog = delivered(identify("ada", "tablet"), event("seen", "bea"), dangerous)
    assert ids(posthog) == [["ada", "bea", "tablet"]]


def test_a_link_delivered_twice_changes_nothing():
    posthog = delivered(
        *[event("seen", "device"), event("seen", "ada"), alias("ada", "device")] * 2
    )
    assert ids(posthog) == [["ada", "device"]]
    assert posthog.refused_merges == []


def test_a_link_to_itself_is_no_link():
    posthog = delivered(alias("ada", "ada"))
    assert ids(posthog) == [["ada"]]
    assert not posthog.person("ada").identified
    assert posthog.refused_merges == []


def test_an_identify_without_another_id_is_no_link():
    posthog = delivered(event("$identify", "ada", set_={"plan": "pro"}))
    assert (ids(posthog), posthog.person("ada").properties) == ([["ada"]], {"plan": "pro"})
    assert not posthog.person("ada").identified


@pytest.mark.parametrize(
    "illegal",
    [
        "anonymous", "GUEST", "distinct_id", "id", "Undefined", "'true'", '"email"', "null", "0",
        "NaN", "[object Object]", "None", "none", "  ",
    ],
)  # fmt: skip
def test_illegal_ids_are_not_merged_in_either_direction(illegal):
    posthog = delivered(identify("ada", illegal))
    assert reasons(posthog) == [("ada", illegal, ILLEGAL)]
    assert ids(posthog) == [["ada"]]
    if illegal.strip():  # a blank distinct_id does not get this far
        assert reasons(delivered(alias(illegal, "device"))) == [(illegal, "device", ILLEGAL)]


@pytest.mark.parametrize("legal", ["nan", "NULL", "00", "anonymous2", "'0", "\"id'"])
def test_ids_that_only_look_illegal_are_merged(legal):
    posthog = delivered(identify("ada", legal))
    assert ids(posthog) == [sorted(["ada", legal])]


def test_on_a_merge_the_properties_of_the_one_merged_into_win():
    posthog = delivered(
        event("seen", "ada", set_={"plan": "pro", "city": "Oslo"}),
        event("seen", "device", set_={"plan": "free", "colour": "red"}),
        identify("ada", "device", set_={"city": "Rome"}),
    )
    assert posthog.person("ada").properties == {"plan": "pro", "city": "Rome", "colour": "red"}


# Properties -----------------------------------------------------------------------------------


def test_the_last_set_to_arrive_wins_whatever_its_time():
    new = {**event("seen", "ada", set_={"plan": "new"}), "timestamp": "2024-05-01T00:00:00Z"}
    old = {**event("seen", "ada", set_={"plan": "old"}), "timestamp": "2020-05-01T00:00:00Z"}
    assert delivered(old, new).person("ada").properties == {"plan": "new"}
    assert delivered(new, old).person("ada").properties == {"plan": "old"}


def test_a_duplicate_sets_again():
    first, second = event("a", "ada", set_={"plan": 1}), event("b", "ada", set_={"plan": 2})
    posthog = delivered(first, second, first)
    assert posthog.person("ada").properties == {"plan": 1}


def test_set_once_looks_only_at_whether_the_key_is_there():
    posthog = delivered(
        event("seen", "ada", set_={"plan": None}),
        event("seen", "ada", set_once_={"plan": "pro", "source": "ad"}),
        event("seen", "ada", set_once_={"source": "mail"}),
    )
    assert posthog.person("ada").properties == {"plan": None, "source": "ad"}


def test_set_wins_over_set_once_in_one_event():
    posthog = delivered(event("seen", "ada", set_={"plan": "set"}, set_once_={"plan": "once"}))
    assert posthog.person("ada").properties == {"plan": "set"}


@pytest.mark.parametrize("unset", [["plan", "unknown"], {"plan": ""}])
def test_unset_takes_keys_away_and_set_once_can_set_them_again(unset):
    taken = [
        event("seen", "ada", set_={"plan": "pro", "age": 3}),
        event("$set", "ada", unset_=unset),
    ]
    assert delivered(*taken).person("ada").properties == {"age": 3}
    again = delivered(*taken, event("seen", "ada", set_once_={"plan": "new"}))
    assert again.person("ada").properties == {"age": 3, "plan": "new"}


@pytest.mark.parametrize("value", ["plan", ["plan"], None, 7])
def test_a_set_that_is_no_object_sets_nothing(value):
    posthog = delivered(event("seen", "ada", set_=value, set_once_=value))
    assert posthog.person("ada").properties == {}


def test_set_beside_the_properties_counts():
    posthog = delivered({**event("seen", "ada"), "$set": {"plan": "pro"}})
    assert posthog.person("ada").properties == {"plan": "pro"}


def test_events_without_person_processing_make_no_profile_and_change_none():
    quiet = event("seen", "ada", process_person_profile_=False, set_={"plan": "pro"})
    assert delivered(quiet).people() == []
    posthog = delivered(event("seen", "ada"), quiet)
    assert posthog.person("ada").properties == {}


def test_a_link_reaches_an_id_that_had_no_profile():
    posthog = delivered(
        event("seen", "device", process_person_profile_=False), alias("ada", "device")
    )
    assert ids(posthog) == [["ada", "device"]]


def test_people_can_be_asked_for_while_events_go_on_arriving():
    with FakePostHog() as posthog:
        for plan in ("free", "pro"):
            sent = {**event("seen", "ada", set_={"plan": plan}), "uuid": None}
            body = json.dumps({"api_key": "phc_key", "batch": [sent]})
            requests.post(posthog.url + "/batch/", data=body, timeout=10)
            assert posthog.person("ada").properties == {"plan": plan}
            assert len(posthog.people()) == 1


# Groups ---------------------------------------------------------------------------------------


def group(group_type: str, key: object, **values) -> dict:
    return event("$groupidentify", "g", group_type_=group_type, group_key_=key, group_set_=values)


def test_group_properties_are_set_by_arrival():
    posthog = delivered(
        group("org", "acme", plan="free", seats=3),
        group("org", 7),
        group("org", "acme", plan="pro"),
    )
    assert posthog.groups() == {("org", "acme"): {"plan": "pro", "seats": 3}, ("org", "7"): {}}
    assert posthog.group_types == ["org"]


def test_a_group_update_may_set_nothing():
    posthog = delivered(
        event("$groupidentify", "g", group_type_="org", group_key_="a", group_set_=None)
    )
    assert posthog.groups() == {("org", "a"): {}}


def test_a_project_has_the_first_five_group_types_it_meets():
    posthog = delivered(
        event("seen", "ada", groups_={"one": "a", "two": "b"}),
        group("three", "c"),
        group("one", "a", size=1),
        *(group(name, "d", size=2) for name in ("four", "five", "six")),
    )
    assert posthog.group_types == ["one", "two", "three", "four", "five"]
    assert ("six", "d") not in posthog.groups()
    assert posthog.groups()["one", "a"] == {"size": 1}


def test_events_without_person_processing_link_no_groups():
    quiet = event("seen", "ada", process_person_profile_=False, groups_={"org": "acme"})
    assert delivered(quiet).group_types == []
