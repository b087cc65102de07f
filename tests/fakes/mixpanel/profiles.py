"""What Mixpanel's `/engage` and `/groups` make of profile updates. Pure.

Profiles have no event time: the last update to ARRIVE wins. Sources: Mixpanel docs, "User Profiles"
and "Group Profiles" of the Ingestion API (OpenAPI description: Received), "Set Property" (no gzip),
"User profile limits", "Group Analytics"; mixpanel-swift #539 (`$distinct_id` on a group update).
No message of these addresses is published; all are made in the manner of `/import`.

Not played: limits on the finished profile, and that an id of a merged person finds their profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.http.server import Reply
from tests.fakes.mixpanel.events import (
    DOCUMENTED,
    GEO_FROM_IP,
    GEO_FROM_REQUEST,
    Invalid,
    is_disallowed,
    require,
)
from tests.fakes.mixpanel.http import is_gzip, json_reply
from tests.fakes.mixpanel.imports import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

UPDATES_LIMIT = 2_000
UPDATE_LIMIT = 1_000_000
"""Bytes of compact JSON of one update: "1MB", in the stricter reading."""

LAST_SEEN_TOUCHED = "an update touched $last_seen"

NO_GZIP = "this API does not support gzip encoding"
GROUP_OPERATIONS = ("$set", "$set_once", "$union", "$remove", "$unset", "$delete")
OPERATIONS = (*GROUP_OPERATIONS, "$add", "$append")


@dataclass(frozen=True)
class Kind:
    """One of the two addresses.

    Attributes:
        id_fields: What names the profile; the last of them identifies failed records.
        group_keys: Declared in the project; None: these are user profiles.
    """

    id_fields: tuple[str, ...]
    operations: tuple[str, ...]
    group_keys: Collection[str] | None = None


@dataclass(frozen=True)
class Update:
    """One update, checked; `sent` is the whole of it."""

    key: tuple[str, ...]
    operation: str
    token: str
    sent: dict[str, Any]


@dataclass(frozen=True)
class JudgedUpdates:
    """The updates of one request, and why the others are none."""

    updates: list[Update] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)

    def reply(self, query: Mapping[str, str]) -> Reply:
        """Build the answer, which is a 200 whatever happened.

        Under strict=1 every failure is told, else only whether anything at all was good. How
        strict=1 tells them is not published: the shape is that of `/import`, with the `status` and
        `error` of verbose=1 and the `num_good_events` that public clients read.
        """
        good = len(self.updates)
        if query.get("strict") != "1":
            error = self.failed[0]["message"] if self.failed and not good else None
            return brief_reply(query, error)
        document: dict[str, Any] = {
            "status": int(not self.failed),
            "error": None,
            "num_good_events": good,
        }
        if self.failed:
            document |= {"error": FAILED, "failed_records": self.failed}
        return json_reply(200, document)


def brief_reply(query: Mapping[str, str], error: str | None) -> Reply:
    """Build the answer without details: 0 or 1, bare, or as JSON where that was asked for."""
    status = int(error is None)
    if "1" in (query.get("verbose"), query.get("strict")):
        return json_reply(200, {"status": status, "error": error})
    return Reply(200, str(status).encode())


def read_updates(body: bytes, headers: Mapping[str, str]) -> list[Any]:
    """Return the updates of a request as sent, unchecked.

    Raises:
        ValueError: Nothing of it is taken; the text says why.
    """
    if is_gzip(headers):
        raise ValueError(NO_GZIP)
    try:
        updates = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = "request body is no valid JSON"
        raise ValueError(msg) from error
    if not isinstance(updates, list) or not updates:
        msg = "request body must be a list of updates"
        raise ValueError(msg)
    if len(updates) > UPDATES_LIMIT:
        msg = f"request exceeds max limit of {UPDATES_LIMIT} updates"
        raise ValueError(msg)
    return updates


def judged_updates(updates: list[Any], kind: Kind, query: Mapping[str, str]) -> JudgedUpdates:
    """Judge each update for itself."""
    verdicts = JudgedUpdates()
    for index, sent in enumerate(updates):
        _judge(index, sent, kind, verdicts)
    for update in verdicts.updates:
        verdicts.notes.update(_remarks(update.sent, query))
    return verdicts


def _judge(index: int, sent: Any, kind: Kind, verdicts: JudgedUpdates) -> None:
    try:
        verdicts.updates.append(_update(sent, kind))
    except Invalid as invalid:
        verdicts.failed.append(_failed_record(index, sent, kind, invalid))


def apply(profiles: dict[tuple[str, ...], dict[str, Any]], update: Update) -> None:
    """Carry an update out; only what sets something creates a profile."""
    key, value = update.key, update.sent[update.operation]
    if update.operation == "$delete":
        profiles.pop(key, None)
    elif update.operation == "$unset":
        for name in value:
            profiles.get(key, {}).pop(name, None)
    elif update.operation == "$remove":
        _each(_remove, profiles.get(key, {}), value)
    else:
        _each(_SETTERS[update.operation], profiles.setdefault(key, {}), value)


# Checks -------------------------------------------------------------------------------------


def _update(sent: Any, kind: Kind) -> Update:
    require(isinstance(sent, dict), "update", "must be an object")
    for name in ("$token", *kind.id_fields):
        require(sent.get(name), name, DOCUMENTED["missing"])
        require(isinstance(sent[name], str), name, "must be a string")
    if kind.group_keys is None:
        require(
            not is_disallowed(sent["$distinct_id"]), "$distinct_id", "must not be a placeholder"
        )
    else:
        _check_group(sent, kind.group_keys)
    operation = _operation(sent, kind)
    _check_value(operation, sent[operation])
    require(len(orjson.dumps(sent)) < UPDATE_LIMIT, "update", "must be smaller than 1MB")
    return Update(tuple(sent[name] for name in kind.id_fields), operation, sent["$token"], sent)


def _check_group(sent: dict[str, Any], group_keys: Collection[str]) -> None:
    """Check what only groups need; keys are declared in the project's settings beforehand."""
    require("$distinct_id" not in sent, "$distinct_id", "must not be on a group update")
    require(sent["$group_key"] in group_keys, "$group_key", "must be a group key of this project")


