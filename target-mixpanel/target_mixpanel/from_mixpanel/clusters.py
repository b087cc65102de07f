"""Which ids Mixpanel has made one person, and which of them are users'. Asks facts, makes claims.

Under Original ID Merge only identity events make ids one person (Mixpanel docs, Create Identity,
Create Alias, Merge Identities). A row whose `$failure_reason` says that Mixpanel refused it joins
nothing. The user of a cluster is its first `$identified_id`, else its first `$user_id`, in the
order of rows: that stays so, whatever is joined later.

Facts, all claims:

- `cluster`, id -> the id that stands for its cluster; ids that stand for themselves have none;
- `cluster_user`, that id -> the user of the cluster;
- `user`, id -> a text: the id is a user's. `Whose` says so, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.values import clean_id
from singer_delivery.model import Effects, Fact, Facts

IDENTITY_EVENTS = frozenset({"$identify", "$create_alias", "$merge"})
"""Events by which ids become one person."""

DEVICE = "$device:"
"""What Simplified ID Merge puts before the id of a device."""

BareIds = Literal["auto", "user", "device"]
"""Whose an id is that nothing tells: by its form, always a user's, or always a device's."""

_MADE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[0-9a-f]{6,}(?:-[0-9a-f]{4,}){4}",
    re.IGNORECASE | re.ASCII,
)
"""Ids that SDKs make: a UUID, or five groups of hexadecimal digits joined by hyphens (mixpanel-js,
`_.UUID`)."""


class Joined(NamedTuple):
    """What an identity event makes one person.

    Attributes:
        first: of the two ids.
        second: of them.
        user: the one that the event names as a user's; None where it does not say.
    """

    first: str
    second: str
    user: str | None


def joined(name: str, properties: Mapping[str, Any]) -> Joined | None:
    """Return what an identity event joins; None where it was refused, or names no two ids."""
    if properties.get("$failure_reason"):
        return None
    if name == "$merge":
        ids = properties.get("$distinct_ids")
        given = ids if isinstance(ids, list) and len(ids) == 2 else (None, None)
    elif name == "$identify":
        given = properties.get("$identified_id"), properties.get("$anon_id")
    else:
        given = properties.get("distinct_id"), properties.get("alias")
    first, second = (_id(each) for each in given)
    if not first or not second or first == second:
        return None
    return Joined(first, second, first if name == "$identify" else None)


def looks_made(id_: str) -> bool:
    """Tell whether an id has the form of those that SDKs make for devices."""
    return _MADE.fullmatch(id_) is not None


class Clusters:
    """What is known of ids when a record is decided, with what the record itself says.

    Args:
        seen: the record.
        facts: of the past.
        effects: gets the claims.
    """

    def __init__(self, seen: Observation, facts: Facts, effects: Effects) -> None:
        self._since, self._facts, self._claims = seen.since, facts, effects.claims
        self._said: dict[tuple[str, str], str] = {}

    def is_user(self, id_: str) -> bool:
        """Tell whether a row or an identity event has named an id as a user's."""
        return self._recall("user", id_) is not None

    def user_of(self, id_: str) -> str | None:
        """Return the user of an id's cluster; None where it has none."""
        return self._user_of(self._first(id_))

    def name_user(self, id_: str) -> str:
        """Take note that an id is a user's; return the user of its cluster, perhaps the id."""
        first = self._first(id_)
        known = self._user_of(first)
        if not self.is_user(id_):
            self._claim("user", id_, "")
        if known is None and first != id_:
            self._claim("cluster_user", first, id_)
        return known or id_

    def join(self, of: Joined) -> None:
        """Make two ids one person, as an identity event says."""
        first, second = self._first(of.first), self._first(of.second)
        known = self._user_of(first) or self._user_of(second) or of.user
        if of.user is not None and not self.is_user(of.user):
            self._claim("user", of.user, "")
        if first != second:
            self._claim("cluster", second, first)
        if known is not None and known != self._user_of(first):
            self._claim("cluster_user", first, known)

    def _user_of(self, first: str) -> str | None:
        """Return the user of a cluster; the id that stands for it needs no other fact."""
        known = self._recall("cluster_user", first)
        return first if known is None and self.is_user(first) else known

    def _first(self, id_: str) -> str:
        """Return the id that stands for a cluster."""
        while (further := self._recall("cluster", id_)) is not None:
            id_ = further
        return id_

    def _recall(self, kind: str, name: str) -> str | None:
        said = self._said.get((kind, name))
        if said is not None:
            return said
        known = self._facts.recall(kind, name)
        return None if known is None else known.value

    def _claim(self, kind: str, name: str, value: str) -> None:
        self._said[kind, name] = value
        self._claims.append(Fact(kind, name, value, *self._since))


def _id(value: Any) -> str | None:
    """Return an id as text; None for what is none."""
    found = clean_id(value)
    return None if found is None else found.removeprefix(DEVICE)
