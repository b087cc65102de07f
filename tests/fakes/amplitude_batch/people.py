"""What Amplitude makes of stored events: people, their properties, groups. Pure.

Everything here happens in the order of ARRIVAL; the time of an event plays no part but for when
somebody was new. Sources: Amplitude docs, "Backfill data" and "Identify API" (what an event shows
and what it changes, and `$skip_user_properties_sync`), "Understand IP address and location", "Group
Identify API" (later events only), "HTTP V2 API" (revenue).

Not played: attribution, sizes of lists, properties that end after 14 months without an event. Which
of two values stays when somebody is merged is not told: here it is the user's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.amplitude_batch.events import DEFAULTS, GROUP_IDENTIFY, IDENTIFY, LOCATION
from tests.fakes.amplitude_batch.identity import Identities
from tests.fakes.amplitude_batch.properties import changed

UPDATES_LIMIT = 1_800
"""Changes of properties of one person within an hour; what is beyond is dropped in silence."""

HOUR_MS = 3_600_000

Group = tuple[str, str]
Properties = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What reports show of one event beside what was sent.

    Attributes:
        amplitude_id: That the row was given; queries count it under `Identities.canonical` of it.
        user_properties: Of its person at the time of arrival, or its own alone if it was skipped.
        groups: Type -> values, its own and its person's.
        group_properties: (type, value) -> properties at the time of arrival.
    """

    amplitude_id: int
    user_properties: Mapping[str, Any]
    groups: Mapping[str, list[str]]
    group_properties: Mapping[Group, Mapping[str, Any]]


@dataclass
class Person:
    """What the service knows of one person, as its User Activity says it.

    Attributes:
        amplitude_id: The canonical one.
        merged_ids: Those that were merged into it.
        user_id: None while anonymous.
        device_ids: All that were seen.
        events: How many, without orders.
        first_used: Time of the earliest event, from which on the person is new; None without any.
        last_used: Time of the latest.
        properties: The table as it stands; `$identify` changes it at once.
        defaults: The same of the properties that Amplitude has keys of its own for.
        shown: The table at the last event that was not skipped: what charts of today say.
        groups: Type -> values that stay with the person.
        revenue: Sum over all events.
        paying: Whether there ever was a revenue event.
    """

    amplitude_id: int
    merged_ids: list[int] = field(default_factory=list)
    user_id: str | None = None
    device_ids: set[str] = field(default_factory=set)
    events: int = 0
    first_used: int | None = None
    last_used: int | None = None
    properties: Properties = field(default_factory=dict)
    defaults: Properties = field(default_factory=dict)
    shown: Properties = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    revenue: float = 0
    paying: bool = False
    _updates: deque[int] = field(default_factory=deque, repr=False)

    @property
    def name(self) -> str:
        """The user, or the first of the devices in the alphabet."""
        return self.user_id if self.user_id is not None else min(self.device_ids)

    def may_change(self, now_ms: int) -> bool:
        """Count a change of properties; False if there were too many within the hour."""
        while self._updates and self._updates[0] <= now_ms - HOUR_MS:
            self._updates.popleft()
        if len(self._updates) >= UPDATES_LIMIT:
            return False
        self._updates.append(now_ms)
        return True

    def take_over(self, other: Person) -> None:
        """Become one with somebody who was anonymous."""
        self.merged_ids += [*other.merged_ids, other.amplitude_id]
        self.device_ids |= other.device_ids
        self.events += other.events
        self.first_used = _pick(min, self.first_used, other.first_used)
        self.last_used = _pick(max, self.last_used, other.last_used)
        self.properties = other.properties | self.properties
        self.defaults = other.defaults | self.defaults
        self.shown = other.shown | self.shown
        self.groups = other.groups | self.groups
        self.revenue += other.revenue
        self.paying = self.paying or other.paying

    def count(self, event: Mapping[str, Any], time: int) -> None:
        """Count an event."""
        amount = revenue_of(event)
        self.events += 1
        self.first_used = _pick(min, self.first_used, time)
        self.last_used = _pick(max, self.last_used, time)
        self.revenue += amount or 0
        self.paying = self.paying or amount is not None