def _operation(sent: dict[str, Any], kind: Kind) -> str:
    """Find the one operation; the documents show one in each update and never two."""
    found = [name for name in OPERATIONS if name in sent]
    require(len(found) == 1, "update", "must have exactly one operation")
    require(found[0] in kind.operations, found[0], "must be an operation of groups")
    return found[0]


def _check_value(operation: str, value: Any) -> None:
    if operation == "$delete":
        return
    if operation == "$unset":
        names = isinstance(value, list) and all(isinstance(name, str) for name in value)
        require(names, operation, "must be a list of property names")
        return
    require(isinstance(value, dict), operation, "must be an object")
    if operation == "$add":
        numbers = all(type(number) in (int, float) for number in value.values())
        require(numbers, operation, "must have numbers only")
    if operation == "$union":
        lists = all(isinstance(items, list) for items in value.values())
        require(lists, operation, "must have lists only")


def _remarks(sent: dict[str, Any], query: Mapping[str, str]) -> set[str]:
    """Tell what the update changes beside its properties (docs: "Geolocation", "$ignore_time")."""
    ip = sent.get("$ip")
    remarks = {
        GEO_FROM_REQUEST: ip is None and query.get("ip") != "0",
        GEO_FROM_IP: ip is not None and str(ip) != "0",
        LAST_SEEN_TOUCHED: sent.get("$ignore_time") is not True,
    }
    return {remark for remark, holds in remarks.items() if holds}


def _failed_record(index: int, sent: Any, kind: Kind, invalid: Invalid) -> dict[str, Any]:
    name = kind.id_fields[-1]
    profile = sent.get(name) if isinstance(sent, dict) else None
    return {"index": index, name: profile, "field": invalid.field, "message": invalid.message}


# Operations ---------------------------------------------------------------------------------


def _each(
    change: Callable[[dict[str, Any], str, Any], None],
    profile: dict[str, Any],
    values: Mapping[str, Any],
) -> None:
    for name, value in values.items():
        change(profile, name, value)


def _set(profile: dict[str, Any], name: str, value: Any) -> None:
    profile[name] = value


def _set_once(profile: dict[str, Any], name: str, value: Any) -> None:
    profile.setdefault(name, value)


def _add(profile: dict[str, Any], name: str, value: float) -> None:
    profile[name] = profile.get(name, 0) + value


def _append(profile: dict[str, Any], name: str, value: Any) -> None:
    profile[name] = [*_list(profile, name), value]


def _union(profile: dict[str, Any], name: str, values: list[Any]) -> None:
    items = _list(profile, name)
    for value in values:
        if value not in items:
            items.append(value)
    profile[name] = items


def _remove(profile: dict[str, Any], name: str, value: Any) -> None:
    if name in profile:
        profile[name] = [item for item in _list(profile, name) if item != value]


def _list(profile: dict[str, Any], name: str) -> list[Any]:
    """Return a copy; what is no list yet counts as a list of one."""
    present = profile.get(name, [])
    return list(present) if isinstance(present, list) else [present]


_SETTERS: dict[str, Callable[[dict[str, Any], str, Any], None]] = {
    "$set": _set,
    "$set_once": _set_once,
    "$add": _add,
    "$append": _append,
    "$union": _union,
}
