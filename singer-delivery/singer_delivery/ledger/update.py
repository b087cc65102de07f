"""Updates that wait for the end of a run."""

from __future__ import annotations

from typing import NamedTuple


class Update(NamedTuple):
    """The newest update of a person or group, kept until the run ends.

    `name` is whose it is, `at` the time of its record (µs since 1970); `kind` and `event` are for
    the report, `stream` and `message` (the RECORD message it came from, `compression.shrunk`) for
    the dead letters; `facts`, as JSON, is what holds because of it, unless it is refused.
    """

    endpoint: str
    name: str
    at: int
    kind: str
    event: str
    stream: str
    encoded: bytes
    message: bytes
    facts: str
