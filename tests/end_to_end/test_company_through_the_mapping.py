"""A whole company's history through the mapping alone ends as its generator knows it must."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
import pytest
from singer_delivery.mapping.cleaning import clean
from singer_delivery.model import Event, Fact, Unmappable
from target_posthog.mappings.amplitude import AmplitudeMapping
from target_posthog.mappings.settings import MappingSettings

from tests.fakes.company import Company
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.posthog.people import People

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_LARGE = "event_too_large"  # the endpoint's to find, not the mapping's
SEEDS = (1, 2, 3)


class Remembered(dict[tuple[str, str], Fact]):
    """Knows every fact as soon as it is said, as if all that was mapped had arrived at once."""

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.get((kind, name))


@dataclass
class Mapped:
    """What became of all lines, and what PostHog's ingestion makes of it."""

    events: list[Event] = field(default_factory=list)
    dead: dict[str, str] = field(default_factory=dict)
    conflicts: set[str | None] = field(default_factory=set)
    people: People = field(default_factory=People)

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


def mapped(lines: Iterable[bytes]) -> Mapped:
    mapping, known, result = AmplitudeMapping(MappingSettings(version="1")), Remembered(), Mapped()
    for line in lines:
        record = orjson.loads(line)
        try:
            outcome = mapping(clean(record, line, "PostHog"), known)
        except Unmappable as error:
            result.dead[record["uuid"]] = error.reason
            continue
        notes = (note for note in outcome.notes if note.name == "identity_conflict")
        result.conflicts.update(note.example for note in notes)
        known.update({fact[:2]: fact for fact in outcome.renewed})
        for event in outcome.events:
            known.update({fact[:2]: fact for fact in (*event.claims, *event.facts)})
            result.events.append(event)
            body = event.body
            result.people.apply(
                body["uuid"], body["event"], body["distinct_id"], body["properties"]
            )
    return result


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def company(request) -> Company:
    return Company(seed=request.param, events=3_000)


@pytest.fixture(scope="module")
def result(company) -> Mapped:
    dead = company.truth().dead
    oversize = {uuid.encode() for uuid, reason in dead.items() if reason == TOO_LARGE}
    return mapped(
        line
        for lines in company.hours().values()
        for line in lines
        if not any(uuid in line for uuid in oversize)
    )


def test_each_event_is_there_once(company, result):
    sent = [event.body["uuid"] for event in result.of_kind("event")]
    assert_exactly_once(sent, company.truth().events)


def test_the_dead_are_those_that_must_be(company, result):
    dead = company.truth().dead.items()
    assert result.dead == {uuid: reason for uuid, reason in dead if reason != TOO_LARGE}


def test_each_owned_device_is_linked_once_to_its_owner(company, result):
    links = [event.body for event in result.of_kind("link")]
    found = Counter((link["properties"]["alias"], link["distinct_id"]) for link in links)
    assert found == Counter(company.truth().owners.items())


def test_posthog_would_refuse_no_link(result):
    assert result.people.refused_merges == []


def test_each_conflict_is_noted(company, result):
    assert len(result.conflicts) == len(company.truth().conflicts) > 0


def test_people_end_with_their_newest_properties(company, result):
    for user, newest in company.truth().people.items():
        stored = result.people.by_id[user].properties
        assert {name: stored.get(name) for name in newest} == newest


def test_people_keep_the_attribution_they_came_with(company, result):
    truth = company.truth()
    for user in truth.users & truth.initial.keys():
        stored = result.people.by_id[user].properties
        initial = truth.initial[user]
        assert {name: stored.get(f"${name}") for name in initial} == initial


def test_nobody_is_missing_and_nobody_invented(company, result):
    groups = {event.body["distinct_id"] for event in result.of_kind("group")}
    people = [person for person in result.people.persons() if not person.distinct_ids <= groups]
    assert len(people) == len(company.truth().users) + len(company.truth().anonymous)


def test_groups_end_with_their_newest_properties(company, result):
    assert result.people.group_types == company.truth().group_types[:5]
    assert result.people.groups == company.truth().linked_groups


def test_sessions_are_neither_split_nor_joined(company, result):
    events = result.of_kind("event")
    found = {event.body["properties"].get("$session_id") for event in events} - {None}
    assert len(found) == len(company.truth().sessions)
