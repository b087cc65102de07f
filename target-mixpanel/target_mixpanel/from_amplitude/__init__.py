"""Amplitude export record -> Mixpanel. The table is in `table.py`."""

from __future__ import annotations

from typing import ClassVar

from analytics_records.amplitude.shapes import Shape, lacks
from analytics_records.amplitude.source import Amplitude, layout
from analytics_records.nobody import besides
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.pair import Pair
from singer_delivery.mapping.selection import Export
from singer_delivery.model import Decision

from target_mixpanel.destination import Mixpanel
from target_mixpanel.events import SourceTables
from target_mixpanel.from_amplitude.conversions import insert_id
from target_mixpanel.from_amplitude.table import (
    COLUMNS,
    EVENT_NAMES,
    EVENT_PROPERTY_ROWS,
    OF_THE_PERSON,
    OF_THE_RECORD,
    PROPERTIES,
    RENAMED_ATTRIBUTION,
)
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.mixpanel import IDS, READER
from target_mixpanel.people import MixpanelDecision, PersonTable
from target_mixpanel.settings import MappingSettings

LAYOUT = layout(COLUMNS)
PEOPLE = PersonTable(OF_THE_PERSON, OF_THE_RECORD, RENAMED_ATTRIBUTION)


class FromAmplitude(Pair[MixpanelDecision]):
    """Makes Mixpanel events and profile updates of Amplitude export records.

    Args:
        settings: of the target.
        hot_ids: counts the events of each person and day, where records are decided.
        shape: of the records; as Amplitude writes them by default.
        choice: of the events that travel; by default the one of the settings.
    """

    decision_type: ClassVar[type[Decision]] = MixpanelDecision

    def __init__(
        self,
        settings: MappingSettings,
        hot_ids: HotIds | None = None,
        shape: Shape | None = None,
        choice: Choice | None = None,
    ) -> None:
        tables = SourceTables(
            source=Amplitude(READER, PEOPLE.columns, shape),
            layout=LAYOUT,
            event_names=EVENT_NAMES,
            properties=PROPERTIES,
            of_event_properties=EVENT_PROPERTY_ROWS,
            people=PEOPLE,
            insert_id=insert_id,
            ids=besides(IDS),
        )
        super().__init__(
            tables.source,
            Mixpanel(settings, tables, hot_ids or HotIds()),
            choice or settings.choice(),
        )
        self._args = (settings, None, shape)

    def __reduce__(self) -> tuple[type[FromAmplitude], tuple[MappingSettings, None, Shape | None]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), self._args


def export(settings: MappingSettings, hot_ids: HotIds, choice: Choice) -> Export:
    """Return how the export is known, and what makes the mapping of its records."""
    return Export(
        "Amplitude export",
        lacks,
        lambda schema: FromAmplitude(settings, hot_ids, Shape.of_schema(schema), choice),
    )
