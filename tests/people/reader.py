"""A careful reader of an export: the rules of `docs/people.md`, in the plainest words of Python.

It shows that the rules lead from the rows alone to what Amplitude knows. It has the rows in order,
remembers everything, and sends nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.people.amplitude import GROUP_IDENTIFY, IDENTIFY, revenue_of
from tests.people.held import Arrived, Held, Person
from tests.people.ids import is_nobody
from tests.people.properties import is_call
from tests.people.truth import Group, Properties, Truth, Who

BACKFILLED = timedelta(days=30)
Row = Mapping[str, Any]


@dataclass
class State:
    """Properties, each with the place of the row that said it last."""

    values: Properties = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)

    def set(self, values: Properties, place: int) -> None:
        for name, value in values.items():
            if value is None:
                self.values.pop(name, None)
            else:
                self.values[name] = value
            self.said[name] = place

    def apply(self, properties: Properties, place: int) -> None:
        """Take a snapshot, which is never all of a person, or the operations of a call."""
        if not is_call(properties):
            self.set(properties, place)
            return
        if "$clearAll" in properties:
            self.set(dict.fromkeys(self.values), place)
        self.set(dict.fromkeys(properties.get("$unset", ())), place)
        self.set(properties.get("$set", {}), place)
        once = properties.get("$setOnce", {})
        self.set({k: v for k, v in once.items() if k not in self.values}, place)

    def inherit(self, other: State) -> None:
        """Take what another said later than this one said anything."""
        newest = max(self.said.values(), default=-1)
        for name, value in other.values.items():
            if other.said[name] > newest:
                self.set({name: value}, other.said[name])


@dataclass
class Reader:
    """Reads rows one after the other."""

    known: dict[int, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    states: dict[Who, State] = field(default_factory=lambda: defaultdict(State))
    groups: dict[Group, State] = field(default_factory=lambda: defaultdict(State))
    whose: dict[str, Who] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    def read(self, lines: Iterable[bytes]) -> Reader:
        for place, line in enumerate(lines):
            row = json.loads(line)
            if not isinstance(row["user_id"], float):
                self._row(row, place)
        return self

    def _row(self, row: Row, place: int) -> None:
        user, device = _id(row["user_id"]), _id(row["device_id"])
        if user is not None:
            self._meet(user, device, row["amplitude_id"])
        who = self._who(user, device, row["amplitude_id"])
        if row["event_type"] not in (IDENTIFY, GROUP_IDENTIFY):
            self.whose[row["uuid"]], self.rows[row["uuid"]] = who, row
        if who.kind == "user" or device not in self.owners:  # else nobody says whose state it is
            self._tell(self.states[who], row["user_properties"], row, place)
        self._tell_groups(row, place)

    def _meet(self, user: str, device: str | None, amplitude_id: int | None) -> None:
        self.users.add(user)
        if amplitude_id is not None:
            self.known[amplitude_id] = user
        if device is not None and device not in self.users and device not in self.owners:
            self.owners[device] = user
            self.states[Who("user", user)].inherit(self.states[Who("device", device)])

    def _who(self, user: str | None, device: str | None, amplitude_id: int | None) -> Who:
        user = user or self.known.get(amplitude_id or 0)
        if user is not None:
            return Who("user", user)
        return Who("amplitude", str(amplitude_id)) if device is None else Who("device", device)

    def _tell(self, state: State, properties: Properties, row: Row, place: int) -> None:
        if not (_is_backfilled(row) and state.values):
            state.apply(properties, place)

    def _tell_groups(self, row: Row, place: int) -> None:
        groups, said = row["groups"], row["group_properties"]
        for group_type, keys in groups.items():
            of = said if is_call(said) else said.get(group_type, {})
            keyed = {key: of[key] for key in keys if isinstance(of.get(key), dict)}
            if is_call(said) or (not keyed and len(keys) == 1):
                keyed = dict.fromkeys(keys, of)
            for key, properties in keyed.items():
                self._tell(self.groups[group_type, key], properties, row, place)

    # As a service ---------------------------------------------------------------------------

    def held(self, truth: Truth) -> Held:
        """Return what was read as if a service held it."""
        return Held(
            events={
                uuid: Arrived(
                    self._person(who), revenue_of(self.rows[uuid]["event_properties"]), None
                )
                for uuid, who in self.whose.items()
            },
            twice=0,
            owner=lambda device: self._person(Who("device", device)),
            state=lambda who: self.states[who].values,
            groups={group: state.values for group, state in self.groups.items()},
            links_sessions=False,
            unsets_groups=True,
            refused=0,
        )

    def _person(self, who: Who) -> Person:
        user = self.owners.get(who.id) if who.kind == "device" else None
        who = Who("user", user) if user is not None else who
        users = frozenset({who.id} if who.kind == "user" else ())
        return Person(who, users, frozenset({who.id} - users))


def _id(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if is_nobody(text) else text


def _is_backfilled(row: Row) -> bool:
    received = datetime.fromisoformat(row["server_upload_time"])
    return received - datetime.fromisoformat(row["event_time"]) > BACKFILLED
