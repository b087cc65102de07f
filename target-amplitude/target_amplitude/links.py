"""Whom an event is of, and how Amplitude learns whose device it is. Knows no source.

Amplitude gives an event without a user to the last user that arrived with its device, keeps two
users of a device apart, and lets a user take over what was anonymous before (docs, "Track unique
users"). So a device's events arrive in their order, one request at a time, and an event with both
ids is the link. Two ways of a source to say whose an event without a user is:

- by the device: its first user has all of it, as at Mixpanel. Such an event carries the user;
- by an id of its own for the person, as Amplitude's export has: the event goes as it was sent, and
  where Amplitude could not know by its device alone, a `$identify` of both goes before.
"""

from __future__ import annotations

from singer_delivery.mapping.identity import Link, Who
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_amplitude.amplitude import IDENTIFY, ids_of, make_event
from target_amplitude.decision import AmplitudeDecision

KNOWN_BY_DEVICE = Note("known_by_device")
SHARED = "shared_device"
LINKED = "linked_by_{}_id"


def own_by_device(it: AmplitudeDecision, due: Link | None, facts: Facts, effects: Effects) -> None:
    """Let the owner of a device have its events; remember who is.

    The claim holds whatever becomes of the record: it changes what later events say, and nothing
    that Amplitude knows.
    """
    if due is not None:
        effects.claims += due.claims
        effects.facts.append(due.sent)
    if it.user is None and it.device is not None:
        owner = facts.recall("owner", it.device)
        if owner is not None:
            it.user = owner.value
            effects.notes.append(KNOWN_BY_DEVICE)


def as_sent_before(
    it: AmplitudeDecision,
    named: Who,
    seen: Observation,
    source: str,
    facts: Facts,
    effects: Effects,
) -> None:
    """Let a record go as it is, and link its device where Amplitude could not know whose it is.

    Args:
        it: the decision. Its user is whom the source's own id of the person names.
        named: the ids that the record itself names.
        seen: the record.
        source: the name of the records' vendor.
        facts: of the past. The fact `sent_with`, device -> user, says with whom an event of the
            device was sent last.
        effects: gets the fact and what is counted.
    """
    device, user = it.device, it.user
    it.user = named.user
    if device is None or user is None:
        return
    last = facts.recall("sent_with", device)
    if last is not None and (last.value == user or seen.is_before(last)):
        return
    if named.user is None:
        it.link = (device, user, it.at)
        effects.notes.append(Note(LINKED.format(source), device))
    if last is not None:
        effects.notes.append(Note(SHARED, device))
    effects.facts.append(Fact("sent_with", device, user, *seen.since))


def is_first_user(
    device: str, user: str, seen: Observation, facts: Facts, effects: Effects
) -> bool:
    """Tell whether a device has no user yet, and claim it: what is known of it becomes theirs."""
    if facts.recall("owner", device) is not None:
        return False
    effects.claims.append(Fact("owner", device, user, *seen.since))
    return True


def lane_of(it: AmplitudeDecision) -> str:
    """Return whose order a record keeps: its device's, else its user's."""
    return it.device or it.user or ""


def link_event(link: tuple[str, str, int]) -> Event:
    """Return the `$identify` that says whose a device is: no event, and no property.

    It keeps the order of its device.
    """
    device, user, at = link
    insert_id = stable_uuid("link", user, device, str(at // 1000))
    return make_event("link", IDENTIFY, at, insert_id, ids_of(user, device), order=device)
