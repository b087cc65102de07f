"""A company's history through a mapping alone, and what a service's ingestion makes of it.

Nothing travels: `walked` is the one place here that knows how a mapping is called.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from singer_delivery.model import Fact, RecordMapping, Unmappable
from target_amplitude import closing
from target_amplitude import from_amplitude as to_amplitude
from target_amplitude.settings import MappingSettings as AmplitudeSettings
from target_mixpanel import from_amplitude as to_mixpanel
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.settings import MappingSettings as MixpanelSettings
from target_posthog import from_amplitude as to_posthog
from target_posthog.settings import MappingSettings as PostHogSettings

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, Destination
from tests.fakes.amplitude_batch.events import accepted as taken
from tests.fakes.amplitude_batch.events import faults
from tests.fakes.amplitude_batch.people import People as AmplitudePeople
from tests.fakes.amplitude_batch.violations import violations
from tests.fakes.mixpanel.events import Accepted, Rules, accepted
from tests.fakes.mixpanel.identity import SimplifiedPeople
from tests.fakes.mixpanel.profiles import (
    GROUP_OPERATIONS,
    OPERATIONS,
    Kind,
    apply,
    judged_updates,
)
from tests.fakes.posthog.people import People
from tests.pairs.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.fakes.company import Company

TOO_LARGE = "event_too_large"  # the endpoint's to find, not the mapping's

# How a mapping is called (internals of the pipeline) ----------------------------------------


class Sent(NamedTuple):
    """An event, whose order it keeps, and what is decided with it."""

    endpoint: str
    kind: str
    name: str
    at: int | None
    body: dict[str, Any]
    deferred: bool
    person: str
    merges: str | None
    claims: Sequence[Fact]


@dataclass
class Walked:
    """What became of all lines."""

    walk: Walk
    events: list[Sent] = field(default_factory=list)
    dead: dict[str, str] = field(default_factory=dict)
    conflicts: set[str | None] = field(default_factory=set)

    def take(self, line: bytes) -> None:
        try:
            found = self.walk.walks_line(line)
        except Unmappable as error:
            self.dead[orjson.loads(line)["uuid"]] = error.reason
            return
        self.walk.known.learn(found.effects)
        notes = (note for note in found.notes if note.name == "identity_conflict")
        self.conflicts.update(note.example for note in notes)
        merges, claims = found.merges, found.effects.claims
        for of in found.events:
            order = found.order_of(of)
            self.events.append(
                Sent(
                    of.endpoint,
                    of.kind,
                    of.name,
                    of.at,
                    of.body,
                    of.deferred,
                    order,
                    merges,
                    claims,
                )
            )
            merges, claims = None, []  # the first event brings them


MAPPINGS: dict[Destination, Callable[[int], RecordMapping]] = {
    POSTHOG: lambda _now: to_posthog.FromAmplitude(PostHogSettings(version="1")),
    MIXPANEL: lambda now: to_mixpanel.FromAmplitude(
        MixpanelSettings(now=now, version="1"), HotIds()
    ),
    AMPLITUDE: lambda now: to_amplitude.FromAmplitude(AmplitudeSettings(now=now)),
}


def walked(
    destination: Destination, lines: Iterable[bytes], now: int, before: Walked | None = None
) -> Walked:
    """Walk lines in their order; `before` is a run whose facts are remembered."""
    result = Walked(Walk(lambda: MAPPINGS[destination](now)))
    if before is not None:
        result.walk.known.facts.update(before.walk.known.facts)
    for line in lines:
        result.take(line)
    return result


# What a service makes of it -----------------------------------------------------------------


def now_of(company: Company) -> int:
    """Return a day after the last upload, in microseconds."""
    return int((max(company.hours()) + timedelta(days=1)).timestamp()) * 1_000_000


def lines_of(company: Company, dead: Mapping[str, str]) -> list[bytes]:
    """Return all lines but those that the endpoint would find too large."""
    oversize = {uuid.encode() for uuid, reason in dead.items() if reason == TOO_LARGE}
    every = (line for lines in company.hours().values() for line in lines)
    return [line for line in every if not any(uuid in line for uuid in oversize)]


class Ingested(ABC):
    """What a service has after it took everything.

    Attributes:
        ids: of the events, each time one was sent.
        links: {device: how often it was linked}.
        refused: links that the service would refuse.
        found: the people there are, and `due` those there must be.
        newest: {user: properties} that must be among theirs.
        groups: as they end, and `due_groups` as they must.
    """

    ids: list[str]
    links: Counter[str]
    refused: list[Any]
    found: Any
    due: Any
    newest: Mapping[str, Mapping[str, Any]]
    groups: Any
    due_groups: Any

    @abstractmethod
    def properties(self, user: str) -> Mapping[str, Any]:
        """Return the properties of a user's profile."""

    @abstractmethod
    def owners(self) -> Mapping[str, str]:
        """Return {device: its user}."""


