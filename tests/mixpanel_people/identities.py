"""Whom Mixpanel counts an event for, in both of its identity systems. Pure; in order of arrival.

Sources: Mixpanel docs, "Identifying Users (Simplified)" (one user a cluster, the first write wins),
"Identifying Users (Original)", "Create Identity", "Create Alias", "Merge Identities" (`$anon_id` is
a UUID v4 and not merged yet; 500 ids a cluster); notes on live probes in the repository of
mixpanel-import (a bare distinct_id is a user's in Simplified projects; verbs that fail stay in the
export with `$failure_reason`; `$user_id` and `$device_id` link nothing in Original projects).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.mixpanel_people.truth import NOBODY, Who

DEVICE = "$device:"
CLUSTER_LIMIT = 500
VERBS = ("$identify", "$create_alias", "$merge")
UUID4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)

NOT_A_UUID = "$anon_id is not a UUID v4"
MERGED_ALREADY = "$anon_id is already merged"
FULL = "merge limit exceeded"

# Mixpanel docs, "Import Events": ids that are invalid; fmt: off
PLACEHOLDERS = frozenset(
    (
        "",
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
        "lmy47d",
    )
)
# fmt: on


@dataclass(frozen=True)
class Ids:
    """What an event came with, as text; None for what is missing or a placeholder."""

    distinct_id: str | None
    user: str | None
    device: str | None


def ids_of(properties: Mapping[str, Any]) -> Ids:
    """Read the ids of an event as it was sent."""
    user, device, sent = (
        _text(properties.get(name)) for name in ("$user_id", "$device_id", "distinct_id")
    )
    return Ids(sent, user, None if device is None else device.removeprefix(DEVICE))


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.lower() in PLACEHOLDERS else text


@dataclass
class Simplified:
    """One user a cluster, many devices; a device is its first user's for good."""

    owners: dict[str, str] = field(default_factory=dict)
    users_on: dict[str, dict[str, None]] = field(default_factory=dict)

    def take(self, ids: Ids) -> None:
        """Take an event; one with user and device links them."""
        user, device = self._parts(ids)
        if user is not None and device is not None:
            self.owners.setdefault(device, user)
            self.users_on.setdefault(device, {})[user] = None

    def ingested(self, ids: Ids) -> str | None:
        """The distinct_id under which an event is stored at first."""
        user, device = self._parts(ids)
        return user if user is not None else None if device is None else DEVICE + device

    def who(self, ids: Ids) -> Who:
        """Whom an event counts for, now that all is known."""
        user, device = self._parts(ids)
        user = self.owners.get(device or "") if user is None else user
        if user is not None:
            return Who("user", user)
        return NOBODY if device is None else Who("device", device)

    def is_anonymous(self, ids: Ids) -> bool:
        """Whether an event came without a user."""
        return self._parts(ids)[0] is None

    @staticmethod
    def _parts(ids: Ids) -> tuple[str | None, str | None]:
        if ids.user is None and ids.device is None and ids.distinct_id is not None:
            bare = ids.distinct_id.removeprefix(DEVICE)
            return (None, bare) if bare != ids.distinct_id else (bare, None)
        return ids.user, ids.device


@dataclass
class Original:
    """Clusters that verbs make; a verb that breaks a rule makes none.

    Attributes:
        users: every id that is a user's, which the people themselves say.
    """

    users: dict[str, None] = field(default_factory=dict)
    _clusters: dict[str, list[str]] = field(default_factory=dict)

    def take(self, ids: Ids) -> None:
        """Take an event, which links nothing."""
        if ids.distinct_id is not None:
            self.cluster(ids.distinct_id)

    def ingested(self, ids: Ids) -> str | None:
        """The distinct_id under which an event is stored at first."""
        return ids.distinct_id

    def link(self, verb: str, properties: Mapping[str, Any]) -> str | None:
        """Take a verb; return why it fails, or None."""
        first, second = _pair(verb, properties)
        if verb == "$identify" and not UUID4.fullmatch(second):
            return NOT_A_UUID
        one, other = self.cluster(first), self.cluster(second)
        if one is other:
            return None
        if verb == "$identify" and len(other) > 1:
            return MERGED_ALREADY
        if len(one) + len(other) > CLUSTER_LIMIT:
            return FULL
        one += other
        self._clusters.update(dict.fromkeys(other, one))
        return None

    def cluster(self, distinct_id: str) -> list[str]:
        """All ids of the person who has this one, in the order in which they were met."""
        return self._clusters.setdefault(distinct_id, [distinct_id])

    def who(self, ids: Ids) -> Who:
        """Whom an event counts for, now that all is known."""
        if ids.distinct_id is None:
            return NOBODY
        cluster = self.cluster(ids.distinct_id)
        known = [each for each in cluster if each in self.users]
        return Who("user", known[0]) if known else Who("device", cluster[0])

    def is_anonymous(self, ids: Ids) -> bool:
        """Whether an event came without a user."""
        return ids.distinct_id not in self.users

    @property
    def clusters(self) -> list[list[str]]:
        """Every cluster once."""
        return list({id(each): each for each in self._clusters.values()}.values())


def _pair(verb: str, properties: Mapping[str, Any]) -> tuple[str, str]:
    if verb == "$identify":
        return properties["$identified_id"], properties["$anon_id"]
    if verb == "$create_alias":
        return properties["distinct_id"], properties["alias"]
    first, second = properties["$distinct_ids"]
    return first, second
