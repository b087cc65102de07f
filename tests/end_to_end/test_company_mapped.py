"""A whole company's history through a mapping alone ends as its generator knows it must."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.destinations import AMPLITUDE, DESTINATIONS, MIXPANEL, POSTHOG
from tests.end_to_end.company_mapped import (
    INGESTED,
    TOO_LARGE,
    lines_of,
    now_of,
    walked,
)
from tests.examples import first_of
from tests.fakes.company import Company
from tests.fakes.http.exactly_once import assert_exactly_once

SEEDS = (1, 2, 3)

only_posthog = pytest.mark.parametrize("destination", [POSTHOG], ids=str, indirect=True)
only_mixpanel = pytest.mark.parametrize("destination", [MIXPANEL], ids=str, indirect=True)
only_amplitude = pytest.mark.parametrize("destination", [AMPLITUDE], ids=str, indirect=True)


@pytest.fixture(scope="module", params=DESTINATIONS, ids=str)
def destination(request):
    """Each once: by which way events are sent is nothing to a mapping."""
    return request.param


@pytest.fixture(scope="module", params=first_of(SEEDS), ids=lambda seed: f"seed {seed}")
def company(request) -> Company:
    return Company(seed=request.param, events=3_000)


@pytest.fixture(scope="module")
def truth(destination, company):
    return destination.truth(company)


@pytest.fixture(scope="module")
def result(destination, company, truth):
    return walked(destination, lines_of(company, truth.dead), now_of(company))


@pytest.fixture(scope="module")
def ingested(destination, company, result):
    return INGESTED[destination](result, company)


def test_each_event_is_there_once(truth, ingested):
    assert_exactly_once(ingested.ids, set(truth.events))


def test_the_dead_are_those_that_must_be(truth, result):
    dead = truth.dead.items()
    assert result.dead == {uuid: reason for uuid, reason in dead if reason != TOO_LARGE}


def test_each_owned_device_is_linked_once(truth, ingested):
    assert ingested.links == Counter(truth.owners.keys())


def test_each_device_belongs_to_its_owner(truth, ingested):
    assert ingested.owners() == truth.owners


def test_the_service_would_refuse_no_link(ingested):
    assert ingested.refused == []


def test_each_conflict_is_noted(truth, result):
    assert len(result.conflicts) == len(truth.conflicts)
    assert bool(truth.conflicts) is bool(truth.owners)


def test_nobody_is_missing_and_nobody_invented(ingested):
    assert ingested.found == ingested.due


def test_people_end_with_their_newest_properties(ingested):
    for user, newest in ingested.newest.items():
        stored = ingested.properties(user)
        assert {name: stored.get(name) for name in newest} == newest


def test_groups_end_with_their_newest_properties(ingested):
    assert ingested.groups == ingested.due_groups


# PostHog ------------------------------------------------------------------------------------


@only_posthog
def test_people_keep_the_attribution_they_came_with(truth, ingested):
    for user in truth.users & truth.initial.keys():
        stored, initial = ingested.properties(user), truth.initial[user]
        assert {name: stored.get(f"${name}") for name in initial} == initial


@only_posthog
def test_sessions_are_neither_split_nor_joined(truth, ingested):
    found = {body["properties"].get("$session_id") for body in ingested.events} - {None}
    assert len(found) == len(truth.sessions)


# Mixpanel -----------------------------------------------------------------------------------


@only_mixpanel
@pytest.mark.parametrize("order", ["backwards", "shuffled"])
def test_owners_do_not_depend_on_what_arrives_first(truth, ingested, order):
    assert ingested.owners(order) == truth.owners


@only_mixpanel
def test_each_event_has_its_name_its_time_and_its_person(truth, ingested):
    whose = truth.whose
    assert {
        event.insert_id: (event.event, event.time, ingested.resolve(event))
        for event in ingested.stored
    } == {uuid: (sent.name, sent.time, whose[uuid]) for uuid, sent in truth.events.items()}


@only_mixpanel
def test_profiles_are_those_of_users_and_one_snapshot_of_each_is_sent(truth, ingested):
    assert ingested.profiles == truth.profiles.keys()
    waiting = [event for event in ingested.waiting.values() if event.endpoint == "/engage"]
    sent = Counter((event.body["$distinct_id"], event.name) for event in waiting)
    assert set(sent.values()) == {1}
    assert {user for user, _ in sent} == truth.profiles.keys()


@only_mixpanel
def test_a_second_run_says_nothing_new_of_people_and_links_nobody_again(
    destination, company, result, ingested
):
    lines = [line for hour in company.hours().values() for line in hour]
    again = walked(destination, lines, now_of(company), result)
    assert [event for event in again.events if event.deferred] == []
    assert [event for event in again.events if event.merges or event.claims] == []
    first = {event.body["properties"]["$insert_id"]: event.body for event in ingested.imported}
    found = {
        event.body["properties"]["$insert_id"]: event.body
        for event in again.events
        if event.endpoint == "/import"
    }
    assert {uuid: found[uuid] for uuid in first} == first


# Amplitude ----------------------------------------------------------------------------------


@only_amplitude
def test_each_event_of_a_copy_has_its_name_its_time_and_its_person(truth, ingested):
    whose = truth.whose
    assert {
        insert_id: (body["event_type"], body["time"], ingested.name(insert_id))
        for insert_id, body in ingested.events.items()
    } == {key: (sent.name, sent.time, whose[key]) for key, sent in truth.events.items()}


@only_amplitude
def test_events_of_a_copy_leave_the_tables_alone(ingested):
    assert all(body["$skip_user_properties_sync"] is True for body in ingested.events.values())
    assert all(person.shown == {} for person in ingested.people.persons())


@only_amplitude
def test_a_second_copy_says_nothing_new_of_people(destination, company, result, ingested):
    lines = [line for hour in company.hours().values() for line in hour]
    again = walked(destination, lines, now_of(company), result)
    assert [event.name for event in again.events if event.deferred] == []
    assert {event.kind for event in again.events} == {"event"}
    found = {event.body["insert_id"]: event.body for event in again.events}
    assert found == ingested.events
