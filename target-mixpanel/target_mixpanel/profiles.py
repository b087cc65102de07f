"""Updates of profiles, as Mixpanel takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from singer_delivery.mapping.records import put_aside
from singer_delivery.model import Event, Fact

from target_mixpanel.limits import fit_values
from target_mixpanel.mixpanel import ENGAGE, GROUPS, GUARDED_PROFILE_KEYS

_UNLOCATED = {"$ip": 0, "$ignore_time": True}
"""Neither to locate the machine that imports, nor to say that the person was seen just now."""


class Profile(NamedTuple):
    """A profile that is updated.

    Attributes:
        endpoint: that takes its updates.
        kind: for the report.
        order: that its updates keep.
        head: what names the profile in an update.
    """

    endpoint: str
    kind: Literal["person", "group"]
    order: str
    head: dict[str, Any]


def person_profile(user: str) -> Profile:
    """Return the profile of a user."""
    return Profile(ENGAGE, "person", user, {"$distinct_id": user, **_UNLOCATED})


def group_profile(key: str, group: str) -> Profile:
    """Return the profile of a group, by its group key and its id."""
    head = {"$group_key": key, "$group_id": group, **_UNLOCATED}
    return Profile(GROUPS, "group", f"group:{key}:{group}", head)


def updates(
    profile: Profile, operations: Mapping[str, Any], at: int | None, fact: Fact | None
) -> list[Event]:
    """Return the updates that make a change: one for each operation, as Mixpanel takes them.

    Deferred ones keep a place for each operation, and the time of their fact.

    Args:
        profile: which one.
        operations: what becomes of its properties: `$set`, `$set_once` and `$unset`.
        at: time of the source record, in microseconds since 1970.
        fact: defers the updates: they are sent at the end of the run, those of one place as one,
            and the fact is forgotten if the last of them is refused. None for updates that go at
            once.
    """
    is_deferred = fact is not None
    if fact is not None and at is not None:
        at = fact.at
    events = [
        Event(
            profile.endpoint,
            profile.kind,
            operation,
            at,
            {**profile.head, operation: content},
            order=_place(profile.order, operation) if is_deferred else profile.order,
            deferred=is_deferred,
        )
        for operation, content in operations.items()
    ]
    if events and fact is not None:
        events[-1].facts = (fact,)
    return events


def _place(order: str, operation: str) -> str:
    return order if operation == "$set" else f"{order}\x1f{operation}"


def harmless(properties: dict[str, Any], found: set[str], prefix: str) -> dict[str, Any]:
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
