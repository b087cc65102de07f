"""Who a device belongs to, and when that is still to be told.

A device has one owner: the first user it was seen with. What merges devices and users cannot be
undone, so a second user on the same device (a shared tablet, a logout and a login) is a conflict
that is counted and not linked.
"""

from __future__ import annotations

from typing import NamedTuple

from singer_delivery.events import Fact, Note
from singer_delivery.sources.amplitude.reading import Reading


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
    user, device, _ = reading.who
    if user is not None and reading.owner is not None and reading.owner.value != user:
        words = f"device {device} belongs to {reading.owner.value}, also seen with {user}"
        reading.notes.append(Note("identity_conflict", words))
