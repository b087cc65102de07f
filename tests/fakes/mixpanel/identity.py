"""Who did it: both of Mixpanel's identity systems. Pure; everything in the order of ARRIVAL.

Sources: Mixpanel docs, "Identifying Users (Simplified)", "Identifying Users (Original)", "Create
Identity", "Create Alias", "Merge Identities"; mixpanel-import repository, notes on live probes of
August 2026 (the first user of a device keeps it, one `$device:` is taken off a `$device_id`).

Not played: that links take up to a day to show; which id of a merged cluster Mixpanel prefers (here
it is the first one it met: no test may rely on it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEVICE = "$device:"
MADE_ID = "hash-of-the-requests-ip"
CLUSTER_LIMIT = 500
"""Ids of one person in a project of the original system."""

VERBS = ("$identify", "$create_alias", "$merge")
"""Events that merge ids in a project of the original system and do nothing else."""

ALREADY_MERGED = "$anon_id is merged already"
CLUSTER_FULL = "over 500 ids in one cluster"


@dataclass(frozen=True)
class Who:
    """Whom an event is stored for.

    Attributes:
        distinct_id: Empty: for nobody.
        user: Simplified system only, as is `device`.
    """

    distinct_id: str
    user: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Conflict:
    """A second user on a device, which stays its first user's."""

    device: str
    owner: str
    other: str


@dataclass(frozen=True)
class Merge:
    """An order to make two ids one person, taken from an identity event.

    Attributes:
        request: Number of its exchange in the journal.
    """

    event: str
    ids: tuple[str, str]
    request: int


@dataclass(frozen=True)
class RefusedMerge:
    """A merge that was answered 200 and not made."""

    merge: Merge
    reason: str


def simplified(properties: Mapping[str, Any]) -> Who:
    """Derive the id an event is stored under; `distinct_id` counts only if nothing else is there.

    Alone, it is a device's if it starts with `$device:`, else a USER's, whatever it looks like.
    """
    user = properties.get("$user_id") or None
    device = properties.get("$device_id") or None
    sent = properties.get("distinct_id")
    if not user and not device:
        if not sent:
            return Who(MADE_ID if sent is None else "")
        user, device = (None, sent) if sent.startswith(DEVICE) else (sent, None)
    bare = device.removeprefix(DEVICE) if device else None
    return Who(user or f"{DEVICE}{bare}", user, bare)


class People(Protocol):
    """The persons of a project."""

    def resolve(self, distinct_id: str) -> str:
        """Return the id of the person that events stored under this id count for."""

    def clusters(self) -> list[list[str]]:
        """The ids of each person, its own first, in order of arrival; nobody's are left out."""


class SimplifiedPeople:
    """Simplified ID Merge: a device belongs to its first user for ever, users are never merged.

    Attributes:
        owners: Device -> user.
        conflicts: In order of arrival; a resent event is a conflict again.
    """

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.conflicts: list[Conflict] = []
        self._seen: dict[str, None] = {}

    def meet(self, who: Who) -> None:
        """Process one event; with both ids it links them."""
        self._seen[who.distinct_id] = None
        if who.user is None or who.device is None:
            return
        self._seen[DEVICE + who.device] = None
        owner = self.owners.setdefault(who.device, who.user)
        if owner != who.user:
            self.conflicts.append(Conflict(who.device, owner, who.user))

    def resolve(self, distinct_id: str) -> str:
        """Return the user who owns the device, also for events from before the link."""
        if distinct_id.startswith(DEVICE):
            return self.owners.get(distinct_id.removeprefix(DEVICE), distinct_id)
        return distinct_id

    def clusters(self) -> list[list[str]]:
        """The ids of each person, its own first."""
        persons: dict[str, list[str]] = {}
        for distinct_id in filter(None, self._seen):
            person = self.resolve(distinct_id)
            persons.setdefault(person, [person])
            if distinct_id != person:
                persons[person].append(distinct_id)
        return list(persons.values())


class OriginalPeople:
    """Original ID Merge: identity events merge ids, irreversibly.

    Attributes:
        refused_merges: In order of arrival.
    """

    def __init__(self) -> None:
        self.refused_merges: list[RefusedMerge] = []
        self._cluster_of: dict[str, list[str]] = {}

    def meet(self, who: Who) -> None:
        """Process one event; `$user_id` and `$device_id` link nothing here."""
        self._cluster(who.distinct_id)

    def merge(self, merge: Merge) -> None:
        """Make two ids one person, unless the rules are against it."""
        first, second = (self._cluster(distinct_id) for distinct_id in merge.ids)
        if first is second:
            return
        if merge.event == "$identify" and len(second) > 1:
            self.refused_merges.append(RefusedMerge(merge, ALREADY_MERGED))
        elif len(first) + len(second) > CLUSTER_LIMIT:
            self.refused_merges.append(RefusedMerge(merge, CLUSTER_FULL))
        else:
            first += second
            self._cluster_of.update(dict.fromkeys(second, first))

    def resolve(self, distinct_id: str) -> str:
        """Return the id of the person that events stored under this id count for."""
        return self._cluster_of.get(distinct_id, [distinct_id])[0]

    def clusters(self) -> list[list[str]]:
        """The ids of each person, its own first."""
        each = {id(cluster): cluster for cluster in self._cluster_of.values()}
        return [cluster for cluster in each.values() if cluster != [""]]

    def _cluster(self, distinct_id: str) -> list[str]:
        return self._cluster_of.setdefault(distinct_id, [distinct_id])


@dataclass(frozen=True)
class Person:
    """Someone reports count.

    Attributes:
        distinct_id: The user if one is known (simplified), else any of the ids.
        ids: All ids, devices as `$device:…`.
        events: How many stored events count for them.
    """

    distinct_id: str
    ids: frozenset[str]
    events: int


def persons(people: People, distinct_ids: Iterable[str]) -> list[Person]:
    """Count events, given as the ids they are stored under, for the persons they resolve to."""
    counts: dict[str, int] = {}
    for distinct_id in distinct_ids:
        person = people.resolve(distinct_id)
        counts[person] = counts.get(person, 0) + 1
    return [
        Person(cluster[0], frozenset(cluster), counts.get(cluster[0], 0))
        for cluster in people.clusters()
    ]
