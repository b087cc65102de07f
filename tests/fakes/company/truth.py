"""The ground truth of a generated export: what must come of it, from what the generator knows.

Nothing here reads a row. Every line the generator writes comes with a `Meant`, its own knowledge of
that line, and `Truth.note` follows the promises of the mapping over those, in the order of receipt.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Properties = dict[str, Any]
NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Meant(NamedTuple):
    """What the generator means by one line.

    Attributes:
        uuid: the row's uuid.
        name: the raw name of the event, as Amplitude has it.
        moment: when it happened, in microseconds since 1970; where the row has a broken clock, the
            time that a reader must fall back to.
        clock: what the row says of it, if that is something else.
        received: when the server got it, in microseconds since 1970.
        device: the device, or None.
        user: the user, clean: no padding, and none for an id that is no id; or None.
        amplitude_id: the id to fall back to where there is neither user nor device.
        session: start of the session in milliseconds since 1970, or -1.
        person: all properties of the person at that time without `initial_*`; None if not told.
        initial: the attribution the person came with, without EMPTY; None if not told.
        groups: {type: first value} as text.
        group_properties: {(type, value as text): properties}.
        insert_id: what the SDK made to tell the event by, or None.
        kind: "event", "identify" or "groupidentify".
        dead: reason why it can only be a dead letter, or None; "no_identity" where nothing says
            who did it, which some destinations keep.
    """

    uuid: str = ""
    name: str = ""
    moment: int = 0
    clock: int | None = None
    received: int = 0
    device: str | None = None
    user: str | None = None
    amplitude_id: int | None = None
    session: int = -1
    person: Properties | None = None
    initial: Properties | None = None
    groups: Mapping[str, str] = NOTHING
    group_properties: Mapping[tuple[str, str], Properties] = NOTHING
    insert_id: str | None = None
    kind: str = "event"
    dead: str | None = None


@dataclass
class Newest:
    """Keeps, under each key, the value of each property that was received last.

    A row is not all of a person: what it does not name stays.
    """

    times: dict[tuple[Any, str], int] = field(default_factory=dict)
    values: dict[Any, Properties] = field(default_factory=dict)

    def note(self, key: Any, received: int, value: Properties) -> None:
        """Take each property unless it was received later already."""
        known = self.values.setdefault(key, {})
        for name, each in value.items():
            if received >= self.times.get((key, name), -1):
                self.times[key, name] = received
                known[name] = each


@dataclass
class KnownUsers:
    """Whom Amplitude's own ids stand for: the first user named beside each.

    What happens on a device after a logout has the id of the last known user, and no user
    (Amplitude docs, Track unique users).
    """

    users: dict[int, str] = field(default_factory=dict)

    def named(self, meant: Meant) -> Meant:
        """Return the line with the user whom its Amplitude id stands for, where it names none."""
        if meant.user is not None:
            self.users.setdefault(meant.amplitude_id or 0, meant.user)
            return meant
        return meant._replace(user=self.users.get(meant.amplitude_id or 0))


@dataclass
class Truth:
    """What must have arrived once the whole export was delivered.

    Attributes:
        lines: number of lines in the export.
        events: uuids that must arrive as events.
        events_by_name: how many of these by their Amplitude name.
        identifies: uuids of `$identify` rows; each becomes a person update or is superseded.
        group_identifies: uuids of `$groupidentify` rows; they become group updates only.
        dead: uuid of each line that can only be a dead letter, with the reason.
        owners: which user owns each device: the first one read with it.
        conflicts: (device, user) of every further user seen on a device that has its owner.
        users: every user met.
        amplitude_only: ids of those known by nothing but their amplitude_id.
        people: newest properties of each user, without `initial_*`.
        initial: `initial_*` properties of each user, without EMPTY ones.
        group_types: group types in the order in which they were met; PostHog links the first five.
        groups: newest properties of every (type, key), of every type.
        sessions: (device, session start in ms) of every session that has an event.
    """

    lines: int = 0
    events: set[str] = field(default_factory=set)
    events_by_name: Counter[str] = field(default_factory=Counter)
    identifies: set[str] = field(default_factory=set)
    group_identifies: set[str] = field(default_factory=set)
    dead: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    conflicts: set[tuple[str, str]] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    amplitude_only: set[str] = field(default_factory=set)
    initial: dict[str, Properties] = field(default_factory=dict)
    group_types: list[str] = field(default_factory=list)
    sessions: set[tuple[str, int]] = field(default_factory=set)
    _known: KnownUsers = field(default_factory=KnownUsers)
    _devices: set[str] = field(default_factory=set)
    _people: Newest = field(default_factory=Newest)
    _groups: Newest = field(default_factory=Newest)

    @property
    def links(self) -> int:
        """How many identity links arrive: one for each device that has an owner."""
        return len(self.owners)

    @property
    def anonymous(self) -> set[str]:
        """Ids of those who never became a user: devices nobody owns, bare Amplitude ids."""
        return (self._devices - self.owners.keys()) | self.amplitude_only

    @property
    def people(self) -> dict[str, Properties]:
        """Newest properties of each user."""
        newest = self._people.values
        return {user: newest[user] for user in sorted(self.users) if user in newest}

    @property
    def groups(self) -> dict[tuple[str, str], Properties]:
        """Newest properties of every group."""
        return self._groups.values

    @property
    def linked_groups(self) -> dict[tuple[str, str], Properties]:
        """Newest properties of the groups whose type is one of the five that PostHog links."""
        linked = self.group_types[:5]
        return {key: value for key, value in self.groups.items() if key[0] in linked}

    def note(self, meant: Meant) -> None:
        """Take the next line, in the order of receipt."""
        self.lines += 1
        if meant.dead is not None:
            self.dead[meant.uuid] = meant.dead
            return
        self._note_kind(meant)
        if meant.user is not None:
            self._note_owner(meant.device, meant.user)
        meant = self._known.named(meant)
        self._note_identity(meant)
        self._note_person(meant)
        self._note_groups(meant)

    def _note_kind(self, meant: Meant) -> None:
        if meant.kind == "identify":
            self.identifies.add(meant.uuid)
        elif meant.kind == "groupidentify":
            self.group_identifies.add(meant.uuid)
        else:
            self.events.add(meant.uuid)
            self.events_by_name[meant.name] += 1
            if meant.session > 0 and meant.device is not None:
                self.sessions.add((meant.device, meant.session))

    def _note_identity(self, meant: Meant) -> None:
        if meant.user is not None:
            self.users.add(meant.user)
        elif meant.device is not None:
            self._devices.add(meant.device)
        else:
            self.amplitude_only.add(f"amplitude:{meant.amplitude_id}")

    def _note_owner(self, device: str | None, user: str) -> None:
        if device is not None and self.owners.setdefault(device, user) != user:
            self.conflicts.add((device, user))

    def _note_person(self, meant: Meant) -> None:
        who = meant.user or meant.device
        in_doubt = meant.user is None and meant.device in self.owners
        if who is None or in_doubt or meant.person is None:
            return
        self._people.note(who, meant.received, meant.person)
        if meant.initial is not None:
            self.initial[who] = meant.initial

    def _note_groups(self, meant: Meant) -> None:
        for group_type in meant.groups:
            if group_type not in self.group_types:
                self.group_types.append(group_type)
        for key, properties in meant.group_properties.items():
            self._groups.note(key, meant.received, properties)
