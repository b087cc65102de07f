"""Counts the events that PostHog treats as live ones."""

from __future__ import annotations

from collections.abc import Sequence

from singer_delivery.model import Event, Note, Noting, RecordMapping

LIVE_HOURS = 48
"""Younger events are billed and treated as live ones (PostHog docs, "Migrate to PostHog")."""


YOUNG = Note(f"younger_than_{LIVE_HOURS}_hours")


class CountingRecent(Noting):
    """A mapping that also notes every event at or after `live_from` (µs since 1970)."""

    def __init__(self, mapping: RecordMapping, live_from: int) -> None:
        super().__init__(mapping)
        self._live_from = live_from

    def due(self, events: Sequence[Event]) -> list[Note]:
        """Return a note for each event that is so young."""
        return [YOUNG for each in events if each.at is not None and each.at >= self._live_from]
