"""What is known of devices that are nobody's yet: it becomes their users' when they are linked.

Mixpanel has no profiles of devices, and carries nothing of one over to a user (Mixpanel docs,
Identifying users). So what records say of a device is remembered in the ledger, and is sent of the
user once there is one, unless something newer is known of the user already.
"""

from __future__ import annotations

from typing import Any

import orjson
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Effects, Fact, Facts

DIGITS = 32
"""Of the digest that stands before what is remembered."""


def is_news(newer: Newer, device: str, seen: Observation, facts: Facts) -> bool:
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
        newer: decides what is.
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


def inherited(device: str, user: str, facts: Facts) -> tuple[str, Fact] | None:
    """Return how a user gets what is known of a device; None where something newer is known.

    Returns:
        The operations as JSON, and the fact about the user that they make.
    """
    of_device, of_user = facts.recall("device", device), facts.recall("person", user)
    if of_device is None or (of_user is not None and of_user.since > of_device.since):
        return None
    value = of_device.value
    return value[DIGITS:], Fact("person", user, value[:DIGITS], *of_device.since)


def _state(fact: Fact) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(fact.value[DIGITS:])
    return state
