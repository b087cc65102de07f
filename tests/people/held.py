"""What a service holds in the end: whose each event is, what is true of people and groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog
from tests.people.amplitude import revenue_of
from tests.people.truth import Group, Properties, Truth, Who

DEVICE = "$device:"
POSTHOG_UPDATES = ("$set", "$identify", "$create_alias", "$merge_dangerously", "$groupidentify")


class Person(NamedTuple):
    """Someone whom a service counts.

    Attributes:
        key: the same for two events if, and only if, it counts them for one person.
        users: ids of users among those of the person.
        devices: the others.
    """

    key: Any
    users: frozenset[str]
    devices: frozenset[str]


class Arrived(NamedTuple):
    """An event as it ended."""

    person: Person
    revenue: float | None
    session: str | None


@dataclass(frozen=True)
class Held:
    """What there is.

    Attributes:
        events: by the source's uuid.
        twice: how often one was stored again under another identity.
        owner: device -> the person it belongs to, if the service has met it.
        state: what is true of a person; None where the service keeps no such thing.
        groups: what is true of each group.
        links_sessions: whether events carry a session of this service's.
        unsets_groups: whether a property of a group can be taken away.
        refused: how many merges it refused, or second users it met on a device.
    """

    events: dict[str, Arrived]
    twice: int
    owner: Callable[[str], Person | None]
    state: Callable[[Who], Properties | None]
    groups: dict[Group, Properties]
    links_sessions: bool
    unsets_groups: bool
    refused: int

    def snapshot(self, truth: Truth) -> Any:
        """Return all of it in a form that is equal if, and only if, two services hold the same."""
        people = {uuid: (e.person.users, e.person.devices) for uuid, e in self.events.items()}
        sessions = {uuid: (e.session, e.revenue) for uuid, e in self.events.items()}
        names = truth.names
        states = {who: _of(self.state(who) or {}, names) for who in truth.states}
        return people, sessions, states, self.groups


def _of(properties: Properties, names: Iterable[str]) -> Properties:
    return {name: properties[name] for name in names if name in properties}


@dataclass(frozen=True)
class OneNamespace:
    """Tells users from devices where a service keeps their ids together.

    An id that is a user's and a device's, of two people, stands for the one who came first; the
    other goes by it with `user:` or `device:` before it (docs/people.md).

    Attributes:
        users: who there must be.
        ids: that the service has met.
    """

    users: AbstractSet[str]
    ids: AbstractSet[str]

    def id_of(self, user: str) -> str:
        """Return the id that a user goes by."""
        return f"user:{user}" if f"user:{user}" in self.ids else user

    def person(self, ids: frozenset[str]) -> Person:
        """Return the person who has these ids."""
        users = {each.removeprefix("user:") for each in ids} & self.users
        users = frozenset(user for user in users if self.id_of(user) in ids)
        others = ids - {self.id_of(user) for user in users}
        return Person(ids, users, frozenset(each.removeprefix("device:") for each in others))


def at_posthog(fake: FakePostHog, truth: Truth) -> Held:
    """Read a PostHog, whose ids of users and devices share one namespace."""
    stored = [each for each in fake.stored() if each["event"] not in POSTHOG_UPDATES]
    known = [frozenset(each.distinct_ids) for each in fake.people()]
    names = OneNamespace(truth.users, frozenset().union(*known))
    people = {each: names.person(ids) for ids in known for each in ids}

    def person(distinct_id: str) -> Person:
        return people.get(distinct_id) or names.person(frozenset({distinct_id}))

    def state(who: Who) -> Properties | None:
        by_kind = {"user": names.id_of(who.id), "amplitude": f"amplitude:{who.id}"}
        found = fake.person(by_kind.get(who.kind, who.id))
        return found.properties if found else None

    return Held(
        events={
            each["uuid"]: Arrived(
                person(each["distinct_id"]),
                each["properties"].get("revenue"),
                each["properties"].get("$session_id"),
            )
            for each in stored
        },
        twice=_twice(each["uuid"] for each in stored),
        owner=people.get,
        state=state,
        groups=fake.groups(),
        links_sessions=True,
        unsets_groups=False,
        refused=len(fake.refused_merges),
    )


def at_mixpanel(fake: FakeMixpanel, truth: Truth) -> Held:
    """Read a Mixpanel of either identity system."""
    stored, profiles = list(fake.stored()), fake.profiles()
    clusters, is_simplified = fake.clusters(), fake.identity_merge == "simplified"
    names = OneNamespace(truth.users, frozenset().union(*clusters))
    read = _cluster if is_simplified else names.person
    people = {each: read(ids) for ids in clusters for each in ids}

    def state(who: Who) -> Properties | None:
        return profiles.get(names.id_of(who.id), {}) if who.kind == "user" else None

    return Held(
        events={
            each["insert_id"]: Arrived(
                people.get(each["distinct_id"], Person("", frozenset(), frozenset())),
                revenue_of(each["properties"]),
                None,
            )
            for each in stored
        },
        twice=_twice(each["insert_id"] for each in stored),
        owner=lambda device: people.get(DEVICE + device if is_simplified else device),
        state=state,
        groups=fake.group_profiles(),
        links_sessions=False,
        unsets_groups=True,
        refused=len(fake.refused_merges) + len(fake.conflicts),
    )


def at_amplitude(fake: FakeAmplitudeBatch, truth: Truth) -> Held:
    """Read another project of Amplitude, whose people have one user each."""
    people = {
        each.amplitude_id: Person(
            each.amplitude_id,
            frozenset({each.user_id} - {None}),  # type: ignore[arg-type]
            frozenset(each.device_ids),
        )
        for each in fake.people()
    }

    def state(who: Who) -> Properties | None:
        found = fake.user(who.id) if who.kind == "user" else None
        return found.properties if found else None

    rows = [each for each in fake.rows() if each["insert_id"] in truth.insert_ids]
    return Held(
        events={
            truth.insert_ids[each["insert_id"]]: Arrived(
                people[each["canonical"]], _money(each), None
            )
            for each in rows
        },
        twice=_twice(each["insert_id"] for each in rows),
        owner=lambda _device: None,
        state=state,
        groups=fake.groups(),
        links_sessions=False,
        unsets_groups=True,
        refused=len(fake.violations),
    )


def _money(event: Properties) -> float | None:
    """Return what an event brought: by the keys at its top, or in the form of Amplitude's SDKs."""
    top = {f"${key}": event[key] for key in ("revenue", "price", "quantity") if key in event}
    return revenue_of(top or event.get("event_properties", {}))


def _cluster(ids: frozenset[str]) -> Person:
    devices = frozenset(each for each in ids if each.startswith(DEVICE))
    bare = frozenset(each.removeprefix(DEVICE) for each in devices)
    return Person(ids, ids - devices, bare)


def _twice(ids: Iterable[str]) -> int:
    return sum(count - 1 for count in Counter(ids).values())
