"""Lookup tables: a stream that replaces one, row by row on disk until it is whole.

Mixpanel replaces a lookup table as a whole or not at all (Mixpanel docs, "Replace Lookup Table").
Rows wait in a temporary database, so that a row which comes twice takes the place of the first and
a table of any size needs no memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from singer_delivery.errors import SettingsError
from singer_delivery.events import Event, Known, Mapped, Unmappable

MAX_TABLE_BYTES = 100 * 1000 * 1000
"""Of the CSV, before compression: "100MB", in the stricter reading."""


class LookupTable:
    """Takes the records of one stream; in the place of a mapping, which it is not.

    Args:
        stream: its name.
        table_id: of the lookup table in the Mixpanel project.
        columns: of the stream's schema, in order.
        key_properties: exactly one; it becomes the first column, which Mixpanel joins by.
        folder: where rows wait.

    Raises:
        SettingsError: the stream has not exactly one key property.
    """

    needs_keys = True

    def __init__(
        self,
        stream: str,
        table_id: str,
        columns: Sequence[str],
        key_properties: Sequence[str],
        folder: Path,
    ) -> None:
        if len(key_properties) != 1:
            msg = (
                f"Stream '{stream}' cannot be a lookup table: it needs exactly one key property, "
                f"which becomes the first column, and has {len(key_properties)}."
            )
            raise SettingsError(msg)
        (self._key,) = key_properties
        self.stream = stream
        self.table_id = table_id
        self._columns = [self._key, *(name for name in columns if name != self._key)]
        self._path = folder / f"{table_id}.csv.gz"
        self._rows = sqlite3.connect(folder / f"{table_id}.rows")
        self._rows.execute("CREATE TABLE row (key TEXT PRIMARY KEY, cells BLOB) WITHOUT ROWID")

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:  # noqa: ARG002 - as mappings are called
        """Keep a row; it is decided with its table.

        Raises:
            Unmappable: it has no key.
        """
        key = cell(record.get(self._key))
        if not key:
            reason, detail = "no_key", f"column `{self._key}` is empty"
            raise Unmappable(reason, detail)
        cells = orjson.dumps([key, *(cell(record.get(name)) for name in self._columns[1:])])
        self._rows.execute("INSERT OR REPLACE INTO row VALUES (?, ?)", (key, cells))
        return Mapped((), held=True)

    def whole(self) -> Event | None:
        """Return the event that replaces the table; None when no row came.

        Raises:
            SettingsError: the table is larger than Mixpanel takes.
        """
        if self._rows.execute("SELECT count(*) FROM row").fetchone() == (0,):
            return None
        size = self._write_csv()
        if size > MAX_TABLE_BYTES:
            msg = (
                f"Lookup table {self.table_id} (stream '{self.stream}') is {size / 1e6:,.0f} MB; "
                "Mixpanel takes 100 MB. Nothing of it was sent; leave columns out."
            )
            raise SettingsError(msg)
        body = {"lookup_table": self.table_id, "csv": str(self._path)}
        return Event(
            "/lookup-tables", "lookup table", self.table_id, f"table:{self.table_id}", None, body
        )

    def close(self) -> None:
        """Forget the rows."""
        self._rows.close()

    def _write_csv(self) -> int:
        size = 0
        with gzip.open(self._path, "wb", compresslevel=1) as file:
            for line in self._lines():
                size += len(line)
                file.write(line)
        return size

    def _lines(self) -> Iterator[bytes]:
        yield line(self._columns)
        for (cells,) in self._rows.execute("SELECT cells FROM row ORDER BY key"):
            yield line(orjson.loads(cells))


def cell(value: Any) -> str:
    """Write a value as Mixpanel reads a cell: numbers, true, false, texts, lists as JSON.

    An empty cell is no value (Mixpanel docs, "Replace Lookup Table", typing).
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def line(cells: Sequence[str]) -> bytes:
    """Return one line of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
