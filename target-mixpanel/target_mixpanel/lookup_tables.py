"""Lookup tables: a stream that replaces one, whose rows wait on disk for each other.

Mixpanel replaces a lookup table entirely or not at all (Mixpanel docs, "Replace Lookup Table").
Rows wait in a temporary database, so that a row which comes twice takes the place of the first and
a table of any size needs no memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import orjson
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.records import check_keys, is_bookkeeping
from singer_delivery.model import Decision, Effects, Event, Facts, Mapped, Note, Unmappable

from target_mixpanel.endpoint import LOOKUP_TABLES
from target_mixpanel.mixpanel import READER

MAX_TABLE_BYTES = 100 * 1000 * 1000
"""Of the CSV, before compression: "100MB", in the stricter reading."""

KEEP = "INSERT INTO row VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET cells = excluded.cells"
"""The last of a key wins, in the place of the first."""

WAITS = Decision(sends=False)

UNDECLARED = "lookup_column_not_in_schema"
"""Note of a column that a row has and the schema has not: it is in no table."""


class Row(NamedTuple):
    """What a record says of a table.

    Attributes:
        cells: in the order of the columns, the key first.
        undeclared: columns that the table does not have.
    """

    cells: list[str]
    undeclared: tuple[str, ...]


class LookupTable:
    """Keeps the records of one stream until the run ends; no event is made of any.

    Args:
        stream: its name.
        table_id: of the lookup table in the Mixpanel project.
        path: where the compressed CSV is written; rows wait beside it.
        limit: bytes of CSV that Mixpanel takes.

    Raises:
        StorageError: the folder cannot be written.
    """

    decision_type: ClassVar[type[Decision]] = Decision

    def __init__(
        self, stream: str, table_id: str, path: Path, limit: int = MAX_TABLE_BYTES
    ) -> None:
        self._stream = stream
        self._table_id = table_id
        self._path = path
        self._limit = limit
        self._columns: list[str] = []
        with self._on_disk():
            self._rows = sqlite3.connect(path.with_suffix(".rows"))
            self._rows.execute("CREATE TABLE row (key TEXT PRIMARY KEY, cells BLOB)")

    def expect(self, columns: Sequence[str], key_properties: Sequence[str]) -> None:
        """Take note of the stream's columns; a later schema adds to those of an earlier one.

        Args:
            columns: of the schema, in order.
            key_properties: exactly one; it is the first column, by which Mixpanel joins.

        Raises:
            SettingsError: there is not exactly one key property, or it is another than before.
        """
        if len(key_properties) != 1:
            msg = (
                f"Stream '{self._stream}' cannot be a lookup table: it needs exactly one key "
                f"property, which becomes the first column, and has {len(key_properties)}."
            )
            raise SettingsError(msg)
        (key,) = key_properties
        if self._columns and self._columns[0] != key:
            msg = (
                f"Stream '{self._stream}' cannot go on as a lookup table: its key property was "
                f"`{self._columns[0]}` and became `{key}`. Nothing of it was sent; run it again."
            )
            raise SettingsError(msg)
        named = [key, *(name for name in columns if not is_bookkeeping(name))]
        self._columns = list(dict.fromkeys([*self._columns, *named]))

    def observe(self, line: bytes, *, is_message: bool) -> Row:
        """Return the cells of a row, and which of its columns have no place.

        Raises:
            Unmappable: it has no key, or holds what Mixpanel cannot read.
        """
        record = read(line, is_message=is_message, service=READER)
        column = self._columns[0]
        check_keys(self._stream, record, [column])
        key, *others = (cell(record.get(name)) for name in self._columns)
        if not key:
            reason, detail = "no_key", f"column `{column}` is empty"
            raise Unmappable(reason, detail)
        undeclared = (name for name in record if name not in self._columns)
        return Row([key, *others], tuple(name for name in undeclared if not is_bookkeeping(name)))

    def ids_of(self, observation: Row) -> tuple[()]:  # noqa: ARG002 - of the protocol
        """Return no id: a table is about no person."""
        return ()

    def people_of(self, observation: Row) -> None:
        """Return that it is about no person."""

    def decide(self, observation: Row, facts: Facts, effects: Effects) -> Decision:  # noqa: ARG002 - no fact is asked for
        """Keep a row; it is delivered with its table.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._on_disk():
            cells = observation.cells
            self._rows.execute(KEEP, (cells[0], orjson.dumps(cells)))
        names = (f"{self._stream}.{name}" for name in observation.undeclared)
        effects.notes += [Note(UNDECLARED, name) for name in names]
        effects.is_gathered = True
        return WAITS

    def map(self, record: Mapping[str, Any], decision: Decision) -> Mapped:  # noqa: ARG002 - as mappings are asked
        """Return no event: the rows are sent with their table."""
        return Mapped(())

    def event(self) -> Event | None:
        """Return the event that replaces the table; None when no row came.

        Raises:
            SettingsError: the table is larger than Mixpanel takes.
            StorageError: the disk does not take it.
        """
        with self._on_disk():
            (rows,) = self._rows.execute("SELECT count(*) FROM row").fetchone()
            size = self._write_csv() if rows else 0
        if not rows:
            return None
        if size > self._limit:
            msg = (
                f"Lookup table {self._table_id} (stream '{self._stream}') is {size:,} bytes of "
                f"CSV; Mixpanel takes {self._limit:,}. Nothing of it was sent: leave columns out."
            )
            raise SettingsError(msg)
        body = {"lookup_table": self._table_id, "columns": self._columns, "rows": rows}
        endpoint = f"{LOOKUP_TABLES}/{self._table_id}"
        return Event(endpoint, "lookup table", self._table_id, None, body, order=endpoint)

    def close(self) -> None:
        """Forget the rows."""
        self._rows.close()

    def _write_csv(self) -> int:
        size = 0
        # Without the time of packing: the same table is the same bytes when it is put again.
        with gzip.GzipFile(self._path, "wb", compresslevel=1, mtime=0) as file:
            for line in self._lines():
                size += len(line)
                file.write(line)
        return size

    def _lines(self) -> Iterator[bytes]:
        yield csv_line(self._columns)
        for (cells,) in self._rows.execute("SELECT cells FROM row ORDER BY rowid"):
            row = orjson.loads(cells)
            yield csv_line(row + [""] * (len(self._columns) - len(row)))

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            msg = (
                f"The rows of stream '{self._stream}' could not be kept in {self._path.parent} "
                f"({type(error).__name__}): free that disk, or set TMPDIR to a folder on another."
            )
            raise StorageError(msg) from error


def cell(value: Any) -> str:
    """Write a value as Mixpanel reads a cell: numbers, true, false, texts, lists as JSON.

    An empty cell is no value (Mixpanel docs, "Replace Lookup Table", typing).

    Raises:
        Unmappable: JSON cannot say it.
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else encoded_json(value).decode()


def csv_line(cells: Sequence[str]) -> bytes:
    """Return one line of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