class People:
    """People and groups, built by applying stored events one after the other.

    Args:
        elsewhere: See `Identities`.

    Attributes:
        groups: (type, value) -> properties.
        lost_updates: Changes of properties beyond those that an hour has room for.
    """

    def __init__(self, elsewhere: Mapping[str, str]) -> None:
        self.identities = Identities(elsewhere)
        self.groups: dict[Group, Properties] = {}
        self.lost_updates = 0
        self._persons: dict[int, Person] = {}
        self._folded = 0

    def persons(self) -> list[Person]:
        """Everybody once, in order of arrival."""
        return list(self._persons.values())

    def by_id(self, amplitude_id: int | None) -> Person | None:
        """Return the person whom queries count this id under."""
        return None if amplitude_id is None else self._person(amplitude_id)

    def apply(self, event: Mapping[str, Any], time: int, now_ms: int) -> Shown | None:
        """Process one event.

        Args:
            event: As stored.
            time: Of the event, in milliseconds.
            now_ms: Of the server.

        Returns:
            What reports show of it; None of an order, which is no event.
        """
        if event["event_type"] == GROUP_IDENTIFY:
            self._tell_groups(event)
            return None
        amplitude_id, person = self._met(event)
        is_order = event["event_type"] == IDENTIFY
        skips = event.get("$skip_user_properties_sync") is True
        if not skips:
            self._change(person, event, now_ms)
        if is_order:
            person.groups |= event.get("groups", {})
            return None
        person.count(event, time)
        if skips:
            return self._shown(amplitude_id, person, event, event.get("user_properties", {}))
        person.shown = person.properties
        return self._shown(amplitude_id, person, event, person.properties)

    def _met(self, event: Mapping[str, Any]) -> tuple[int, Person]:
        user, device = event.get("user_id"), event.get("device_id")
        amplitude_id = self.identities.meet(user, device)
        self._fold()
        person = self._person(amplitude_id)
        person.user_id = person.user_id or user or self.identities.last_user(device or "")
        person.device_ids |= {device} - {None}  # type: ignore[arg-type]
        return amplitude_id, person

    def _fold(self) -> None:
        for old, new in self.identities.merges[self._folded :]:
            if old in self._persons:
                self._person(new).take_over(self._persons.pop(old))
        self._folded = len(self.identities.merges)

    def _person(self, amplitude_id: int) -> Person:
        canonical = self.identities.canonical(amplitude_id)
        return self._persons.setdefault(canonical, Person(canonical))

    def _change(self, person: Person, event: Mapping[str, Any], now_ms: int) -> None:
        said = event.get("user_properties", {})
        if event["event_type"] != IDENTIFY:
            said = {name: value for name, value in said.items() if not name.startswith("$")}
        if said and not person.may_change(now_ms):
            self.lost_updates += 1
            return
        if said:
            person.properties = changed(person.properties, said)
        person.defaults = _defaults(person.defaults, event)

    def _tell_groups(self, event: Mapping[str, Any]) -> None:
        for group_type, values in event.get("groups", {}).items():
            for value in values:
                known = self.groups.get((group_type, value), {})
                said = event.get("group_properties", {})
                self.groups[group_type, value] = changed(known, said)

    def _shown(
        self, amplitude_id: int, person: Person, event: Mapping[str, Any], properties: Properties
    ) -> Shown:
        groups = {**person.groups, **event.get("groups", {})}
        pairs = [(group_type, value) for group_type, values in groups.items() for value in values]
        told = {pair: self.groups[pair] for pair in pairs if pair in self.groups}
        return Shown(amplitude_id, properties, groups, told)


def revenue_of(event: Mapping[str, Any]) -> float | None:
    """Return the amount of an event; None of one that is no revenue event."""
    price, revenue = event.get("price"), event.get("revenue")
    if price is not None:
        return float(price) * int(event.get("quantity", 1))
    return None if revenue is None else float(revenue)


def _defaults(held: Properties, event: Mapping[str, Any]) -> Properties:
    told = {name: event[name] for name in DEFAULTS if name in event}
    if not told:
        return held
    if any(name in told for name in LOCATION):
        held = {name: value for name, value in held.items() if name not in LOCATION}
    return {name: value for name, value in (held | told).items() if value != ""}


def _pick(choose: Any, one: int | None, other: int | None) -> int | None:
    times = [time for time in (one, other) if time is not None]
    return choose(times) if times else None
