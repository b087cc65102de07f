"""The roads of records into a target: RECORD messages or files, mapped here or in processes."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.analytics_records.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.end_to_end.commands import Command, Ended

EXPORT = {
    "type": "SCHEMA",
    "stream": "events",
    "schema": {"properties": {name: {} for name in sorted(COLUMNS)}},
    "key_properties": ["uuid"],
}
STATE = {"type": "STATE", "value": {"done": True}}


class Road(NamedTuple):
    """How records come, and in how many processes they are mapped."""

    in_files: bool
    processes: int

    def __str__(self) -> str:
        return f"{'files' if self.in_files else 'messages'}-{self.processes}"

    def send(
        self,
        command: Command,
        records: Sequence[bytes | dict[str, Any]],
        schema: dict[str, Any] = EXPORT,
        **settings: Any,
    ) -> Ended:
        """Give a target these records of one stream, and a STATE behind them."""
        lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
        sent = self._file(command, schema, lines) if self.in_files else _messages(schema, lines)
        middle = b"".join(sent)
        given = _line(schema) + middle + _line(STATE)
        return command.run(given, processes=self.processes, **settings)

    def _file(
        self, command: Command, schema: dict[str, Any], lines: Iterable[bytes]
    ) -> list[bytes]:
        path = command.folder / f"{schema['stream']}.jsonl.gz"
        path.write_bytes(gzip.compress(b"\n".join(lines)))
        encoding = {"format": "jsonl", "compression": "gzip"}
        manifest = [f"file://{path}"]
        batch = {"type": "BATCH", "stream": schema["stream"], "encoding": encoding}
        return [_line({**batch, "manifest": manifest})]


ROADS = [
    Road(in_files=False, processes=0),
    Road(in_files=True, processes=2),
    pytest.param(Road(in_files=False, processes=2), marks=pytest.mark.slow),
    pytest.param(Road(in_files=True, processes=0), marks=pytest.mark.slow),
]


def row(number: int, **columns: Any) -> dict[str, Any]:
    """Return a row of an export with a uuid of its own, an hour and a user."""
    return {
        "uuid": f"5a1c1c1e-0c7f-4d3c-9a53-{number:012}",
        "app": 1,
        "event_type": "Played",
        "event_time": "2024-03-01 10:00:00.000000",
        "server_upload_time": "2024-03-01 10:00:01.000000",
        "user_id": "u1",
        **columns,
    }


def schema_of(stream: str, *columns: str, keys: Iterable[str] = ()) -> dict[str, Any]:
    """Return the SCHEMA of a plain stream."""
    properties: dict[str, Any] = {name: {} for name in columns}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": list(keys),
    }


def _messages(schema: dict[str, Any], lines: Iterable[bytes]) -> list[bytes]:
    head = b'{"type":"RECORD","stream":%b,"record":' % json.dumps(schema["stream"]).encode()
    return [head + line + b"}\n" for line in lines]


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
