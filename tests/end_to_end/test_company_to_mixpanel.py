"""A whole company's history through the mapping to Mixpanel ends as its generator knows it must.

The mapping alone: nothing travels. What Mixpanel makes of it is judged by the stand-in's own rules.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from singer_delivery.mapping.cleaning import readable
from singer_delivery.model import Event, Fact, Unmappable
from target_mixpanel.mappings.amplitude import AmplitudeMapping
from target_mixpanel.mappings.settings import MappingSettings

from tests.fakes.company import Company
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.mixpanel.events import Accepted, Rules, accepted
from tests.fakes.mixpanel.identity import SimplifiedPeople
from tests.fakes.mixpanel.profiles import (
    GROUP_OPERATIONS,
    OPERATIONS,
    Kind,
    apply,
    judged_updates,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOO_LARGE = "event_too_large"  # the endpoint's to find, not the mapping's
SEEDS = (1, 2, 3)


class Remembered(dict[tuple[str, str], Fact]):
    """Knows every fact as soon as it is said, as if all that was mapped had arrived at once."""

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.get((kind, name))


@dataclass
class Result:
    """What became of all lines, and what a project makes of it."""

    known: Remembered = field(default_factory=Remembered)
    events: list[Event] = field(default_factory=list)
    waiting: dict[tuple[str, str], Event] = field(default_factory=dict)
    updates: list[Event] = field(default_factory=list)
    dead: dict[str, str] = field(default_factory=dict)
    conflicts: set[str | None] = field(default_factory=set)

    def take(self, mapping: AmplitudeMapping, record: Mapping) -> None:
        try:
            outcome = mapping(readable(record, "Mixpanel"), self.known)
        except Unmappable as error:
            self.dead[record["uuid"]] = error.reason
            return
        notes = (note for note in outcome.notes if note.name == "identity_conflict")
        self.conflicts.update(note.example for note in notes)
        self.known.update({fact[:2]: fact for fact in outcome.renewed})
        for event in outcome.events:
            self.known.update({fact[:2]: fact for fact in (*event.claims, *event.facts)})
            self._send(event)

    def _send(self, event: Event) -> None:
        if event.deferred:
            place = event.endpoint, event.person
            if place not in self.waiting or self.waiting[place].at <= event.at:
                self.waiting[place] = event
        else:
            (self.events if event.endpoint == "/import" else self.updates).append(event)

    def profiles(self, endpoint: str, kind: Kind) -> dict[tuple[str, ...], dict]:
        """Return what the profiles say when the run has ended."""
        sent = [
            {"$token": "t", **event.body}
            for event in (*self.updates, *self.waiting.values())
            if event.endpoint == endpoint
        ]
        judged = judged_updates(sent, kind, {})
        assert judged.failed == []
        assert not judged.notes
        held: dict[tuple[str, ...], dict] = {}
        for update in judged.updates:
            apply(held, update)
        return held


def mapped(lines: Iterable[bytes], now: int) -> Result:
    mapping, result = AmplitudeMapping(MappingSettings(now=now, version="1")), Result()
    for line in lines:
        result.take(mapping, orjson.loads(line))
    return result


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def company(request) -> Company:
    return Company(seed=request.param, events=3_000)


@pytest.fixture(scope="module")
def truth(company):
    return company.mixpanel_truth()


@pytest.fixture(scope="module")
def now(company) -> int:
    """Return a day after the last upload, in microseconds."""
    return int((max(company.hours()) + timedelta(days=1)).timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def result(company, truth, now) -> Result:
    oversize = {uuid.encode() for uuid, reason in truth.dead.items() if reason == TOO_LARGE}
    return mapped(
        (
            line
            for lines in company.hours().values()
            for line in lines
            if not any(uuid in line for uuid in oversize)
        ),
        now,
    )


@pytest.fixture(scope="module")
def stored(result, now) -> list[Accepted]:
    """Ask the stand-in for its verdict on every event; one that is refused fails the test."""
    rules = Rules("simplified", now // 1000)
    return [accepted(event.body, rules, set()) for event in result.events]


def arrived(events: Iterable[Accepted]) -> SimplifiedPeople:
    people = SimplifiedPeople()
    for event in events:
        people.meet(event.who)
    return people


def test_each_event_is_there_once_under_its_name_at_its_time(truth, stored):
    assert_exactly_once([event.insert_id for event in stored], set(truth.events))
    found = {event.insert_id: (event.event, event.time) for event in stored}
    assert found == {uuid: (sent.name, sent.time) for uuid, sent in truth.events.items()}


def test_the_dead_are_those_that_must_be(truth, result):
    expected = {uuid: reason for uuid, reason in truth.dead.items() if reason != TOO_LARGE}
    assert result.dead == expected


def test_each_event_counts_for_whom_it_must(truth, stored):
    people = arrived(stored)
    found = {event.insert_id: people.resolve(event.who.distinct_id) for event in stored}
    assert found == truth.whose


@pytest.mark.parametrize("order", ["as read", "backwards", "shuffled"])
def test_owners_do_not_depend_on_what_arrives_first(truth, stored, order):
    events = {"as read": stored, "backwards": stored[::-1]}.get(order) or [*stored]
    if order == "shuffled":
        random.Random(7).shuffle(events)
    people = arrived(events)
    assert people.owners == truth.owners
    assert people.conflicts == []


def test_each_device_is_linked_once(truth, result):
    linking = Counter(event.merges for event in result.events if event.merges is not None)
    assert linking == Counter(truth.owners.keys())


def test_each_conflict_is_noted(truth, result):
    assert len(result.conflicts) == len(truth.conflicts) > 0


def test_nobody_is_missing_and_nobody_invented(truth, stored):
    assert {cluster[0] for cluster in arrived(stored).clusters()} == truth.people


def test_profiles_end_with_what_is_newest(truth, result):
    held = result.profiles("/engage", Kind(("$distinct_id",), OPERATIONS))
    assert held.keys() == {(user,) for user in truth.profiles}
    for user, newest in truth.profiles.items():
        assert {name: held[user,].get(name) for name in newest} == newest


def test_one_snapshot_of_each_profile_is_sent(truth, result):
    waiting = [event for event in result.waiting.values() if event.endpoint == "/engage"]
    sent = Counter((event.body["$distinct_id"], event.name) for event in waiting)
    assert set(sent.values()) == {1}
    assert {user for user, _ in sent} == truth.profiles.keys()


def test_groups_end_with_what_is_newest(truth, result):
    kind = Kind(("$group_key", "$group_id"), GROUP_OPERATIONS, set(truth.group_keys))
    assert result.profiles("/groups", kind) == truth.groups


def test_a_second_run_says_nothing_new_of_people_and_links_nobody_again(company, result, now):
    mapping = AmplitudeMapping(MappingSettings(now=now, version="1"))
    again, lines = Result(known=Remembered(result.known)), company.hours().values()
    for line in (line for hour in lines for line in hour):
        again.take(mapping, orjson.loads(line))
    assert again.waiting == {}
    assert [event for event in again.events if event.merges or event.claims] == []
    first = {event.body["properties"]["$insert_id"]: event.body for event in result.events}
    found = {event.body["properties"]["$insert_id"]: event.body for event in again.events}
    assert {uuid: found[uuid] for uuid in first} == first