class AtPostHog(Ingested):
    """PostHog's persons and groups."""

    def __init__(self, result: Walked, company: Company) -> None:
        truth = company.truth()
        self.people = _people(result.events)
        self.events = [event.body for event in result.events if event.kind == "event"]
        self.ids = [body["uuid"] for body in self.events]
        self._links = [event.body for event in result.events if event.kind == "link"]
        self.links = Counter(link["properties"]["alias"] for link in self._links)
        self.refused = self.people.refused_merges
        of_groups = {e.body["distinct_id"] for e in result.events if e.kind == "group"}
        persons = self.people.persons()
        self.found = sum(not person.distinct_ids <= of_groups for person in persons)
        self.due = len(truth.users) + len(truth.anonymous)
        self.newest = truth.people
        self.groups = self.people.group_types, self.people.groups
        self.due_groups = truth.group_types[:5], truth.linked_groups

    def properties(self, user: str) -> Mapping[str, Any]:
        return self.people.by_id[user].properties

    def owners(self) -> Mapping[str, str]:
        return {link["properties"]["alias"]: link["distinct_id"] for link in self._links}


def _people(events: Iterable[Sent]) -> People:
    people = People()
    for event in events:
        body = event.body
        people.apply(body["uuid"], body["event"], body["distinct_id"], body["properties"])
    return people


