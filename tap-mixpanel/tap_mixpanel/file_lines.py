"""Brings lines of exported files into the shape of the raw export. Pure.

- `{"event", "properties"}` is the raw export's own, and stays to the byte.
- Data Pipelines writes flat rows, `{"event_name", "distinct_id", "insert_id", "time", "properties",
  …}`, and is told by its keys (Mixpanel docs, Data Pipelines: "Schema"). Each key at the top gets
  the name that the raw export has for it. Names that begin with `mp_` in tables with a schema stay,
  since what they were is not known.
- `{"$distinct_id", "$properties"}` is a profile, as engage returns it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from singer_delivery.tap.bad_lines import made_sound

EVENTS, PROFILES = "events", "profiles"

EXPORTED = b'{"event":'
AT_THE_TOP = {"device_id": "$device_id", "user_id": "$user_id", "insert_id": "$insert_id"}
"""Of a flat row: the keys that have another name among the properties of the raw export."""


class Line(NamedTuple):
    """A line: the stream it is of, None when it is of none; its row, and its number."""

    stream: str | None
    row: bytes
    number: int = 0


def shaped(line: bytes) -> Line:
    """Return a line, stripped, in the shape of the raw export or of a profile."""
    if line.startswith(EXPORTED):
        return Line(EVENTS, line)
    try:
        row = _columns(line)
    except (msgspec.DecodeError, RecursionError):
        return Line(None, line)
    if "event" in row:
        return Line(EVENTS, line)
    if "event_name" in row:
        return Line(EVENTS, _unfolded(row))
    return Line(PROFILES if "$distinct_id" in row else None, line)


def rows_in(lines: Iterable[bytes], before: int = 0) -> Iterator[Line]:
    """Yield the rows of raw lines of a file; a line that is none, with no stream, as it is.

    Args:
        lines: a block of them.
        before: how many lines came before.
    """
    for number, raw in enumerate(lines, before + 1):
        line = raw.strip()
        if line.startswith(EXPORTED) and b"}{" not in line:
            yield Line(EVENTS, line, number)
        elif line:
            for part in taken_apart(line):
                yield _found(part)._replace(number=number)


def plain_rows(lines: Iterable[bytes]) -> list[bytes] | None:
    """Return lines of a file, stripped, that are rows of the raw export; None if one is not.

    Most are: `rows_in` yields the same of them, and takes four times as long.
    """
    rows = [*map(bytes.strip, lines)]
    are_plain = all([row.startswith(EXPORTED) and _is_one(row) for row in rows])  # noqa: C419 - a list is faster
    return rows if are_plain else None


def _is_one(row: bytes) -> bool:
    """Tell whether no two objects stand back to back in a line."""
    # One byte is looked for much faster than two, and in most rows the first ends the properties.
    return row.find(b"}") == len(row) - 2 or b"}{" not in row


def _found(part: bytes) -> Line:
    found = shaped(part)
    # Such as a flat row with NaN in it.
    return found if found.stream is not None else shaped(made_sound(part)[0] or part)


def taken_apart(line: bytes) -> Iterable[bytes]:
    """Return a line as its objects, where several stand back to back as in `{…}{…}`.

    Programs that join files without a line end at their ends write such lines.
    """
    return [*_objects(line)] if b"}{" in line else [line]


def _objects(line: bytes) -> Iterator[bytes]:
    text = line.decode("utf-8", "surrogateescape")
    at, found = 0, []
    while at < len(text):
        try:
            end = _end_of(text, at)[1]
        except (ValueError, RecursionError):
            yield line
            return
        found.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
        while text[at : at + 1].isspace():
            at += 1
    yield from found


def _unfolded(row: dict[str, msgspec.Raw]) -> bytes:
    """Return a flat row in the shape of the raw export; what stands in both places stays inside."""
    event = bytes(row.pop("event_name"))
    inner = bytes(row.pop("properties", b"{}"))
    try:
        known = _columns(inner)
    except (msgspec.DecodeError, RecursionError):
        known, inner = {}, b"{}"
    named = {AT_THE_TOP.get(name, name): bytes(value) for name, value in row.items()}
    outer = [
        b"%b:%b" % (json.dumps(name).encode(), value)
        for name, value in named.items()
        if name not in known
    ]
    rest = inner.strip()[1:-1].strip()
    properties = b",".join([*outer, rest] if rest else outer)
    return b'{"event":%b,"properties":{%b}}' % (event, properties)


_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_end_of = json.JSONDecoder(parse_int=len, parse_float=len, strict=False).raw_decode
