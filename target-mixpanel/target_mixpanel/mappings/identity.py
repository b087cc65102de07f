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
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analytics_records.amplitude.fields import id_text
from analytics_records.amplitude.identity import Ids, Link
from analytics_records.amplitude.reading import Reading, Who, event_uuid, link_uuid
from singer_delivery.mapping.values import as_uuid
from singer_delivery.model import Event, Note

from target_mixpanel.mappings.mixpanel import DEVICE, IDS, IMPORT, MERGE, is_illegal_id

_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_ids = Ids(IDS)


def who_is(record: Mapping[str, Any], notes: list[Note]) -> Who:
    """`user_id` and `device_id`, trimmed, never illegal; the device only where it is the user's.

    Under Original ID Merge `distinct_id` is the user, else the device. With neither it is empty:
    kept, and in no report about people. Ids over 247 bytes become their first 200 bytes, a dash
    and a hash: Mixpanel would cut them. A device that is called `$device:x` is `x`: Mixpanel takes
    the prefix off, so the two must not have two owners.
    """
    device = record.get("device_id")
    if isinstance(device, str) and DEVICE in device:
        device = device.strip().removeprefix(DEVICE)
    return _who(record.get("user_id"), device, notes)


def original_who_is(record: Mapping[str, Any], notes: list[Note]) -> Who:
    """Return the ids under Original ID Merge, where `$device:` means nothing."""
    return _who(record.get("user_id"), record.get("device_id"), notes)


def _who(user: Any, device: Any, notes: list[Note]) -> Who:
    who = _ids.who(user, device, notes)
    if not who.distinct_id:
        notes.append(Note("no_identity"))
    return who


def insert_id(record: Mapping[str, Any]) -> str:
    """`uuid` if it is one; else `$insert_id` if Mixpanel takes it; else made of the record."""
    found = as_uuid(record.get("uuid"))
    if found is not None:
        return found
    own = record.get("$insert_id")
    if isinstance(own, str) and _INSERT_ID.fullmatch(own) and not is_illegal_id(own):
        return own
    return event_uuid(record)


def simplified_ids(reading: Reading) -> dict[str, Any]:
    """Return what says whose event it is, under Simplified ID Merge."""
    user, device = reading.who.user, _sent_device(reading)
    if user is None:
        return {"distinct_id": ""} if device is None else {"$device_id": device}
    return {"$user_id": user} if device is None else {"$user_id": user, "$device_id": device}


def original_ids(reading: Reading) -> dict[str, Any]:
    """Return what says whose event it is, under Original ID Merge."""
    return {"distinct_id": reading.who.distinct_id}


def _sent_device(reading: Reading) -> str | None:
    return reading.who.device if reading.who.user is None else reading.own_device


def other_user(reading: Reading) -> Any:
    """As it is, where it is no legal id or too long a one."""
    return _other(reading.record.get("user_id"), reading.who.user)


def other_device(reading: Reading) -> Any:
    """As it is, where it is no legal id, too long a one, or another user's device."""
    return _other(reading.record.get("device_id"), _sent_device(reading))


def device_beside_user(reading: Reading) -> Any:
    """As it is, where it is not the `distinct_id`."""
    device = reading.who.device if reading.who.user is None else None
    return _other(reading.record.get("device_id"), device)


def _other(value: Any, sent: str | None) -> Any:
    if value is None or value == sent:
        return None
    text = id_text(value)
    return None if text == sent else text


def bring_link(event: Event, due: Link) -> None:
    """Make an event that carries both ids the one that brings their link."""
    event.merges = due.device
    event.claims = due.claims
    event.facts = (*event.facts, due.told)


def merge_event(record: Mapping[str, Any], due: Link) -> Event:
    """Return the event that merges a device and its owner, under Original ID Merge."""
    properties = {
        "$distinct_ids": [due.device, due.user],
        "$insert_id": link_uuid(record, due.user, due.device),
        "time": due.owner.at // 1000,
    }
    return Event(
        IMPORT,
        "link",
        MERGE,
        due.user,
        due.owner.at,
        {"event": MERGE, "properties": properties},
        merges=due.device,
        claims=due.claims,
        facts=(due.told,),
    )
