"""What the records of a stream become: events and profiles, or rows of a lookup table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from singer_delivery.events import RecordMapping
from singer_delivery.sources.streams import mapping_for as chosen
from singer_delivery.tickets import Whole

from target_mixpanel.hot_ids import WatchingIds
from target_mixpanel.lookup_tables import LookupTable
from target_mixpanel.mappings.amplitude import AmplitudeMapping
from target_mixpanel.mappings.plain import PlainMapping
from target_mixpanel.mappings.settings import MappingSettings

LOOKUP_TABLE = "lookup_table"


class Streams:
    """The streams of a run, as their schemas come; keeps the lookup tables until they are sent."""

    def __init__(self, named: Mapping[str, dict[str, str]], settings: MappingSettings) -> None:
        self._named = named
        self._settings = settings
        self._tables: dict[str, LookupTable] = {}
        self._folder: TemporaryDirectory[str] | None = None

    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become.

        Raises:
            SettingsError: nothing says what they are.
        """
        table_id = self._named.get(stream, {}).get(LOOKUP_TABLE)
        if table_id is not None:
            return self._table(stream, table_id, schema, key_properties)
        settings = self._settings
        mapping = chosen(
            stream,
            schema,
            self._named,
            amplitude=lambda: AmplitudeMapping(settings),
            plain=lambda columns: PlainMapping(stream, columns, key_properties, settings),
        )
        return WatchingIds(mapping)

    def wholes(self) -> list[Whole]:
        """Return the lookup tables that got rows.

        Raises:
            SettingsError: one is larger than Mixpanel takes.
        """
        whole = ((stream, table.whole()) for stream, table in self._tables.items())
        return [Whole(stream, event) for stream, event in whole if event is not None]

    def close(self) -> None:
        """Remove what waited on disk."""
        for table in self._tables.values():
            table.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _table(
        self,
        stream: str,
        table_id: str,
        schema: Mapping[str, Any],
        key_properties: Sequence[str],
    ) -> LookupTable:
        if stream not in self._tables:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="target-mixpanel-")
            columns = list(schema.get("properties", {}))
            folder = Path(self._folder.name)
            self._tables[stream] = LookupTable(stream, table_id, columns, key_properties, folder)
        return self._tables[stream]
