"""The ground truth of a generated export for a copy of it, from what the generator knows.

Like `truth`, nothing here reads a row. A copy says again what the source was told. Who counts for
whom follows Amplitude's own rule, in the order of receipt: a user id beats a device, what is
anonymous belongs to the last user of its device, else to the first one to come (Amplitude docs,
Track unique users). Whom the source's own id stands for is known, too, where the row has no user.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.fakes.company.truth import KnownUsers, Newest

if TYPE_CHECKING:
    from tests.fakes.company.truth import Meant, Properties

FITTING = ("event_name_too_long", "event_too_large")
"""What is dead elsewhere: Amplitude takes names of 1,024 characters, and cuts longer texts."""

LATE = 30 * 86_400_000_000
"""Microseconds between an event and its receipt from which its state is not that of today."""


class Sent(NamedTuple):
    """An event that must arrive: its name, its time in milliseconds, and its ids.

    Attributes:
        uuid: of its row.
        user: that the row names, or None.
        device: likewise; what a row without any id is given instead.
    """

    uuid: str
    name: str
    time: int
    user: str | None
    device: str | None


@dataclass
class AmplitudeTruth:
    """What another project of Amplitude must hold once the whole export was delivered.

    Attributes:
        lines: number of lines in the export.
        events: every event that must arrive, by its insert id.
        dead: uuid of each line that can only be a dead letter, with the reason.
        users: every user met.
        owners: nobody owns a device for good, and no second user is a `conflict`.
    """

    lines: int = 0
    events: dict[str, Sent] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    conflicts: set[tuple[str, str]] = field(default_factory=set)
    _known: KnownUsers = field(default_factory=KnownUsers)
    _last_users: dict[str, str] = field(default_factory=dict)
    _first_users: dict[str, str] = field(default_factory=dict)
    _whose: dict[str, str] = field(default_factory=dict)
    _anonymous: dict[str, str] = field(default_factory=dict)
    _profiles: Newest = field(default_factory=Newest)
    _groups: Newest = field(default_factory=Newest)

    @property
    def names(self) -> Counter[str]:
        """How many events arrive under each name."""
        return Counter(event.name for event in self.events.values())

    @property
    def whose(self) -> dict[str, str]:
        """The user each event counts for in the end, or the device while that is nobody's."""
        late = {
            insert_id: self._first_users.get(device, device)
            for insert_id, device in self._anonymous.items()
        }
        return self._whose | late

    @property
    def people(self) -> set[str]:
        """Everybody who has an event."""
        return set(self.whose.values())

    @property
    def profiles(self) -> dict[str, Properties]:
        """What Amplitude must know of each user, at least: the newest that the source knew."""
        return self._profiles.values

    @property
    def groups(self) -> dict[tuple[str, str], Properties]:
        """Newest properties of every group, by type and group."""
        return self._groups.values

    def note(self, meant: Meant) -> None:
        """Take the next line, in the order of receipt."""
        self.lines += 1
        if meant.dead is not None and meant.dead not in FITTING:
            self.dead[meant.uuid] = meant.dead
            return
        named = self._known.named(meant)
        if meant.kind == "event":
            self._note_event(meant, named.user)
        if named.user is not None:
            self.users.add(named.user)
        if not _is_late(meant):
            self._note_state(named)

    def _note_event(self, meant: Meant, person: str | None) -> None:
        moment = meant.moment if meant.clock is None else meant.clock
        device = meant.device
        if meant.user is None and device is None:
            device = f"amplitude:{meant.amplitude_id}"
        insert_id = meant.insert_id or meant.uuid
        sent = Sent(meant.uuid, meant.name, moment // 1_000, meant.user, device)
        self.events[insert_id] = sent
        if device is None or person is not None:
            self._note_user(device, person or "")
            self._whose[insert_id] = person or ""
        elif device in self._last_users:
            self._whose[insert_id] = self._last_users[device]
        else:
            self._anonymous[insert_id] = device

    def _note_user(self, device: str | None, user: str) -> None:
        if device is not None:
            self._first_users.setdefault(device, user)
            self._last_users[device] = user

    def _note_state(self, meant: Meant) -> None:
        if meant.user is not None and meant.person is not None:
            known = {**(meant.initial or {}), **meant.person}
            self._profiles.note(meant.user, meant.received, known)
        for group, properties in meant.group_properties.items():
            self._groups.note(group, meant.received, properties)


def _is_late(meant: Meant) -> bool:
    return meant.clock is not None and meant.received - meant.clock > LATE
