"""Dead letter files as targets write them, for the tests of the commands about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NOON = 1_710_676_800.0
"""2024-03-17 12:00:00 UTC."""

COLUMNS = ("id", "customer", "at", "total")


def schema(stream: str = "orders") -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": {name: {} for name in COLUMNS}},
        "key_properties": ["id"],
    }


def record(number: int, stream: str = "orders", **columns: Any) -> bytes:
    of = {"id": number, "customer": f"c{number}", "at": "2024-05-01T10:00:00Z", **columns}
    return json.dumps({"type": "RECORD", "stream": stream, "record": of}).encode() + b"\n"


def write(path: Path, letters: Iterable[tuple[bytes, str]], *streams: str) -> None:
    """Write letters with their reasons, a minute apart, as a run does."""
    times = iter(range(10**9))
    file = DeadLetters(path, now=lambda: NOON + 60 * next(times))
    for stream in streams or ("orders",):
        file.know_schema(schema(stream))
    for message, reason in letters:
        stream = json.loads(message)["stream"] if message.endswith(b"}\n") else "orders"
        file.add(DeadLetter(stream, message, reason, f"Words on {reason}.", 0, ""))
    file.flush()
    file.close()


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records in a file, as JSON."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    messages = [json.loads(line) for line in lines]
    return [each["record"] for each in messages if each["type"] == "RECORD"]


def reasons(path: Path) -> dict[int, str]:
    """Return the reason of each letter in a file, by its id."""
    return {each["id"]: each["_dead_letter"]["reason"] for each in records(path)}
