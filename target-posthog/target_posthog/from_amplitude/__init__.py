"""Amplitude export record -> PostHog events. What becomes what is in `table.py`."""

from __future__ import annotations

from typing import ClassVar

from analytics_records.amplitude.shapes import Shape, lacks
from analytics_records.amplitude.source import Amplitude, layout
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.pair import Pair
from singer_delivery.mapping.properties import PropertyTable
from singer_delivery.mapping.selection import Export
from singer_delivery.model import Decision

from target_posthog.events import PostHog, base_of
from target_posthog.from_amplitude.conversions import who_is
from target_posthog.from_amplitude.table import (
    COLUMNS,
    EVENT_NAMES,
    EVENT_PROPERTY_ROWS,
    PROPERTIES,
)
from target_posthog.nesting import STORED
from target_posthog.people import PostHogDecision
from target_posthog.posthog import GUARDED_KEYS, MAX_NAME_CHARACTERS, READER, SERVICE, harmless_name
from target_posthog.settings import MappingSettings

PREFIX = "amplitude_"
"""Before names that are unknown here, or that PostHog would act on."""

ALSO_WRITTEN = ("$amplitude_event_name",)
"""Properties of an event that no row writes, beside those that every event has."""


class FromAmplitude(Pair[PostHogDecision]):
    """Makes PostHog events of Amplitude export records.

    Args:
        settings: of the target.
        shape: of the records; as Amplitude writes them by default.
        choice: of the events that travel; by default the one of the settings.
    """

    decision_type: ClassVar[type[Decision]] = PostHogDecision

    def __init__(
        self,
        settings: MappingSettings,
        shape: Shape | None = None,
        choice: Choice | None = None,
    ) -> None:
        self._args = (settings, shape)
        source, names, self.table = (
            Amplitude(READER, shape=shape),
            event_names(settings),
            property_table(settings),
        )
        destination = PostHog(settings, source, names, self.table, who_is)
        super().__init__(source, destination, choice or settings.choice())

    def __reduce__(self) -> tuple[type[FromAmplitude], tuple[MappingSettings, Shape | None]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), self._args


def event_names(settings: MappingSettings) -> EventNames:
    """Return what names the events."""

    def harmless(name: str) -> str:
        return harmless_name(name, PREFIX)

    return EventNames(settings.rename_events, EVENT_NAMES, harmless, MAX_NAME_CHARACTERS, SERVICE)


def property_table(settings: MappingSettings) -> PropertyTable:
    """Return the table of properties, compiled."""
    return PropertyTable(
        PROPERTIES,
        EVENT_PROPERTY_ROWS,
        base=base_of(settings, "amplitude"),
        conditions=[n for n in ("send_ip", "send_advertising_ids") if getattr(settings, n)],
        also_written=ALSO_WRITTEN,
        guarded=GUARDED_KEYS,
        layout=layout(COLUMNS),
        fit=STORED,
    )


def export(settings: MappingSettings, choice: Choice) -> Export:
    """Return how the export is known, and what makes the mapping of its records."""
    return Export(
        "Amplitude export",
        lacks,
        lambda schema: FromAmplitude(settings, Shape.of_schema(schema), choice),
    )
