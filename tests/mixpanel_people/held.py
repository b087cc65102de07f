"""What a service holds of a Mixpanel export: whose each event is, what is true of whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog
from tests.mixpanel_people.truth import Group, Properties, Truth, Who
from tests.people.held import OneNamespace, Person

DEVICE = "$device:"
ELSEWHERE = {"$email": "email", "$name": "name", "$created": "created"}
"""Mixpanel's names of what is true of people -> those of PostHog and Amplitude."""


class Arrived(NamedTuple):
    """An event as it ended.

    Attributes:
        at: in milliseconds of UTC.
        properties: of the event itself.
    """

    person: Person
    name: str
    at: int
    properties: Mapping[str, Any]
    revenue: float | None
    session: str | int | None


@dataclass(frozen=True)
class Held:
    """What there is.

    Attributes:
        events: by the serial number of the source.
        times: how often each of them is there.
        owner: device -> the person it belongs to, if the service has met it; None where devices
            belong to nobody for good.
        state: what is true of a person, by Mixpanel's names; None where nothing is known.
        groups: what is true of each group.
        links_sessions: whether events carry sessions.
        has_revenue: whether events carry revenue of a name of the service's own.
        takes_nobody: whether it takes events of nobody.
        refused: how many merges it refused, or second users it met on a device.
    """

    events: dict[int, Arrived]
    times: Counter[int]
    owner: Callable[[str], Person | None] | None
    state: Callable[[Who], Properties | None]
    groups: Mapping[Group, Properties]
    links_sessions: bool
    has_revenue: bool
    takes_nobody: bool
    refused: int

    def snapshot(self, truth: Truth) -> Any:
        """Return all of it in a form that is equal if, and only if, two services hold the same."""
        events = {
            serial: (each.person.users, each.at, each.session, each.revenue)
            for serial, each in self.events.items()
        }
        states = {
            who: {name: (self.state(who) or {}).get(name) for name in of}
            for who, of in truth.states.items()
        }
        return events, states, self.groups


def at_posthog(fake: FakePostHog, truth: Truth) -> Held:
    """Read a PostHog, whose ids of users and devices share one namespace."""
    stored = [each for each in fake.stored() if "serial" in each["properties"]]
    known = [frozenset(each.distinct_ids) for each in fake.people()]
    names = OneNamespace(truth.users, frozenset().union(*known))
    people = {each: names.person(ids) for ids in known for each in ids}

    def person(distinct_id: str) -> Person:
        return people.get(distinct_id) or names.person(frozenset({distinct_id}))

    def state(who: Who) -> Properties | None:
        found = (fake.person(each) for each in _ids(who, truth))
        return next((_translated(each.properties) for each in found if each), None)

    return Held(
        events={
            each["properties"]["serial"]: Arrived(
                person(each["distinct_id"]),
                each["event"],
                _milliseconds(each["timestamp"]),
                each["properties"],
                each["properties"].get("revenue"),
                each["properties"].get("$session_id"),
            )
            for each in stored
        },
        times=_times(each["properties"] for each in stored),
        owner=people.get,
        state=state,
        groups=fake.groups(),
        links_sessions=True,
        has_revenue=True,
        takes_nobody=True,
        refused=len(fake.refused_merges),
    )


def at_mixpanel(fake: FakeMixpanel, truth: Truth) -> Held:
    """Read a Mixpanel of either identity system."""
    stored = [each for each in fake.stored() if "serial" in each["properties"]]
    profiles, clusters = fake.profiles(), fake.clusters()
    is_simplified = fake.identity_merge == "simplified"
    names = OneNamespace(truth.users, frozenset().union(*clusters))
    read = _cluster if is_simplified else names.person
    people = {each: read(ids) for ids in clusters for each in ids}

    def state(who: Who) -> Properties | None:
        """The profile of whichever of a person's ids has one; a device's is its own alone."""
        ids = _ids(who, truth)
        if not is_simplified:
            ids += sorted(each for known in ids if known in people for each in people[known].key)
        return next((profiles[each] for each in ids if each in profiles), None)

    return Held(
        events={
            each["properties"]["serial"]: Arrived(
                people.get(each["distinct_id"], Person("", frozenset(), frozenset())),
                each["event"],
                each["time"],
                each["properties"],
                None,
                None,
            )
            for each in stored
        },
        times=_times(each["properties"] for each in stored),
        owner=lambda device: people.get(DEVICE + device if is_simplified else device),
        state=state,
        groups=fake.group_profiles(),
        links_sessions=False,
        has_revenue=False,
        takes_nobody=True,
        refused=len(fake.refused_merges) + len(fake.conflicts),
    )


def at_amplitude(fake: FakeAmplitudeBatch, truth: Truth) -> Held:
    """Read an Amplitude, whose people have one user each."""
    rows = [each for each in fake.rows() if "serial" in each.get("event_properties", {})]
    people = {
        each.amplitude_id: Person(
            each.amplitude_id,
            frozenset({each.user_id} - {None}),  # type: ignore[arg-type]
            frozenset(each.device_ids),
        )
        for each in fake.people()
    }

    def state(who: Who) -> Properties | None:
        find = fake.user if who.kind == "user" else fake.device
        found = (find(each) for each in _ids(who, truth))
        # Of a device nothing is told but by `$identify`: User Activity has it, charts have not.
        return next((_translated(p.shown if p.user_id else p.properties) for p in found if p), None)

    return Held(
        events={
            each["event_properties"]["serial"]: Arrived(
                people[each["canonical"]],
                each["event_type"],
                each["time"],
                each["event_properties"],
                each.get("revenue"),
                each.get("session_id"),
            )
            for each in rows
        },
        times=_times(each["event_properties"] for each in rows),
        owner=None,
        state=state,
        groups=fake.groups(),
        links_sessions=True,
        has_revenue=True,
        takes_nobody=False,
        refused=0,
    )


def _ids(who: Who, truth: Truth) -> list[str]:
    """Every id by which a service may know a person."""
    if who.kind == "user":
        return sorted(truth.ids.get(who.id, {who.id}), key=lambda each: each != who.id)
    return [who.id, DEVICE + who.id]


def _cluster(ids: frozenset[str]) -> Person:
    devices = frozenset(each for each in ids if each.startswith(DEVICE))
    return Person(ids, ids - devices, frozenset(each.removeprefix(DEVICE) for each in devices))


def _times(properties: Iterable[Mapping[str, Any]]) -> Counter[int]:
    return Counter(each["serial"] for each in properties)


def _translated(properties: Mapping[str, Any]) -> Properties:
    """What is true of a person, by Mixpanel's names."""
    return {
        **properties,
        **{ours: properties[theirs] for ours, theirs in ELSEWHERE.items() if theirs in properties},
    }


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1_000)
