"""Counts the records that PostHog treats as live ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_delivery.events import Known, Mapped, Note, RecordMapping

LIVE_HOURS = 48
"""Younger events are billed and treated as live ones (PostHog docs, "Migrate to PostHog")."""


class CountingRecent:
    """A mapping that also notes every record at or after `live_from` (µs since 1970)."""

    def __init__(self, mapping: RecordMapping, live_from: int) -> None:
        self._map = mapping.__call__
        self._live_from = live_from
        self.needs_keys = mapping.needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what the mapping says, with the note where it is due."""
        mapped = self._map(record, known)
        for event in mapped.events:
            if event.at is not None and event.at >= self._live_from:
                note = Note(f"younger_than_{LIVE_HOURS}_hours")
                return mapped._replace(notes=(*mapped.notes, note))
        return mapped