class AtMixpanel(Ingested):
    """Mixpanel's clusters and profiles; an event that it refuses fails the test."""

    def __init__(self, result: Walked, company: Company) -> None:
        truth = company.mixpanel_truth()
        rules = Rules("simplified", now_of(company) // 1000)
        self.imported = [e for e in result.events if not e.deferred and e.endpoint == "/import"]
        self.stored = [accepted(event.body, rules, set()) for event in self.imported]
        self.updates = [e for e in result.events if not e.deferred and e.endpoint != "/import"]
        self.waiting = _newest_of_each(e for e in result.events if e.deferred)
        self.ids = [event.insert_id for event in self.stored]
        self.links = Counter(event.merges for event in result.events if event.merges is not None)
        self.people = arrived(self.stored)
        self.refused = self.people.conflicts
        self.found = {cluster[0] for cluster in self.people.clusters()}
        self.due = truth.people
        self.newest = truth.profiles
        self._profiles = self._profiles_at("/engage", Kind(("$distinct_id",), OPERATIONS))
        kind = Kind(("$group_key", "$group_id"), GROUP_OPERATIONS, set(truth.group_keys))
        self.groups, self.due_groups = self._profiles_at("/groups", kind), truth.groups

    def properties(self, user: str) -> Mapping[str, Any]:
        return self._profiles[user,]

    def resolve(self, event: Accepted) -> str:
        """Return the person that an event counts for."""
        return self.people.resolve(event.who.distinct_id)

    @property
    def profiles(self) -> set[str]:
        """Everybody with a profile."""
        return {user for (user,) in self._profiles}

    def owners(self, order: str = "as read") -> Mapping[str, str]:
        """Return {device: its user} when events arrive "as read", "backwards" or "shuffled"."""
        people = arrived(_in_order(self.stored, order))
        assert people.conflicts == []
        return people.owners

    def _profiles_at(self, endpoint: str, kind: Kind) -> dict[tuple[str, ...], dict[str, Any]]:
        sent = [
            {"$token": "t", **event.body}
            for event in (*self.updates, *self.waiting.values())
            if event.endpoint == endpoint
        ]
        judged = judged_updates(sent, kind, {})
        assert judged.failed == []
        assert not judged.notes
        profiles: dict[tuple[str, ...], dict[str, Any]] = {}
        for update in judged.updates:
            apply(profiles, update)
        return profiles


class AtAmplitude(Ingested):
    """Amplitude's people, their tables and groups; an event that it refuses fails the test."""

    def __init__(self, result: Walked, company: Company) -> None:
        truth = company.amplitude_truth()
        waiting = _laid_over_each_other(e for e in result.events if e.deferred)
        bodies = [event.body for event in result.events if not event.deferred]
        self.sent = [*bodies, *(closing.event_of(body) for body in waiting)]
        assert [wrong for body in self.sent for wrong in faults(body, 1, "user_id")] == []
        self.refused = [wrong for body in self.sent for wrong in violations(body)]
        self.people = AmplitudePeople({})
        self.numbers: dict[str, int] = {}
        self.events = {event.body["insert_id"]: event.body for event in result.events
                       if event.kind == "event"}  # fmt: skip
        self.ids = [event.body["insert_id"] for event in result.events if event.kind == "event"]
        for body in self.sent:
            self._take(body)
        self.links = Counter()
        self.found = {person.name for person in self.people.persons() if person.events}
        self.due = truth.people
        self.newest = truth.profiles
        self.groups, self.due_groups = self.people.groups, truth.groups

    def _take(self, body: dict[str, Any]) -> None:
        event = orjson.loads(taken(body, set()).data)
        shown = self.people.apply(event, body.get("time", 0), 0)
        if shown is not None:
            self.numbers[body["insert_id"]] = shown.amplitude_id

    def name(self, insert_id: str) -> str:
        """Return whom an event counts for."""
        person = self.people.by_id(self.numbers[insert_id])
        assert person is not None
        return person.name

    def properties(self, user: str) -> Mapping[str, Any]:
        person = self.people.by_id(self.people.identities.of_user(user))
        assert person is not None
        return person.properties

    def owners(self) -> Mapping[str, str]:
        """Nobody owns a device."""
        return {}


def _laid_over_each_other(events: Iterable[Sent]) -> Iterable[dict[str, Any]]:
    """Return what each update has become at the end of a run, as the ledger keeps them."""
    bodies: dict[str, dict[str, Any]] = {}
    for event in events:
        held = bodies.setdefault(event.person, {})
        for key, value in event.body.items():
            held[key] = {**held.get(key, {}), **value} if isinstance(value, dict) else value
    return bodies.values()


def _newest_of_each(events: Iterable[Sent]) -> dict[tuple[str, str], Sent]:
    """Return the newest update of each profile, as the ledger keeps it until the end of a run."""
    waiting: dict[tuple[str, str], Sent] = {}
    for event in events:
        place = event.endpoint, event.person
        if place not in waiting or waiting[place].at <= event.at:
            waiting[place] = event
    return waiting


def arrived(events: Iterable[Accepted]) -> SimplifiedPeople:
    people = SimplifiedPeople()
    for event in events:
        people.meet(event.who)
    return people


def _in_order(events: list[Any], order: str) -> list[Any]:
    if order == "backwards":
        return events[::-1]
    events = [*events]
    if order == "shuffled":
        random.Random(7).shuffle(events)
    return events


INGESTED: dict[Destination, Callable[[Walked, Company], Ingested]] = {
    POSTHOG: AtPostHog,
    MIXPANEL: AtMixpanel,
    AMPLITUDE: AtAmplitude,
}
