"""Updates that wait for the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import orjson

from singer_delivery.model import Key


class Update(NamedTuple):
    """What is to be sent of a person or group when the run ends.

    `name` is whose it is, `at` the time of its last record (µs since 1970); `kind` and `event` are
    for the report, `stream` and `message` (the RECORD message it came from, `compression.shrunk`)
    for the dead letters; `facts`, as JSON, is what holds because of it, unless it is refused.
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

    @property
    def key(self) -> Key:
        """What it takes its place by: endpoint and name."""
        return self.endpoint, self.name

    def over(self, older: Update | None) -> Update:
        """Return this update laid over an older one of the same place.

        A record may know only a part of a person. So where both hold an object under one name, such
        as the properties to set, the keys of the older one stay unless this one has them.
        """
        if older is None:
            return self
        below, above = orjson.loads(older.encoded), orjson.loads(self.encoded)
        return self._replace(encoded=orjson.dumps(_laid_over(below, above)))


def laid_over(parts: Sequence[Update]) -> Update:
    """Return updates of one place as one, the first lowest."""
    return reduce(lambda below, above: above.over(below), parts)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key, value in above.items():
        old = below.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merged[key] = {**old, **value}
    return merged
