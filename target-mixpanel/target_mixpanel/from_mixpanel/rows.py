"""A row of the export, read: its ids as they came, its time, and how its project merges ids. Pure.

Mixpanel changes the exported `distinct_id` when people merge, and the id is one of the four by
which it tells duplicates (Mixpanel docs, Event Deduplication). So a copy sends the id under which
the row came: else a row that is read again would be a second event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from analytics_records.mixpanel.ids import DEVICE_PREFIX as DEVICE
from analytics_records.mixpanel.ids import people_of
from analytics_records.mixpanel.record import HOT_SHARD, VERBS, joined_ids, row_of
from analytics_records.mixpanel.row import BEFORE_IDENTITY, BEFORE_RESHUFFLE, milliseconds
from singer_delivery.mapping.values import clean_id, moment
from singer_delivery.model import Note

_IDS = (
    "distinct_id", "$user_id", "$device_id", BEFORE_IDENTITY, BEFORE_RESHUFFLE,
    "mp_original_distinct_id", "$identified_id", "$anon_id", "alias",
)  # fmt: skip
"""Properties that hold an id of a person."""

CLOCK = Note("clock_fallback")


class EventRow(msgspec.Struct, gc=False):
    """A row of the export.

    Attributes:
        name: of the event, as it came.
        exported_name: of the event, as exported.
        properties: as exported.
        uuid: of the tap; empty where there is none.
        at: when it happened, in microseconds since 1970 (UTC); 0 where nobody knows.
        received: when Mixpanel took it, in milliseconds; 0 where it does not say.
        mode: `simplified` or `original`; empty while undecided.
        user: `$user_id` as it came: a row that came as a device's had none.
        device: `$device_id`, without `$device:`.
        ingested: the id as ingested, with `$device:` where it has it; None for none.
        refused: reason and detail why it has no time.
        notes: what reading it counts.
    """

    name: str
    exported_name: Any
    properties: Mapping[str, Any]
    uuid: str
    at: int
    received: int
    mode: str
    user: str | None
    device: str | None
    ingested: str | None
    refused: tuple[str, str] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Every id of a person in it, as it stands there, and without `$device:`."""
        listed = self.properties.get("$distinct_ids")
        values = [self.properties.get(name) for name in _IDS]
        found = [clean_id(each) for each in (*values, *(listed if type(listed) is list else ()))]
        known = [each for each in found if each is not None]
        return [*known, *(each.removeprefix(DEVICE) for each in known if each.startswith(DEVICE))]

    @property
    def people(self) -> tuple[str, ...]:
        """By which ids Mixpanel knows its people: see `ids.people_of`."""
        get = self.properties.get
        put_aside = get("mp_original_distinct_id") if self.exported_name == HOT_SHARD else None
        distinct = clean_id(put_aside) or clean_id(get("distinct_id"))
        joins = joined_ids(self.name, self.properties)[0] if self.is_identity_event else ()
        return people_of(clean_id(get("$user_id")), distinct, clean_id(get("$device_id")), joins)

    @property
    def is_identity_event(self) -> bool:
        """Whether it says that two ids are one person."""
        return self.name in VERBS

    @property
    def joined(self) -> tuple[tuple[str, str], str | None] | None:
        """Two ids that it makes one person, and which of them it names as a user's."""
        ids, identified = joined_ids(self.name, self.properties)
        bare = [id_.strip().removeprefix(DEVICE) for id_ in ids]
        if len(bare) != 2 or not all(bare) or bare[0] == bare[1]:
            return None
        return (bare[0], bare[1]), None if identified is None else bare[0]

    @property
    def came_as_device(self) -> bool:
        """Whether it came under the id of a device, by Simplified ID Merge."""
        return self.ingested is not None and self.ingested.startswith(DEVICE)

    @property
    def bare(self) -> str | None:
        """The id as ingested, without `$device:`."""
        return None if self.ingested is None else self.ingested.removeprefix(DEVICE) or None

    @property
    def owner_now(self) -> str | None:
        """The user to whom Mixpanel has given the row of a device since; None for none."""
        if not self.came_as_device or self.properties.get(BEFORE_IDENTITY) in (None, ""):
            return None
        now = clean_id(self.properties.get("distinct_id"))
        return None if now is None or now.startswith(DEVICE) else now


def read(record: Mapping[str, Any]) -> EventRow:
    """Return the row of a record.

    Raises:
        Unmappable: its properties are no object (`bad_properties`); an id lost digits
            (`inexact_id`).
    """
    properties = row_of(record)["properties"]
    get = properties.get
    exported = record.get("event")
    name, ingested = exported, _ingested(properties)
    if exported == HOT_SHARD:
        name = get("mp_original_event_name", exported)
        ingested = clean_id(get("mp_original_distinct_id")) or ingested
    device = clean_id(get("$device_id"))
    at, received, notes = _times(record, properties)
    row = EventRow(
        name if isinstance(name, str) else "",
        exported,
        properties,
        clean_id(record.get("uuid")) or "",
        at,
        received,
        _mode(record.get("identity_merge")),
        clean_id(get("$user_id")),
        None if device is None else device.removeprefix(DEVICE) or None,
        ingested,
        notes=notes,
    )
    if row.came_as_device:
        row.user = None
    if not at:
        row.refused = ("no_time", "it has no time, and Mixpanel's receipt has none")
    return row


def _mode(value: Any) -> str:
    return value if value in ("simplified", "original") else ""


def _ingested(properties: Mapping[str, Any]) -> str | None:
    for name in (BEFORE_IDENTITY, BEFORE_RESHUFFLE, "distinct_id"):
        found = clean_id(properties.get(name))
        if found is not None:
            return found
    return None


def _times(
    record: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[int, int, tuple[Note, ...]]:
    """Return when it happened and was received, and what that counts."""
    received = milliseconds(properties.get("$mp_api_timestamp_ms")) or 0
    found = moment(record.get("time"))
    if found is not None:
        return found.at, received, ()
    at = milliseconds(properties.get("time"))
    if at is not None:
        return at * 1000, received, ()
    return received * 1000, received, (CLOCK,) if received else ()
