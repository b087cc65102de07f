"""What a line must be to be read as a record: one JSON object. Pure.

Whoever passes a line on and whoever reads it at last ask here, so that what one lets through the
other does not refuse.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

ESCAPE = re.compile(
    rb"""\\(?: u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}  # a whole pair
         |    (u[dD][89a-fA-F][0-9a-fA-F]{2} | u0000)                  # half of one, or NUL
         |    . )""",
    re.DOTALL | re.VERBOSE,
)
"""An escape of a JSON text; group 1 is there when it is half a surrogate pair or NUL."""


def read_json(text: bytes) -> Any:
    """Read JSON as orjson does; a number beyond a double, which it refuses, becomes its text.

    Raises:
        orjson.JSONDecodeError: it is none.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            value = _DECODER.decode(text.decode())
            orjson.dumps(value)
        except (ValueError, TypeError, RecursionError):  # it was refused for more than that
            raise error from None
        return value


def _number(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _no_json(constant: str) -> Any:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_no_json)


def reason_to_refuse(line: bytes) -> str | None:
    """Say why `line` is no JSON object, or None when it is one.

    `NaN`, halves of surrogate pairs (see `mended`) and bytes that are no UTF-8 do not pass.
    """
    try:
        value = read_json(line)
    except orjson.JSONDecodeError as error:
        return f"{error.msg} at column {error.colno}"
    return None if type(value) is dict else "it is JSON, but no object"


def mended(line: bytes) -> bytes | None:
    """Return the line with U+FFFD for half surrogate pairs and NUL, if it is a JSON object then.

    A vendor that cuts texts at a number of characters can cut an emoji in two. Such a line is no
    Unicode text and few programs take it; the rest of it is sound, and stays as it is to the byte.
    """
    line = ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line if reason_to_refuse(line) is None else None
