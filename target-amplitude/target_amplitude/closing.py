"""Updates that wait for the end of a run, and the events they become. Pure.

Updates of one person or group are laid over each other while they wait, key by key in each object
(`singer_delivery.ledger.update`). So an update waits in a flat form, in which what is taken away is
null in the same object as what is set: the newest of a name counts, and no name is ever in two
operations. It becomes an event when it is sent, with an id made of what it then says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from singer_delivery.mapping.values import digest, stable_uuid

from target_amplitude.amplitude import GROUP_IDENTIFY, IDENTIFY

CLOSING = "$closing"
_MARK = b'{"$closing":'
TAKEN_AWAY = "-"
"""What stands for a value in `$unset` (docs, "Identify API")."""

PERSON, GROUP = "person", "group"
_OF_WAITING = (CLOSING, "said_at", "state", "once")
_EVENTS = {PERSON: (IDENTIFY, "user_properties"), GROUP: (GROUP_IDENTIFY, "group_properties")}


def waiting(
    kind: str,
    whose: Mapping[str, Any],
    state: Mapping[str, Any],
    once: Mapping[str, Any],
    at: int | None,
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of an update that waits.

    Args:
        kind: `PERSON` or `GROUP`.
        whose: the keys of the event that name the person or the group.
        state: to each property its value; None takes it away.
        once: likewise, for properties that stay as they are where there is one already.
        at: time of the record that says so, in microseconds. It is part of the insert id: a state
            that comes back within the days of deduplication is no duplicate.
        beside: other keys of the event.
    """
    # What is taken away is so for a `once` that waits already, and not for one that comes later.
    gone = {key: None for key, value in state.items() if value is None}
    said = {"said_at": at, "state": {**state}, "once": {**gone, **once}}
    return {CLOSING: kind, **whose, **said, **(beside or {})}


def as_sent(encoded: bytes) -> bytes:
    """Return an encoded update as the event it becomes; any other event as it is."""
    if not encoded.startswith(_MARK):
        return encoded
    return orjson.dumps(event_of(orjson.loads(encoded)))


def event_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that an update becomes."""
    content = {key: value for key, value in body.items() if key not in _OF_WAITING}
    name, properties = _EVENTS[body[CLOSING]]
    content[properties] = operations(body["state"], body["once"])
    insert_id = stable_uuid(name, str(body["said_at"]), digest(content))
    return {"event_type": name, "insert_id": insert_id, **content}


def operations(state: Mapping[str, Any], once: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations that make a state, none of them empty, no name in two of them.

    What is taken away and then set where there is none is set.
    """
    first = {key: value for key, value in once.items() if value is not None}
    now = {key: first.get(key) if value is None else value for key, value in state.items()}
    named = {
        "$unset": {key: TAKEN_AWAY for key, value in now.items() if value is None},
        "$set": {key: value for key, value in now.items() if value is not None},
        "$setOnce": {key: value for key, value in first.items() if key not in now},
    }
    return {operation: of for operation, of in named.items() if of}
