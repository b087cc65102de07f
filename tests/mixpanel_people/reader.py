"""A careful reader of an export: the rules of the mappings, in the plainest words of Python.

It shows that the rules lead from rows and profiles alone to what Mixpanel knows. It has all rows in
the order of their times, remembers everything, and sends nothing.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.mixpanel_export.engage import Profile
from tests.mixpanel_people.held import Arrived, Held
from tests.mixpanel_people.identities import DEVICE, PLACEHOLDERS, UUID4, VERBS
from tests.mixpanel_people.truth import NOBODY, Group, Properties, Truth, Who
from tests.people.held import Person

Row = Mapping[str, Any]


@dataclass
class Reader:
    """Reads an export whose rows it has all.

    Args:
        system: the identity system of the project.
    """

    system: str
    users: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    events: dict[int, tuple[Row, Who]] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    states: dict[Who, Properties] = field(default_factory=lambda: defaultdict(dict))
    groups: dict[Group, Properties] = field(default_factory=dict)

    def read(self, lines: Iterable[bytes], profiles: Iterable[Profile] = ()) -> Reader:
        """Read it twice: first who is who, then whose everything is."""
        rows = _told_apart(map(_parsed, lines))
        for row in rows:
            self._link(row["event"], row["properties"])
        for row in rows:
            if row["event"] not in VERBS:
                self._row(row)
        for profile in profiles:
            self._profile(str(profile.distinct_id), profile.properties)
        return self

    # Who is who -----------------------------------------------------------------------------

    def _link(self, event: str, of: Properties) -> None:
        if event in VERBS:
            self._verb(event, of)
            return
        user, device = _id(of.get("$user_id")), _device(of)
        if user is not None:
            self.users.add(user)
        shown, before = _id(of.get("distinct_id")), _id(of.get("$distinct_id_before_identity"))
        if self.system == "original":
            return
        if shown is not None and not shown.startswith(DEVICE):
            self.users.add(shown)
            if before is not None and before.startswith(DEVICE):
                self.owners[before.removeprefix(DEVICE)] = shown  # Mixpanel's own verdict
        if user is not None and device is not None and not (before or "").startswith(DEVICE):
            self.owners.setdefault(device, user)

    def _verb(self, event: str, of: Properties) -> None:
        if event == "$identify":
            self.users.add(of["$identified_id"])
        if "$failure_reason" in of:
            return
        if event == "$identify":
            self._join(of["$identified_id"], of["$anon_id"])
        elif event == "$create_alias":
            self._join(of["alias"], of["distinct_id"])
        else:
            self._join(*of["$distinct_ids"])

    def _join(self, user: str, other: str) -> None:
        self.users.add(user)
        if self._root(user) != self._root(other):
            self.owners[self._root(other)] = self._root(user)

    def _root(self, each: str) -> str:
        while each in self.owners:
            each = self.owners[each]
        return each

    # Whose it is ----------------------------------------------------------------------------

    def _row(self, row: Row) -> None:
        of = row["properties"]
        ingested = _id(of.get("$distinct_id_before_identity")) or _id(of.get("distinct_id"))
        name = row["event"]
        if name == "$hotshard_events":
            ingested, name = _id(of["mp_original_distinct_id"]), of["mp_original_event_name"]
        who = self._who(ingested, _device(of), _id(of.get("$user_id")))
        self.events[of["serial"]] = ({**row, "event": name}, who)
        self.times[of["serial"]] += 1

    def _who(self, ingested: str | None, device: str | None, user: str | None) -> Who:
        """Whose a row is, by the id with which it came; a restamp may have filled in a user."""
        found = ingested or user or (device and DEVICE + device)
        if not found:
            return NOBODY
        bare = found.removeprefix(DEVICE)
        root = self._root(bare)
        is_user = root in self.users or (root == found and not UUID4.fullmatch(root))
        return Who("user" if is_user else "device", root)

    def _profile(self, distinct_id: str, properties: Mapping[str, Any]) -> None:
        bare = distinct_id.removeprefix(DEVICE)
        if bare == distinct_id or bare not in self.owners:
            self.states[self._who(distinct_id, None, None)].update(properties)

    # As a service ---------------------------------------------------------------------------

    def held(self, truth: Truth) -> Held:
        """Return what was read as if a service held it."""
        return Held(
            events={
                serial: Arrived(
                    _person(who),
                    row["event"],
                    truth.events[serial].at,
                    row["properties"],
                    row["properties"].get("amount"),
                    None,
                )
                for serial, (row, who) in self.events.items()
            },
            times=self.times,
            owner=lambda device: _person(self._who(DEVICE + device, None, None)),
            state=self.states.get,
            groups=truth.groups,
            links_sessions=False,
            has_revenue=True,
            takes_nobody=True,
            refused=0,
        )


def _person(who: Who) -> Person:
    """A bare id that no user is known by counts for a device, as its name is nobody's."""
    ids = frozenset({who.id})
    return Person(who, ids, frozenset()) if who.kind == "user" else Person(who, frozenset(), ids)


def _parsed(line: bytes) -> Row:
    row: Row = json.loads(line)
    return row


def _told_apart(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of their times, each once: of one `$insert_id` the one stored last."""
    newest: dict[Any, Row] = {}
    for place, row in enumerate(rows):
        key = row["properties"].get("$insert_id", place)
        if key not in newest or _processed(newest[key]) < _processed(row):
            newest[key] = row
    return sorted(newest.values(), key=lambda row: _time(row["properties"]["time"]))


def _processed(row: Row) -> int:
    return int(row["properties"]["mp_processing_time_ms"])


def _time(value: Any) -> float:
    return float(value)


def _id(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.lower() in PLACEHOLDERS else text


def _device(of: Properties) -> str | None:
    device = _id(of.get("$device_id"))
    return None if device is None else device.removeprefix(DEVICE)
