"""What is told of people and groups: only what is newer than what was told before.

PostHog applies `$set` in the order of arrival and never looks at timestamps (PostHog docs, Person
properties), so imported history would overwrite newer values. Amplitude's records carry the whole
person each time; they travel only when they changed and only when they are newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from analytics_records.amplitude.operations import INITIAL_ATTRIBUTION, Changes, changes
from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.news import news
from singer_delivery.mapping.values import digest
from singer_delivery.model import Fact, Note

from target_posthog.mappings.settings import PersonProperties


def person_changes(
    properties: Mapping[str, Any], mode: PersonProperties, notes: list[Note]
) -> Changes:
    """Set, set once (attribution) or unset on the person, when newer than what was last told.

    Attribution (`initial_utm_source` and its like) is set once, under PostHog's name
    `$initial_utm_source`. In the mode `set_once` everything is, and nothing is unset.
    """
    result = changes(properties, notes)
    for old in (result.set, result.set_once):
        for key in [key for key in old if key in INITIAL_ATTRIBUTION]:
            result.set_once["$" + key] = old.pop(key)
    if mode == "set_once":
        result.set_once = {**result.set, **result.set_once}
        result.set = {}
        if result.unset:
            notes.append(Note("operations_without_counterpart", "$unset"))
            result.unset = []
    return result


def inherited(reading: Reading) -> Fact | None:
    """Return what was told of the record's own device, as the fact about its user that it becomes.

    The link makes it part of the person, where nothing was told of the user yet; what was, wins
    (PostHog, person-merge-service.ts).
    """
    device = reading.own_device
    if device is None or reading.known.recall("person", reading.person) is not None:
        return None
    told = reading.known.recall("person", device)
    return None if told is None else told._replace(name=reading.person)


def newer_person(reading: Reading, properties: Mapping[str, Any]) -> Fact | None:
    """Return the fact to remember if these properties of the person are news, else None."""
    at, renewed = reading.moment.at, reading.renewed
    its = partial(digest, properties)
    fact = news(reading.known, "person", reading.person, its, at, renewed)
    if fact is None:
        return None
    before = inherited(reading)
    if before is not None and before.at > fact.at:
        return None
    return fact
