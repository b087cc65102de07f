"""Who a record is of, who a device belongs to, and when that is still to be told.

A device has one owner: the first user it was seen with. What merges devices and users cannot be
undone, so a second user on the same device (a shared tablet, a logout and a login) is a conflict
that is counted and not linked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.mapping.values import clean_id
from singer_delivery.model import Fact, Note

from analytics_records.amplitude.reading import Reading, Who

PAIRS = 2048
"""Users on devices whose ids are remembered, since they come with many records: about 1 MB."""


class Ids:
    """Reads whose a record is, by what a destination makes of ids."""

    def __init__(self, rules: IdRules) -> None:
        self._rules = rules
        self._remembered = lru_cache(PAIRS)(self._read)

    def who(self, user: Any, device: Any, notes: list[Note]) -> Who:
        """Return the ids in the columns `user_id` and `device_id`, see `ids.known_id`."""
        # Texts alone are remembered: of numbers, 1 would be taken for True.
        if type(user) is not str and user is not None:
            user = clean_id(user)
        if type(device) is not str and device is not None:
            device = clean_id(device)
        who, found = self._remembered(user, device)
        if found:
            notes += found
        return who

    def _read(self, user: str | None, device: str | None) -> tuple[Who, tuple[Note, ...]]:
        ids, notes = {"user_id": user, "device_id": device}, list[Note]()
        user = known_id(ids, "user_id", notes, self._rules)
        device = known_id(ids, "device_id", notes, self._rules)
        return Who(user, device, user or device or ""), tuple(notes)


class Link(NamedTuple):
    """A device's owner that the destination has yet to be told.

    Attributes:
        owner: the fact that says whose device it is, with the time since when.
        claims: what must be on disk before it is told.
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
    def told(self) -> Fact:
        """The fact that holds once the destination knows."""
        return Fact("link", *self.owner[1:])


def link_due(reading: Reading) -> Link | None:
    """Return the link that this record lets tell, unless it was told before.

    The first record with the pair claims the device, on disk before anything is sent; the link
    itself is remembered once it has arrived. A run that was cut off between the two tells it again,
    the same to the letter. A second user on the device is counted.
    """
    user, device, owner = reading.who.user, reading.own_device, reading.owner
    if user is None or device is None:
        _count_conflict(reading)
        return None
    if owner is None:
        claim = Fact("owner", device, user, reading.moment.at)
        return Link(claim, (claim,))
    return Link(owner, ()) if reading.known.recall("link", device) is None else None


def _count_conflict(reading: Reading) -> None:
    user, device = reading.who.user, reading.who.device
    if user is not None and reading.owner is not None and reading.owner.value != user:
        words = f"device {device} belongs to {reading.owner.value}, also seen with {user}"
        reading.notes.append(Note("identity_conflict", words))
