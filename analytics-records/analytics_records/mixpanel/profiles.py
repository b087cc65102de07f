"""What the profiles of people and groups say, and what of it is new. Pure.

A profile is read whole (Mixpanel docs, Query API, engage), so a name that is gone was taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import clean_id, digest, moment
from singer_delivery.model import Effects, Fact, Facts, Unmappable

from analytics_records.mixpanel.clusters import cluster_of
from analytics_records.mixpanel.columns import FIRST_ATTRIBUTION
from analytics_records.mixpanel.ids import Ids, is_device
from analytics_records.mixpanel.record import row_of
from analytics_records.mixpanel.source import PREFIX

DROPPED = {
    "$android_devices": "push tokens: useless elsewhere, and keys to people's phones",
    "$ios_devices": "push tokens: useless elsewhere, and keys to people's phones",
    "$campaigns": "numbers of messages that Mixpanel sent",
    "$transactions": "payments on the profile; events say the same with their time",
    "$geo_source": "how Mixpanel found the place",
    "$mp_first_event_time": "worked out by Mixpanel from the events, which travel",
    "$distinct_id": "the id of the profile; see Who",
}
"""Properties of profiles that do not travel, and why."""

LAST_SEEN, CREATED = "$last_seen", "$created"
"""When a profile was changed last, and when it was made: the latter only where a customer says."""

_EARLIEST = 946_684_800_000_000
_DIGITS = 32
"""Of the digest that stands before the names in what is remembered of a profile."""


class Profile(NamedTuple):
    """A profile of a person or a group, as it was read.

    Attributes:
        id: the `distinct_id` of a person, the id of a group, as text; empty for none.
        group_key: the property that names groups; empty for a person.
        read_at: in microseconds since 1970; 0 where nobody knows.
        properties: as Mixpanel has them.
    """

    id: str
    group_key: str
    read_at: int
    properties: Mapping[str, Any]

    @property
    def is_device(self) -> bool:
        """Whether it is the profile of a device that is nobody's."""
        return is_device(self.id)

    def created(self) -> int | None:
        """Return when it was made, in microseconds; None where that is unknown or impossible."""
        return self._time(CREATED)

    def changed(self) -> int | None:
        """Return when it was changed last, likewise."""
        return self._time(LAST_SEEN)

    def _time(self, name: str) -> int | None:
        found = moment(self.properties.get(name))
        return found.at if found is not None and _EARLIEST <= found.at <= self.read_at else None


def read_profile(line: bytes, *, is_message: bool, service: str) -> Profile:
    """Return the profile of a line: see `profile_of`."""
    return profile_of(read(line, is_message=is_message, service=service))


def profile_of(record: Mapping[str, Any]) -> Profile:
    """Return the profile of a clean record.

    Raises:
        Unmappable: its properties are no object (`bad_properties`); its id is a number that lost
            digits (`inexact_id`).
    """
    group_key = record.get("group_key")
    is_group = isinstance(group_key, str) and bool(group_key)
    its_id = clean_id(record.get("group_id" if is_group else "distinct_id"))
    read_at = moment(record.get("read_at"))
    return Profile(
        its_id or "",
        str(group_key) if is_group else "",
        0 if read_at is None else read_at.at,
        row_of(record)["properties"],
    )


def whose_profile(profile: Profile, ids: Ids, facts: Facts) -> tuple[str | None, str | None]:
    """Return the user and the device of a profile; of a bare id, which may be either, the user.

    Where rows joined ids, it is the user of all of them.

    Args:
        profile: of a person.
        ids: what the destination makes of ids.
        facts: of the past.

    Raises:
        Unmappable: its id stands for nobody (`no_identity`).
    """
    one = ids.one(profile.id)
    if one is None:
        reason = "no_identity"
        raise Unmappable(reason, "`distinct_id` of a profile holds no id, or one of nobody")
    if profile.is_device:
        return None, one
    cluster = cluster_of(one, facts)
    user = cluster.user if cluster is not None else None
    return one if user is None else user.value, None


class Said(NamedTuple):
    """What a profile says, by the names that a destination has for it.

    Attributes:
        set: properties that hold now.
        set_once: that say where the person came from at first.
        dropped: names that do not travel.
    """

    set: dict[str, Any]
    set_once: dict[str, Any]
    dropped: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the properties that hold now."""
        return tuple(self.set)


def said(
    properties: Mapping[str, Any],
    names: Mapping[str, str],
    first: Collection[str] = FIRST_ATTRIBUTION,
    dropped: Collection[str] = DROPPED,
) -> Said:
    """Return what a profile says. Names lose their `$`, unless the same is there without.

    Args:
        properties: of the profile.
        names: of Mixpanel, to those that a destination has for them.
        first: of Mixpanel's, those that are set once.
        dropped: of Mixpanel's, those that do not travel.
    """
    result, left_out = Said({}, {}, ()), []
    for name, value in properties.items():
        if is_absent(value):
            continue
        if name in dropped:
            left_out.append(name)
            continue
        to = names.get(name) or without_dollar(name, properties)
        (result.set_once if name in first else result.set)[to] = value
    return result._replace(dropped=tuple(left_out))


def without_dollar(name: str, properties: Collection[str]) -> str:
    """Return a name without its `$`; where another property has that one, behind a prefix."""
    if not name.startswith("$"):
        return name
    plain = name.lstrip("$")
    return f"{PREFIX}{plain}" if not plain or plain in properties else plain


class News(NamedTuple):
    """What is to be told of a person or a group.

    Attributes:
        fact: that it was told.
        gone: names that were told before and are not there now.
    """

    fact: Fact
    gone: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Stands for what is told."""
        return self.fact.value[:_DIGITS]


def news(
    kind: str, name: str, profile: Profile, what: Said, facts: Facts, effects: Effects
) -> News | str:
    """Return what is new of a person or a group, or why nothing is.

    It is where it differs from what was told, and was read later.

    Args:
        kind: of the fact.
        name: whom or what it is about.
        profile: that was read.
        what: it says.
        facts: of the past.
        effects: gets the fact when it says again what was told.
    """
    stands_for = digest([what.set, what.set_once])
    value = stands_for + orjson.dumps(sorted(what.set)).decode()
    fact, last = Fact(kind, name, value, profile.read_at), facts.recall(kind, name)
    if last is None:
        return News(fact, ()) if what.set or what.set_once else "nothing to set"
    if profile.read_at < last.at:
        return "superseded"
    if last.value[:_DIGITS] == stands_for:
        if profile.read_at > last.at:
            effects.renewed.append(fact)
        return "unchanged"
    told = orjson.loads(last.value[_DIGITS:] or b"[]")
    return News(fact, tuple(one for one in told if one not in what.set))
