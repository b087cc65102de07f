"""Whom an event is of, and how Mixpanel learns whose device it is.

Simplified ID Merge: an event that carries `$user_id` and `$device_id` links the device to the user.
The FIRST user of a device keeps it for ever, whatever arrives later, and which is first is chance
when requests travel side by side (Mixpanel docs, Identifying users, Simplified ID Merge). So a
device has one owner here, the first user read with it, and no event of another user names the
device as its own: in whatever order events arrive, and sent however often, the first that Mixpanel
sees with both ids is the owner's. Events of the device alone may come before or after it: they
count for the owner either way. The event that brings the link still waits for the earlier events
of the device, and later ones queue behind it, so that what is seen of a person is in its order.

Original ID Merge: ids are merged by a `$merge` event of their own, by the same rule of ownership.
The `distinct_id` of an event is the user, else the device.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.identity import Link
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_mixpanel.mixpanel import DEVICE, IMPORT, MAX_IDS, MERGE


def bare_device(device: Any) -> Any:
    """Return the id of a device as Mixpanel keeps it, under Simplified ID Merge.

    A device that is called `$device:x` is `x`: Mixpanel takes the prefix off, so the two must not
    have two owners. Under Original ID Merge the prefix means nothing.
    """
    if isinstance(device, str) and DEVICE in device:
        return device.strip().removeprefix(DEVICE)
    return device


def simplified_ids(user: str | None, device: str | None) -> dict[str, Any]:
    """Return the properties that say whose event it is, under Simplified ID Merge.

    Args:
        user: who did it, as far as that is known.
        device: where; beside a user only a device that belongs to that user.
    """
    if user is None:
        return {"distinct_id": ""} if device is None else {"$device_id": device}
    return {"$user_id": user} if device is None else {"$user_id": user, "$device_id": device}


def count_ids(due: Link, facts: Facts, effects: Effects) -> None:
    """Count the ids of a user, when a device is claimed; note each that is one too many.

    Mixpanel answers 200 to a `$merge` beyond its limit and leaves the device by itself (Mixpanel
    docs, Identifying users, Original ID Merge). The fact `ids`, user -> how many, is a claim beside
    the device's, so that a device counts once however often its link is sent.
    """
    if not due.claims:
        return
    last = facts.recall("ids", due.user)
    number = 2 if last is None else int(last.value) + 1  # the user's own id is the first
    effects.claims.append(Fact("ids", due.user, str(number), due.owner.at))
    if number > MAX_IDS:
        effects.notes.append(Note(TOO_MANY_IDS, due.user))


TOO_MANY_IDS = "over_500_ids_of_one_user"
"""Note of each device that Mixpanel will not merge."""


def merge_event(user: str, device: str, at: int, insert_id: str) -> Event:
    """Return the event that merges a device and its owner, under Original ID Merge.

    Args:
        user: the owner.
        device: which belongs to the user.
        at: since when, in microseconds since 1970.
        insert_id: the same whenever the two are merged.
    """
    properties = {"$distinct_ids": [device, user], "$insert_id": insert_id, "time": at // 1000}
    return Event(IMPORT, "link", MERGE, at, {"event": MERGE, "properties": properties})
