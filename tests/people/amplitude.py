"""Amplitude: takes what devices and servers send, makes its rows of it, and knows what is true.

Sources: Amplitude docs, "Export API" (the columns), "Track unique users", "Identify API", "Group
Identify API", "HTTP V2 API" (invalid ids, revenue), "Data backfill", "User data lookup" (event_time
is corrected by the difference of the clocks from 60 seconds on).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.company.rows import SECOND, Dice, time_text
from tests.people.ids import AmplitudeIds, is_nobody
from tests.people.properties import Tables, Values, is_call
from tests.people.truth import Due, Session, Truth, Who

IDENTIFY, GROUP_IDENTIFY = "$identify", "$groupidentify"
OWN_VALUES = ("email", "nickname", "visitor")
"""Properties whose every value belongs to one person."""

TRAVEL = SECOND // 3
PLATFORMS = {"Web": ("Chrome", "122", "Windows"), "iOS": ("ios", "17.3", "Apple iPhone")}


@dataclass(kw_only=True)
class Call:
    """What a device or a server hands to Amplitude.

    Attributes:
        at: when it happened, in microseconds since 1970, by a right clock.
        user, device: as sent: a text, a number or nothing.
        clock: how far the sender's clock is ahead, in microseconds.
        session: its start by the sender's clock, in milliseconds; -1 for none.
        person: user properties, plain ones or operations.
        groups: type -> keys.
        about_group: operations on that group.
        shows: which of the person's properties the row shows: all, the city alone, none, or only
            those that the call brings and that leave the table alone (a backfill).
        has_amplitude_id: rows of old exports have none.
        keyless: whether properties of groups stand without the level of the key.
        loses: a property of the person that Amplitude loses without a sign after this row.
    """

    name: str
    at: int
    user: Any = None
    device: Any = None
    event_id: int = 1
    clock: int = 0
    session: int = -1
    properties: Values = field(default_factory=dict)
    person: Values = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    about_group: Values | None = None
    shows: Literal["all", "city", "nothing", "own"] = "all"
    has_amplitude_id: bool = True
    keyless: bool = False
    loses: str = ""
    platform: str = "Web"

    @property
    def user_text(self) -> str | None:
        """The user as Amplitude's tables know it."""
        return None if self.user is None else str(self.user).strip()

    @property
    def device_text(self) -> str | None:
        """The device as Amplitude's tables know it."""
        return None if self.device is None else str(self.device).strip()


@dataclass
class Upload:
    """Calls that are taken at one instant, in their order."""

    received: int
    calls: list[Call]


@dataclass(frozen=True)
class _Taken:
    call: Call
    uuid: str
    amplitude_id: int


