"""Times as RFC 3339 writes them, for loaders that hold a `date-time` against it. Pure."""

from __future__ import annotations

import re

import msgspec
from analytics_records.amplitude.columns import TIME_COLUMNS

AS_WRITTEN = re.compile(rb'"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)"')
"""As Amplitude writes a time, in UTC without saying so."""

_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def in_rfc3339(line: bytes) -> bytes:
    """Return a row with `T` and `Z` in its times, as in `2024-01-31T12:00:00.000000Z`.

    Only columns that are times change, and no property of the same name within another column; a
    time that cannot be read stays. What the other columns hold stays to the byte.
    """
    row = _columns(line)
    for name in TIME_COLUMNS:
        found = AS_WRITTEN.fullmatch(row.get(name, b""))
        if found:
            row[name] = msgspec.Raw(b'"%bT%bZ"' % found.groups())
    return msgspec.json.encode(row)
