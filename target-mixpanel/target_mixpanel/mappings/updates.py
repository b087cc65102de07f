"""Updates of profiles, of people (`/engage`) and of groups (`/groups`).

A profile has no time: the last update to arrive wins (Mixpanel docs, User Profiles). So a whole
snapshot is deferred to the end of the run, when only the newest of each profile is sent. What an
Identify call changes is a part, to be laid over the snapshots before it: it cannot be deferred, and
must not overtake a snapshot of the same profile that still waits.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from analytics_records.amplitude.operations import Changes
from singer_delivery.mapping.records import put_aside
from singer_delivery.model import Event, Fact

from target_mixpanel.mappings.limits import fit_values
from target_mixpanel.mappings.mixpanel import ENGAGE, GROUPS, GUARDED_PROFILE_KEYS, PREFIX

_UNLOCATED = {"$ip": 0, "$ignore_time": True}
"""Neither to locate the machine that imports, nor to say that the person was seen just now."""


class Profile(NamedTuple):
    """Whose profile is updated.

    Attributes:
        endpoint: that takes its updates.
        kind: for the report.
        person: whose order they keep.
        head: what names the profile in an update.
    """

    endpoint: str
    kind: Literal["person", "group"]
    person: str
    head: dict[str, Any]


def person_profile(user: str) -> Profile:
    """Return the profile of a user."""
    return Profile(ENGAGE, "person", user, {"$distinct_id": user, **_UNLOCATED})


def group_profile(key: str, group: str) -> Profile:
    """Return the profile of a group, by its group key and its id."""
    head = {"$group_key": key, "$group_id": group, **_UNLOCATED}
    return Profile(GROUPS, "group", f"group:{key}:{group}", head)


def updates(
    profile: Profile, change: Changes, at: int | None, fact: Fact, *, deferred: bool
) -> list[Event]:
    """Return the updates that make a change: one for each operation, as Mixpanel takes them.

    Deferred ones keep a place for each operation, so that none replaces another.

    Args:
        profile: whose it is.
        change: what becomes of its properties.
        at: time of the source record, in microseconds since 1970.
        fact: what is remembered when the last of them has arrived.
        deferred: whether only the newest of each is sent, at the end of the run.
    """
    events = [
        Event(
            profile.endpoint,
            profile.kind,
            operation,
            profile.person
            if operation == "$set" or not deferred
            else f"{profile.person}\x1f{operation}",
            at,
            {**profile.head, operation: content},
            deferred=deferred,
        )
        for operation, content in change.as_properties().items()
    ]
    if events:
        events[-1].facts = (fact,)
    return events


def harmless(properties: dict[str, Any], found: set[str], prefix: str = PREFIX) -> dict[str, Any]:
    """Return the properties of a profile, none that Mixpanel acts on, all within its limits.

    Args:
        properties: of the profile.
        found: what happened to them is added.
        prefix: before the names of those that Mixpanel acts on.
    """
    if not GUARDED_PROFILE_KEYS.isdisjoint(properties):
        kept = {k: v for k, v in properties.items() if k not in GUARDED_PROFILE_KEYS}
        for key in [key for key in properties if key in GUARDED_PROFILE_KEYS]:
            put_aside(kept, key, properties[key], prefix)
        properties = kept
    found |= fit_values(properties, longest_list=None)
    return properties
