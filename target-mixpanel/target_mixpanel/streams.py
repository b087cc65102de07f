"""What the records of a stream become: events and profiles, or rows of a lookup table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.mapping.selection import mapping_for
from singer_delivery.model import Event, RecordMapping
from singer_delivery.sdk.source_project import comes_from

from target_mixpanel import from_amplitude, from_columns, from_mixpanel
from target_mixpanel.from_columns import Lent
from target_mixpanel.from_mixpanel.whose import OUT_OF_RANGE, Recalls, Unlinked
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.lookup_tables import LookupTable
from target_mixpanel.mixpanel import SERVICE
from target_mixpanel.settings import MappingSettings

LOOKUP_TABLE = "lookup_table"
TABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

SAME_PROJECT = (
    "The rows come from the very Mixpanel project that the target writes to: every event would "
    "count twice. Nothing was sent. Set `project_id`, service account and `project_token` of the "
    "project that the copy goes to."
)
UNTOLD_PROJECT = (
    "Nothing says whether the rows come from the very Mixpanel project that the target writes to: "
    "an archive does not tell, and a token alone names no project. Look before you go on: a copy "
    "of a project into itself cannot be taken back."
)

Named = Mapping[str, Mapping[str, Any]]
"""The setting `streams`: how each stream is loaded."""


def table_ids(named: Named) -> dict[str, str]:
    """Return the id of the lookup table that each stream replaces, by the stream's name.

    Raises:
        SettingsError: one is described wrongly, or two replace the same.
    """
    streams_of: dict[str, str] = {}
    for stream, columns in named.items():
        table_id = columns.get(LOOKUP_TABLE)
        if table_id is None:
            continue
        if len(columns) > 1 or not TABLE_ID.fullmatch(table_id):
            msg = (
                f"Stream '{stream}' must be described as {{lookup_table: <id>}} alone, with the "
                "id of a lookup table of the Mixpanel project: letters, digits and hyphens."
            )
            raise SettingsError(msg)
        other = streams_of.setdefault(table_id, stream)
        if other != stream:
            msg = (
                f"Streams '{other}' and '{stream}' name the same lookup table {table_id}, which "
                "is replaced entirely: give each stream a table of its own."
            )
            raise SettingsError(msg)
    return {stream: table_id for table_id, stream in streams_of.items()}


def check(named: Named) -> None:
    """Check the setting `streams` before anything is read.

    Raises:
        SettingsError: a lookup table is described wrongly.
        ValueError: another stream is.
    """
    tables = table_ids(named)
    for stream, columns in named.items():
        if stream not in tables:
            from_columns.description(stream, columns)


class Streams:
    """The streams of a run, as their schemas come; keeps the lookup tables until they are sent.

    Args:
        named: the setting `streams`.
        settings: of the target.
        number: numbers equal records.
        warn: logs a sentence as a warning, once.
        project_id: of the project that is written to, if it is known.

    Raises:
        SettingsError: a lookup table is described wrongly.
        StorageError: there is no folder where rows could wait.
    """

    def __init__(
        self,
        named: Named,
        settings: MappingSettings,
        number: Callable[[str], int] | None = None,
        warn: Callable[[str], None] | None = None,
        project_id: str | None = None,
    ) -> None:
        self._named, self._number, self._warn = named, number, warn
        self._settings, self._project_id = settings, project_id or ""
        self._hot_ids, self._unlinked = HotIds(), Unlinked()
        self._choice = settings.choice()
        self._tables: dict[str, LookupTable] = {}
        self._table_ids = table_ids(named)
        self._folder = _folder() if self._table_ids else None

    def table_paths(self) -> dict[str, Path]:
        """Return where the CSV of each lookup table will be, by the table's id."""
        if self._folder is None:
            return {}
        folder, ids = Path(self._folder.name), self._table_ids.values()
        return {table_id: folder / f"{number}.csv.gz" for number, table_id in enumerate(ids)}

    def mapping_for(
        self,
        stream: str,
        schema: Mapping[str, Any],
        key_properties: Sequence[str],
        bookmarks: Sequence[str] = (),
    ) -> RecordMapping:
        """Return what the records of a stream become.

        Args:
            stream: its name.
            schema: of its records.
            key_properties: its key.
            bookmarks: the columns from which the tap goes on in the next run, if it does.

        Raises:
            SettingsError: nothing says what they are, or a lookup table has no key.
        """
        if stream in self._table_ids:
            table = self._table(stream)
            table.expect(list(schema.get("properties", {})), key_properties)
            if bookmarks and self._warn is not None:
                self._warn(_incremental(stream, bookmarks))
            return table
        settings, hot_ids = self._settings, self._hot_ids
        lent = Lent(self._number, self._warn, self._choice)

        def described(words: Mapping[str, Any]) -> RecordMapping:
            return from_columns.from_columns(
                stream, words, schema, key_properties, settings, lent, hot_ids
            )

        exports = [
            from_amplitude.export(settings, hot_ids, self._choice),
            *from_mixpanel.exports(
                settings, hot_ids, self._choice, self._check_source, self._warn, self._unlinked
            ),
        ]
        return mapping_for(stream, schema, self._named, exports, described)

    def warnings(self) -> list[str]:
        """Return what is to be said when the run is complete."""
        return self._choice.warnings()

    def last_notes(self, facts: Recalls) -> dict[str, int]:
        """Return what is counted when all is read, and how often."""
        return {OUT_OF_RANGE: self._unlinked.count(facts)}

    def last_events(self) -> Iterator[tuple[str, Event]]:
        """Return the lookup tables that got rows, each written when it is asked for.

        Raises:
            SettingsError: one is larger than Mixpanel takes.
        """
        for stream, table in self._tables.items():
            event = table.event()
            if event is not None:
                yield stream, event

    def close(self) -> None:
        """Remove what waited on disk."""
        for table in self._tables.values():
            table.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _check_source(self, schema: Mapping[str, Any]) -> None:
        """Stop before a project is copied into itself; say so where nothing tells.

        Raises:
            SettingsError: the rows come from the project that is written to.
        """
        is_same = comes_from(schema, SERVICE, self._project_id)
        if is_same:
            raise SettingsError(SAME_PROJECT)
        if is_same is None and self._warn is not None:
            self._warn(UNTOLD_PROJECT)

    def _table(self, stream: str) -> LookupTable:
        table = self._tables.get(stream)
        if table is None:
            table_id = self._table_ids[stream]
            path = self.table_paths()[table_id]
            table = self._tables[stream] = LookupTable(stream, table_id, path)
        return table


def _incremental(stream: str, bookmarks: Sequence[str]) -> str:
    return (
        f"Stream '{stream}' replaces a lookup table, and its tap goes on from `{bookmarks[0]}`: "
        "after a run that reads new rows alone, the table holds these alone. Let the tap read all "
        "of the stream in every run (FULL_TABLE)."
    )


def _folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="target-mixpanel-")  # its owner's alone
    except OSError as error:
        msg = f"There is no folder for the rows of lookup tables ({error.strerror}): set TMPDIR."
        raise StorageError(msg) from error
