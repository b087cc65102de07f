"""Counts the records that PostHog treats as live ones."""

from __future__ import annotations

from singer_delivery.events import Mapped, Note, Noting, RecordMapping

LIVE_HOURS = 48
"""Younger events are billed and treated as live ones (PostHog docs, "Migrate to PostHog")."""


class CountingRecent(Noting):
    """A mapping that also notes every record at or after `live_from` (µs since 1970)."""

    def __init__(self, mapping: RecordMapping, live_from: int) -> None:
        super().__init__(mapping)
        self._live_from = live_from

    def noted(self, mapped: Mapped) -> Mapped:
        """Return what the mapping said, with the note where it is due."""
        for event in mapped.events:
            if event.at is not None and event.at >= self._live_from:
                note = Note(f"younger_than_{LIVE_HOURS}_hours")
                return mapped._replace(notes=(*mapped.notes, note))
        return mapped
