"""What a record says of its person, for the profile: only what is newer than what was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics_records.amplitude.operations import (
    INITIAL_ATTRIBUTION,
    OPERATIONS,
    Changes,
    changes,
)
from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.news import news
from singer_delivery.mapping.table import build
from singer_delivery.mapping.values import digest
from singer_delivery.model import Event, Fact, Note

from target_mixpanel.mappings.profile_table import ATTRIBUTION, OF_THE_PERSON, OF_THE_RECORD
from target_mixpanel.mappings.updates import harmless, person_profile, updates

_COLUMNS = tuple(column for row in OF_THE_RECORD for column in row.columns)


@dataclass(frozen=True, slots=True)
class Told:
    """What a record says of a profile.

    Attributes:
        updates: what is sent of it.
        reason_for_none: why there is none, for a record that is about nothing else.
    """

    updates: Sequence[Event] = ()
    reason_for_none: str = "nothing to set"


NOTHING_TOLD = Told()
NO_USER = Told(reason_for_none="no user")
SUPERSEDED = Told(reason_for_none="superseded")


def tell(reading: Reading) -> Told:
    """Return the updates of the profile of the record's user.

    A record without a user has none, even where its device belongs to somebody: what it knows of
    the person may be what was known before the login, and as the newest snapshot of the run it
    would stand in the place of a whole one. Nor would Mixpanel carry the profile of a device over
    to its user (Mixpanel docs, Identifying users, Simplified ID Merge).
    """
    user, told = reading.who.user, reading.record.get("user_properties")
    if user is None:
        return NO_USER
    if not isinstance(told, dict) or not told:
        return NOTHING_TOLD
    fact = _newer(reading, user, told)
    if fact is None:
        return SUPERSEDED
    change = profile_changes(told, reading.notes)
    if not (change.set or change.set_once or change.unset):
        return NOTHING_TOLD
    if OPERATIONS.isdisjoint(told):
        return Told(_snapshot(reading, user, change, fact))
    change.unset += [row.to for row in OF_THE_PERSON if not {*row.columns}.isdisjoint(change.unset)]
    return Told(updates(person_profile(user), change, fact.at, fact, deferred=False))


def _newer(reading: Reading, user: str, told: Mapping[str, Any]) -> Fact | None:
    """Return the fact to remember if what the record says of its user is news, else None."""

    def its_digest() -> str:
        return digest([told, *map(reading.record.get, _COLUMNS)])

    at, renewed = reading.moment.at, reading.renewed
    return news(reading.known, "person", user, its_digest, at, renewed)


def profile_changes(properties: Mapping[str, Any], notes: list[Note]) -> Changes:
    """Set, set once (attribution) or unset on the person, when newer than what was last told."""
    result = changes(properties, notes)
    for old in (result.set, result.set_once):
        for key in [key for key in old if key in INITIAL_ATTRIBUTION]:
            result.set_once[ATTRIBUTION.get(key, key)] = old.pop(key)
    known: dict[str, Any] = {}
    build(OF_THE_PERSON, result.set, known)
    found: set[str] = set()
    result.set = harmless({**known, **result.set}, found)
    result.set_once = harmless(result.set_once, found)
    notes.extend(Note(name) for name in sorted(found))
    return result


def _snapshot(reading: Reading, user: str, change: Changes, fact: Fact) -> list[Event]:
    profile, of_record = person_profile(user), dict[str, Any]()
    build(OF_THE_RECORD, reading.record, of_record)
    whole = Changes(set={**of_record, **change.set})
    events = updates(profile, whole, fact.at, fact, deferred=True)
    if change.set_once:
        value, renewed = digest(change.set_once), reading.renewed
        once = news(reading.known, "initial", user, value, fact.at, renewed)
        if once is not None:
            first = Changes(set_once=change.set_once)
            events += updates(profile, first, fact.at, once, deferred=True)
    return events
