"""What a line must be to be read as a record: one JSON object. Pure.

Whoever passes a line on and whoever reads it at last ask here, so that what one lets through the
other does not refuse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

ESCAPE = re.compile(
    rb"""\\(?: u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}  # a whole pair
         |    (u[dD][89a-fA-F][0-9a-fA-F]{2})                          # half of one
         |    . )""",
    re.DOTALL | re.VERBOSE,
)
"""An escape of a JSON text; group 1 is there when it is half a surrogate pair."""


def reason_to_refuse(line: bytes) -> str | None:
    """Say why `line` is no JSON object, or None when it is one.

    orjson reads it. Numbers beyond a double, `NaN`, halves of surrogate pairs (see `mended`) and
    bytes that are no UTF-8 do not pass.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"{error.msg} at column {error.colno}"
    return None if type(value) is dict else "it is JSON, but no object"


def are_objects(lines: Iterable[bytes]) -> bool:
    """Tell whether there is no reason to refuse any of the lines; quicker than asking for each."""
    try:
        return set(map(type, map(orjson.loads, lines))) <= {dict}
    except orjson.JSONDecodeError:
        return False


def mended(line: bytes) -> bytes | None:
    """Return the line with U+FFFD for halves of surrogate pairs, if it is a JSON object then.

    Amplitude cuts texts at 1,024 characters (Amplitude docs, HTTP V2 API), and so it can cut an
    emoji in two. Such a line is no Unicode text and few programs take it; the rest of it is sound,
    and stays as it is to the byte.
    """
    line = ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line if reason_to_refuse(line) is None else None