@dataclass
class Amplitude:
    """A project of Amplitude. Feed it uploads in the order of their receipt."""

    dice: Dice
    ids: AmplitudeIds = field(default_factory=AmplitudeIds)
    people: Tables = field(default_factory=Tables)
    groups: Tables = field(default_factory=Tables)
    _taken: list[_Taken] = field(default_factory=list)
    _insert_ids: dict[str, str] = field(default_factory=dict)
    _first: dict[int, _Taken] = field(default_factory=dict)
    _dead: dict[str, str] = field(default_factory=dict)
    _values: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _known: int = 0
    _names: set[str] = field(default_factory=set)
    _once: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, upload: Upload) -> list[bytes]:
        """Return the rows of an upload as lines of the export."""
        return [self._line(call, upload) for call in upload.calls]

    def _line(self, call: Call, upload: Upload) -> bytes:
        uuid = self.dice.uuid()
        if isinstance(call.user, float):
            return self._unreadable(call, uuid, upload)
        amplitude_id = self._identify(call)
        self._known += _is_known_by_id(call, self.ids.user_of.get(amplitude_id))
        self._taken.append(_Taken(call, uuid, amplitude_id))
        self._first.setdefault(amplitude_id, self._taken[-1])
        row = self._columns(call, uuid, upload) | {
            "user_properties": self._about_person(call, amplitude_id),
            "amplitude_id": amplitude_id if call.has_amplitude_id else None,
            **self._about_groups(call),
        }
        self.people.lose(amplitude_id, call.loses)
        self._insert_ids[row["$insert_id"]] = uuid
        return json.dumps(row, ensure_ascii=False).encode()

    def _unreadable(self, call: Call, uuid: str, upload: Upload) -> bytes:
        """Write a user that is a number whose last digits were lost before it was written."""
        self._dead[uuid] = "inexact_id"
        row = self._columns(call, uuid, upload) | {"user_id": "@", "amplitude_id": None}
        return json.dumps(row).replace('"@"', "9.007199254740992e+15").encode()

    # Who ------------------------------------------------------------------------------------

    def _identify(self, call: Call) -> int:
        user, device = call.user_text, call.device_text
        anonymous = self.ids.anonymous(device)
        amplitude_id = self.ids.of(user, device)
        if user is not None and anonymous not in (None, amplitude_id):
            self.people.merge(anonymous, amplitude_id)
        return amplitude_id

    def _who(self, taken: _Taken) -> Who:
        """Return whom a row counts for, now that all of it is known."""
        call = taken.call
        for user in (call.user_text, self.ids.user_of.get(self.ids.person(taken.amplitude_id))):
            if user is not None and not is_nobody(user):
                return Who("user", user)
        device = call.device_text
        if device is None or is_nobody(device):
            return Who("amplitude", str(taken.amplitude_id))
        owner = self.ids.owner(device)
        return Who("device", device) if owner is None else Who("user", owner)

    # What is known --------------------------------------------------------------------------

    def _about_person(self, call: Call, amplitude_id: int) -> Values:
        self._note_values(call, amplitude_id)
        if call.shows == "own":
            self.people.backfill(amplitude_id, call.person)
            return dict(call.person)
        self.people.apply(amplitude_id, call.person)
        if is_call(call.person):
            return dict(call.person)
        shown = dict(self.people.now[amplitude_id])
        if call.shows == "nothing":
            shown = {}
        elif call.shows == "city":
            shown = {k: v for k, v in shown.items() if k == "city"}
        return shown | {name: None for name, value in call.person.items() if value is None}

    def _note_values(self, call: Call, amplitude_id: int) -> None:
        for of in call.person.values() if is_call(call.person) else [call.person]:
            self._names.update(of if isinstance(of, dict) else ())
        plain = call.person.get("$set", call.person)
        for name in OWN_VALUES:
            if plain.get(name) is not None:
                self._values[plain[name]].add(amplitude_id)

    def _about_groups(self, call: Call) -> Values:
        groups = {group_type: list(keys) for group_type, keys in call.groups.items()}
        if call.about_group is not None:
            for key in self._named(call):
                self._change_group(key, call.about_group)
            return {"groups": groups, "group_properties": dict(call.about_group)}
        return {"groups": groups, "group_properties": self._shown_groups(call)}

    def _change_group(self, key: tuple[str, str], change: Values) -> None:
        before = set(self.groups.now[key])
        self.groups.apply(key, change)
        self._once[key] |= before - self.groups.now[key].keys()

    def _shown_groups(self, call: Call) -> Values:
        if call.shows == "nothing":
            return {}
        if call.keyless and all(len(keys) == 1 for keys in call.groups.values()):
            return {t: dict(self.groups.now[t, keys[0]]) for t, keys in call.groups.items()}
        if call.keyless:  # whose it is nobody can say
            return {t: {"name": f"nobody's {t}"} for t in call.groups}
        old = {"seats": 1} if call.shows == "own" else {}
        return {
            t: {key: dict(self.groups.now[t, key]) | old for key in keys}
            for t, keys in call.groups.items()
        }

    @staticmethod
    def _named(call: Call) -> list[tuple[str, str]]:
        return [(group_type, key) for group_type, keys in call.groups.items() for key in keys]

    # The row --------------------------------------------------------------------------------

    def _columns(self, call: Call, uuid: str, upload: Upload) -> Values:
        received, client = upload.received, call.at + call.clock
        sent = received - TRAVEL + call.clock
        off = received - sent
        os_name, os_version, family = PLATFORMS[call.platform]
        return {
            "uuid": uuid,
            "$insert_id": self.dice.uuid(),
            "app": 187520,
            "event_type": call.name,
            "event_id": call.event_id,
            "event_time": time_text(client + off if abs(off) >= 60 * SECOND else client),
            "client_event_time": time_text(client),
            "client_upload_time": time_text(sent),
            "server_received_time": time_text(received),
            "server_upload_time": time_text(received),
            "processed_time": time_text(received + 5 * SECOND),
            "user_id": call.user,
            "device_id": call.device,
            "session_id": call.session,
            "event_properties": call.properties,
            "user_properties": {},
            "groups": {},
            "group_properties": {},
            "platform": call.platform,
            "os_name": os_name,
            "os_version": os_version,
            "device_family": family,
            "country": "Germany",
            "city": "Berlin",
            "language": "German",
            "library": "amplitude-ts/2.16.1",
            "data": {"path": "/2/httpapi"},
        }

    # The truth ------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """Return what must come of the rows so far."""
        truth = Truth(dead=dict(self._dead), names=self._names, known=self._known)
        truth.insert_ids = dict(self._insert_ids)
        truth.owners = {device: next(iter(users)) for device, users in self.ids.all_users.items()}
        truth.shared = {device for device, users in self.ids.all_users.items() if len(users) > 1}
        for taken in self._taken:
            if taken.call.name not in (IDENTIFY, GROUP_IDENTIFY):
                truth.events[taken.uuid] = self._due(taken)
        for amplitude_id in self._first:
            self._tell_person(amplitude_id, truth)
        for value, ids in self._values.items():
            people = (self._person(self.ids.person(amplitude_id)) for amplitude_id in ids)
            truth.whose[value] = {who for who in people if who is not None}
        truth.groups = {key: self.groups.final(key) for key in list(self.groups.now)}
        truth.cleared = {key: names - truth.groups[key].keys() for key, names in self._once.items()}
        return truth

    def _due(self, taken: _Taken) -> Due:
        call, who = taken.call, self._who(taken)
        return Due(
            uuid=taken.uuid,
            name=call.name,
            who=who,
            is_anonymous=call.user_text is None or is_nobody(call.user_text),
            at=call.at,
            revenue=revenue_of(call.properties),
            session=_session(call, who),
            keeps_time=call.clock == 0,
        )

    def _tell_person(self, amplitude_id: int, truth: Truth) -> None:
        who = self._person(self.ids.person(amplitude_id))
        if who is not None and amplitude_id not in self.ids.merged:
            truth.states[who] = self.people.final(amplitude_id)
            truth.brought[who] = self.people.brought(amplitude_id)

    def _person(self, amplitude_id: int) -> Who | None:
        """Return whom an Amplitude ID stands for; None for those that stand for nobody at all."""
        user = self.ids.user_of.get(amplitude_id)
        if user is not None:
            return None if is_nobody(user) else Who("user", user)
        return self._who(self._first[amplitude_id])


def revenue_of(properties: Values) -> float | None:
    """Return the revenue of an event (Amplitude docs, HTTP V2 API): a quantity defaults to 1."""
    if "$revenue" in properties:
        return float(properties["$revenue"])
    if "$price" not in properties:
        return None
    return float(properties["$price"] * properties.get("$quantity", 1))


def _is_known_by_id(call: Call, user: str | None) -> bool:
    """Whether only the Amplitude ID of a row says which user it is of."""
    is_anonymous = call.user_text is None or is_nobody(call.user_text)
    return is_anonymous and call.has_amplitude_id and user is not None and not is_nobody(user)


def _session(call: Call, who: Who) -> Session | None:
    if call.session < 0:
        return None
    device = call.device_text
    runs_on = who.id if device is None or is_nobody(device) else device
    return runs_on, call.session
