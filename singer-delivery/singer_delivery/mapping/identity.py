"""Who a record is of, whom a device belongs to, and when that is still to be sent.

A device has one owner: the first user it was seen with. What merges devices and users cannot be
undone, so a second user on the same device (a shared tablet, a logout and a login) is a conflict
that is counted and not linked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.model import Fact, Facts, Note

PAIRS = 8192
"""Users on devices whose ids are remembered, since they come with many records: about 4 MB."""


class Who(NamedTuple):
    """The ids of a record as the destination gets them: trimmed, legal, fitted; None for no id.

    `distinct_id` names who did it where there is one name only; empty when nobody is known.
    """

    user: str | None
    device: str | None
    distinct_id: str


class Ids:
    """Reads whose a record is, by what a destination makes of ids."""

    def __init__(self, rules: IdRules) -> None:
        self._rules = rules
        self._remembered = lru_cache(PAIRS)(self._read)

    def who(self, user: str | None, device: str | None, notes: list[Note]) -> Who:
        """Return the ids of a user and a device, see `ids.known_id`.

        Their notes are named by the columns `user_id` and `device_id`.
        """
        who, found = self._remembered(user, device)
        if found:
            notes += found
        return who

    def _read(self, user: str | None, device: str | None) -> tuple[Who, tuple[Note, ...]]:
        notes: list[Note] = []
        user = known_id(user, "user_id", notes, self._rules)
        device = known_id(device, "device_id", notes, self._rules)
        return Who(user, device, user or device or ""), tuple(notes)


class Link(NamedTuple):
    """A device's owner whom the destination does not know yet.

    Attributes:
        owner: the fact that says whose device it is, with the time since when.
        claims: what must be on disk before it is sent.
    """

    owner: Fact
    claims: tuple[Fact, ...]

    @property
    def device(self) -> str:
        """The device."""
        return self.owner.name

    @property
    def user(self) -> str:
        """Its owner."""
        return self.owner.value

    @property
    def sent(self) -> Fact:
        """The fact that holds once the destination knows."""
        return Fact("link", *self.owner[1:])

    @property
    def values(self) -> tuple[str, str, int]:
        """Device, user and time: what a decision keeps of it."""
        return self.owner[1:]


def link_due(
    who: Who,
    own_device: str | None,
    owner: Fact | None,
    at: int,
    facts: Facts,
    notes: list[Note],
) -> Link | None:
    """Return the link that a record of this time sends, unless it was sent before.

    The first record with the pair claims the device, on disk before anything is sent; the link
    itself is a fact of its own. A run that was cut off between the two sends it again, the same to
    the letter. A second user on the device is counted.
    """
    user = who.user
    if user is None:
        return None
    if own_device is None:
        if owner is not None and owner.value != user:
            words = f"device {who.device} belongs to {owner.value}, also seen with {user}"
            notes.append(Note("identity_conflict", words))
        return None
    if owner is None:
        claim = Fact("owner", own_device, user, at)
        return Link(claim, (claim,))
    return Link(owner, ()) if facts.recall("link", own_device) is None else None
