"""Amplitude export record -> another project of Amplitude. The table is in `table.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from analytics_records.amplitude.as_told import (
    AsTold,
    changes_as_told,
    insert_id,
    properties_as_told,
)
from analytics_records.amplitude.shapes import Shape, lacks
from analytics_records.nobody import besides
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import Pair
from singer_delivery.mapping.selection import Export
from singer_delivery.mapping.values import moment
from singer_delivery.model import Decision

from target_amplitude.amplitude import IDS, READER
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.destination import Amplitude
from target_amplitude.from_amplitude import table
from target_amplitude.from_amplitude.conversions import FORMS, form_of_revenue
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables

CREATED = "user_creation_time"


class FromAmplitude(Pair[AmplitudeDecision]):
    """Makes events and updates for an Amplitude project of the records of another one.

    Args:
        settings: of the target.
        shape: of the records; as Amplitude writes them by default.
        choice: of the events that travel; by default the one of the settings.
    """

    decision_type: ClassVar[type[Decision]] = AmplitudeDecision

    def __init__(
        self,
        settings: MappingSettings,
        shape: Shape | None = None,
        choice: Choice | None = None,
    ) -> None:
        tables = SourceTables(
            source=AsTold(READER, [CREATED], shape),
            prefix="amplitude_",
            event_names=table.EVENT_NAMES,
            insert_id=insert_id,
            ids=besides(IDS),
            changes=changes_as_told,
            top=table.TOP,
            beside=table.BESIDE,
            columns=table.COLUMNS,
            own_top=table.OWN_TOP,
            own=table.OWN,
            moving=table.MOVING,
            drops=table.RECEIPTS.__contains__,
            variants=FORMS,
            variant_of=form_of_revenue,
            anonymous="as_it_is",
            of_person=properties_as_told,
            is_copy=True,
            no_values=(),
            groups_by_day=True,
            created=created,
        )
        destination = Amplitude(settings, tables)
        super().__init__(tables.source, destination, choice or settings.choice())
        self._args = (settings, shape)

    def __reduce__(self) -> tuple[type[FromAmplitude], tuple[MappingSettings, Shape | None]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), self._args


def created(seen: Observation) -> int | None:
    """Return when the source first saw the user of a record, in microseconds; None for nothing."""
    found = moment(seen.person.beside[0]) if seen.person.beside else None
    return None if found is None else found.at


def export(settings: MappingSettings, choice: Choice) -> Export:
    """Return how the export is known, and what makes the mapping of its records."""

    def make(schema: Mapping[str, Any]) -> FromAmplitude:
        return FromAmplitude(settings, Shape.of_schema(schema), choice)

    return Export("Amplitude export", lacks, make)
