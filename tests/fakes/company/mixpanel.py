"""The ground truth of a generated export for Mixpanel, from what the generator knows.

Like `truth`, nothing here reads a row. Who counts for whom follows Mixpanel's Simplified ID
Merge: an event with a user and a device links them for good, and events of the device alone count
for its user, those from before the link included (Mixpanel docs, Identifying users).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.fakes.company.truth import KnownUsers, Newest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.company.truth import Meant, Properties

# Restated on purpose from Mixpanel's documents: its web library's page views, default properties.
NAMES = {"[Amplitude] Page Viewed": "$mp_web_page_view"}
INITIAL = {
    "initial_referrer": "$initial_referrer",
    "initial_referring_domain": "$initial_referring_domain",
}
NOBODY = "no_identity"
"""Amplitude's rows without any id are dead elsewhere; Mixpanel keeps events of nobody."""


class Sent(NamedTuple):
    """An event that must arrive: its name at Mixpanel, its time in milliseconds, and whose it is.

    `user` and `device` are None where the row has none.
    """

    name: str
    time: int
    user: str | None
    device: str | None


@dataclass
class MixpanelTruth:
    """What a Mixpanel project must hold once the whole export was delivered.

    Attributes:
        lines: number of lines in the export.
        events: every event that must arrive, by its `$insert_id`.
        dead: uuid of each line that can only be a dead letter, with the reason.
        conflicts: (device, user) of every further user seen on a device that has its owner.
        group_keys: group types in the order in which they were met.
    """

    lines: int = 0
    events: dict[str, Sent] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    conflicts: set[tuple[str, str]] = field(default_factory=set)
    group_keys: list[str] = field(default_factory=list)
    _known: KnownUsers = field(default_factory=KnownUsers)
    _first_users: dict[str, str] = field(default_factory=dict)
    _linked: set[str] = field(default_factory=set)
    _profiles: Newest = field(default_factory=Newest)
    _initial: dict[str, Properties] = field(default_factory=dict)
    _groups: Newest = field(default_factory=Newest)

    @property
    def owners(self) -> dict[str, str]:
        """Which user owns each device that an event of that user names: the first user read."""
        return {device: self._first_users[device] for device in self._linked}

    @property
    def names(self) -> Counter[str]:
        """How many events arrive under each name."""
        return Counter(event.name for event in self.events.values())

    @property
    def people(self) -> set[str]:
        """Everybody whom reports count: users, and devices that belong to nobody."""
        return set(self.whose.values()) - {""}

    @property
    def whose(self) -> dict[str, str]:
        """The id of the person each event counts for in the end; empty for nobody."""
        owners = self.owners
        return {insert_id: _person(event, owners) for insert_id, event in self.events.items()}

    @property
    def profiles(self) -> dict[str, Properties]:
        """What the profile of each user must say, at least: the newest that is known of them."""
        return {
            user: {**newest, **_email(newest), **self._initial[user]}
            for user, newest in self._profiles.values.items()
        }

    @property
    def groups(self) -> dict[tuple[str, str], Properties]:
        """Newest properties of every group, by group key and group."""
        return self._groups.values

    def note(self, meant: Meant) -> None:
        """Take the next line, in the order of receipt."""
        self.lines += 1
        if meant.dead not in (None, NOBODY):
            self.dead[meant.uuid] = meant.dead
            return
        self._note_owner(meant)
        meant = self._known.named(meant)
        if meant.kind == "event":
            self._note_event(meant)
        self._note_profile(meant)
        self._note_groups(meant)

    def _note_owner(self, meant: Meant) -> None:
        device, user = meant.device, meant.user
        if device is None or user is None:
            return
        if self._first_users.setdefault(device, user) != user:
            self.conflicts.add((device, user))
        elif meant.kind == "event":
            self._linked.add(device)

    def _note_event(self, meant: Meant) -> None:
        name, time = NAMES.get(meant.name, meant.name), meant.moment // 1_000
        self.events[meant.uuid] = Sent(name, time, meant.user, meant.device)

    def _note_profile(self, meant: Meant) -> None:
        if meant.user is None or meant.person is None:
            return
        self._profiles.note(meant.user, meant.received, meant.person)
        known = (meant.initial or {}).items()
        self._initial[meant.user] = {INITIAL.get(name, name): value for name, value in known}

    def _note_groups(self, meant: Meant) -> None:
        self.group_keys += [name for name in meant.groups if name not in self.group_keys]
        for group, properties in meant.group_properties.items():
            self._groups.note(group, meant.received, properties)


def _email(properties: Properties) -> Properties:
    return {"$email": properties["email"]} if "email" in properties else {}


def _person(event: Sent, owners: Mapping[str, str]) -> str:
    if event.user is not None or event.device is None:
        return event.user or ""
    return owners.get(event.device, f"$device:{event.device}")
