"""Who a device belongs to, and the event that tells PostHog so.

The device is merged into the user, never the other way round, and a device has one owner: the first
user it was seen with. Merging cannot be undone, so a second user on the same device (a shared
tablet, a logout and a login) is a conflict that is counted and not linked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_delivery.conversions import rfc3339
from singer_delivery.events import Event, Fact, Note

from target_posthog.mappings.posthog import ALIAS, IDENTIFY, make_event
from target_posthog.mappings.reading import link_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from target_posthog.mappings.reading import Reading
    from target_posthog.mappings.settings import LinkIdentities

_BY = {"alias": (ALIAS, "alias"), "identify": (IDENTIFY, "$anon_distinct_id")}
"""Setting: the event that merges, and its property that names who is merged away."""


def link(reading: Reading, way: LinkIdentities, base: Mapping[str, Any]) -> Event | None:
    """Return the event that merges this record's device into its user, unless it was sent before.

    The first record with the pair claims the device, on disk before anything is sent; the link
    itself is remembered once it has arrived. A run that was cut off between the two sends it again,
    the same to the letter.
    """
    user, device, owner = reading.who.user, reading.own_device, reading.owner
    if user is None or device is None or way == "none":
        _count_conflict(reading)
        return None
    if owner is None:
        claim = Fact("owner", device, user, reading.moment.at)
        return _link_event(reading, user, claim, (claim,), way, base)
    if reading.known.recall("link", device) is not None:
        return None
    return _link_event(reading, user, owner, (), way, base)


def _count_conflict(reading: Reading) -> None:
    user, device, _ = reading.who
    if user is not None and reading.owner is not None and reading.owner.value != user:
        words = f"device {device} belongs to {reading.owner.value}, also seen with {user}"
        reading.notes.append(Note("identity_conflict", words))


def _link_event(
    reading: Reading,
    user: str,
    owner: Fact,
    claims: tuple[Fact, ...],
    way: LinkIdentities,
    base: Mapping[str, Any],
) -> Event:
    name, merged_away = _BY[way]
    device = owner.name
    event = make_event(
        "link",
        name,
        person=user,
        distinct_id=user,
        uuid=link_uuid(reading.record, user, device),
        at=owner.at,
        timestamp=rfc3339(owner.at),
        properties={**base, merged_away: device},
        facts=(Fact("link", device, user, owner.at),),
    )
    event.merges = device
    event.claims = claims
    return event
