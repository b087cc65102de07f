"""What the records of a stream become: an Amplitude export by itself, others as the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from singer_delivery.errors import SettingsError
from singer_delivery.events import Known, Mapped, Note, RecordMapping

from target_posthog.mappings.amplitude import AmplitudeMapping
from target_posthog.mappings.plain import PlainMapping
from target_posthog.mappings.settings import MappingSettings

EXPORT_COLUMNS = frozenset(
    {"event_type", "event_time", "user_id", "device_id", "amplitude_id", "server_upload_time"}
)
"""Columns that together only an Amplitude export has (Amplitude docs, Export API)."""

LIVE_HOURS = 48
"""Younger events are billed and treated as live ones (PostHog docs, "Migrate to PostHog")."""


def mapping_for(
    stream: str,
    schema: Mapping[str, Any],
    key_properties: Sequence[str],
    named: Mapping[str, Mapping[str, str]],
    settings: MappingSettings,
) -> RecordMapping:
    """Return the mapping of a stream: as the setting `streams` names it, else by its columns.

    Raises:
        SettingsError: it is no Amplitude export, and `streams` does not name its columns.
    """
    if stream in named:
        return PlainMapping(stream, dict(named[stream]), key_properties, settings)
    if schema.get("properties", {}).keys() >= EXPORT_COLUMNS:
        return AmplitudeMapping(settings)
    msg = (
        f"Stream '{stream}' is no Amplitude export, and `streams` does not say what it is. Name "
        f'its columns: {{"{stream}": {{"event": "Order Placed", "distinct_id": "customer_id", '
        f'"timestamp": "created_at"}}}}, or {{"person": "user_id"}} for people, or {{"group": '
        '"company", "key": "id"} for groups; or deselect the stream in the tap.'
    )
    raise SettingsError(msg)


class CountingRecent:
    """A mapping that also notes every record at or after `live_from` (µs since 1970)."""

    def __init__(self, mapping: RecordMapping, live_from: int) -> None:
        self._mapping = mapping
        self._live_from = live_from
        self.needs_keys = mapping.needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what the mapping says, with the note where it is due."""
        mapped = self._mapping(record, known)
        if any(event.at is not None and event.at >= self._live_from for event in mapped.events):
            note = Note(f"younger_than_{LIVE_HOURS}_hours")
            return mapped._replace(notes=(*mapped.notes, note))
        return mapped
