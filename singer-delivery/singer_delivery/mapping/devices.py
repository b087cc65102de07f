"""What is known of devices that are nobody's yet: it becomes their users' when they are linked.

Where a destination carries nothing of a device over to its user, what records say of it is
remembered in the ledger, and is sent of the user once there is one, unless something newer is known
of the user already.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Effects, Fact, Facts


class Inheritance(NamedTuple):
    """What a user gets of a device: operations as JSON, and the order key of what said so."""

    operations: str
    since: tuple[int, str]


DIGITS = 32
"""Of the digest that stands before what is remembered."""


def says_more(newer: Newer, device: str, seen: Observation, facts: Facts) -> bool:
    """Tell whether a record says something of its device that is not remembered."""
    last = facts.recall("device", device)
    if last is None:
        return True
    is_old = newer.is_backfilled(seen) or seen.is_before(last)
    return not is_old and last.value[:DIGITS] != seen.person.digest


def remember(
    newer: Newer, device: str, seen: Observation, change: Changes, facts: Facts, effects: Effects
) -> None:
    """Remember what a record says of its device, over what was remembered.

    Args:
        newer: tells whether a record is newer than what was sent.
        device: of nobody.
        seen: the record.
        change: what it says.
        facts: of the past.
        effects: gets the fact.
    """
    last = facts.recall("device", device)
    known: dict[str, Any] = {} if last is None or change.clear else _state(last)
    of_all, once = known.get("$set", {}), known.get("$set_once", {})
    kept = {key: value for key, value in of_all.items() if key not in change.unset}
    state = {"$set": {**kept, **change.set}, "$set_once": {**change.set_once, **once}}
    value = seen.person.digest + orjson.dumps({k: v for k, v in state.items() if v}).decode()
    since = (seen.at, "") if newer.is_backfilled(seen) else seen.since
    effects.facts.append(Fact("device", device, value, *since))


def hand_over(device: str, user: str, facts: Facts, effects: Effects) -> Inheritance | None:
    """Return what a user gets of a device; None where nothing or something newer is known.

    What was remembered of the device is forgotten, but for its digest.

    Args:
        device: that is linked to the user.
        user: the owner.
        facts: of the past.
        effects: gets the facts about the device and the user.
    """
    of_device, of_user = facts.recall("device", device), facts.recall("person", user)
    if of_device is None or len(of_device.value) == DIGITS:
        return None
    said, since = of_device.value[:DIGITS], of_device.since
    effects.facts.append(Fact("device", device, said, *since))
    if of_user is not None and of_user.since > since:
        return None
    effects.facts.append(Fact("person", user, said, *since))
    return Inheritance(of_device.value[DIGITS:], since)


def person_fact(
    newer: Newer,
    user: str,
    seen: Observation,
    inherited_since: tuple[int, str] | None,
    facts: Facts,
    effects: Effects,
) -> Fact | None:
    """Return the fact to remember if what a record says of its person is newer, else None.

    What a user inherits with this record is written first. So what the record says is written once
    more after it, also where it was sent before, unless the inheritance is newer.

    Args:
        newer: tells whether a record is newer than what was sent.
        user: whose record it is.
        seen: the record.
        inherited_since: the order key of what the user inherits with it; None for nothing.
        facts: of the past.
        effects: gets facts that are renewed.
    """
    digest = seen.person.digest
    if inherited_since is None:
        return newer.fact(facts, "person", user, digest, seen, effects.renewed)
    is_old = newer.is_backfilled(seen) or seen.since < inherited_since
    return None if is_old else Fact("person", user, digest, *seen.since)


def _state(fact: Fact) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(fact.value[DIGITS:] or b"{}")
    return state
