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


def exact(line: bytes, shape: bytes | None = None) -> bytes:
    """Return the line with numbers of which a reader would keep only the first digits written out.

    A JSON reader makes a double of a whole number beyond 64 bits, and of `9007199254740993.0`: two
    ids become one. Here the first becomes a text of its digits, and so does the second, or a whole
    number where 64 bits hold it. Numbers with an exponent stay: their digits were gone before.

    Lines without a number of 16 digits are returned as they are, and most lines cost no more than
    a look at each byte.

    Args:
        line: JSON, or what should be.
        shape: of the line, where it is known.
    """
    shape = shape_of(line) if shape is None else shape
    at = shape.find(_LONG)
    while at >= 0:
        if line[at - 1 : at] in _BEFORE_NUMBERS:
            return _TOKEN.sub(_written_out, line)
        at = shape.find(_LONG, at + len(_LONG))
    return line


def shape_of(line: bytes) -> bytes:
    """Return the line with 0 for each digit and `[` for each opening bracket of either kind."""
    return line.translate(_SHAPE)


_SHAPE = bytes.maketrans(b"123456789{", b"000000000[")
_LONG = b"0" * 16
"""2**53, from which on a double has no exact whole numbers, has 16 digits."""
_BEFORE_NUMBERS = (b":", b",", b"[", b"-", b" ", b"\t", b"\n", b"\r")
_TOKEN = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?', re.DOTALL
)
"""A text, or a number: whole part, fraction, exponent."""


def _written_out(found: re.Match[bytes]) -> bytes:
    whole, fraction, exponent = found.groups()
    if whole is None or len(whole) < len(_LONG) or exponent or (fraction or b".").strip(b".0"):
        return found[0]
    if len(whole) > 20 or not -(2**63) <= int(whole) < 2**64:
        return b'"%b"' % whole
    return found[0] if abs(int(whole)) < EXACT else whole


EXACT = 2**53
"""Below it each whole number is a double of its own, which nothing else is rounded to."""


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
    """Return the line as a JSON object that every program reads, or None where it cannot be one.

    - Halves of surrogate pairs and NUL become U+FFFD: a vendor that cuts texts at a number of
      characters can cut an emoji in two. The rest stays as it is to the byte.
    - `NaN` and the infinities, which programs write that are no strict writers of JSON (Python's
      `json`, for one), are left out with their keys. Characters that a JSON text must escape,
      such as NUL, are escaped. Numbers keep their digits.
    """
    line = ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line if reason_to_refuse(line) is None else _rewritten(line)


def _rewritten(line: bytes) -> bytes | None:
    try:
        value = _without_absent(_LENIENT.decode(line.decode()))
        return orjson.dumps(value) if type(value) is dict else None
    except (ValueError, TypeError, RecursionError):  # it is broken otherwise, or nests too deep
        return None


_ABSENT = object()


def _without_absent(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_absent(v) for k, v in value.items() if v is not _ABSENT}
    if isinstance(value, list):
        return [_without_absent(v) for v in value if v is not _ABSENT]
    return value


_LENIENT = json.JSONDecoder(
    parse_int=orjson.Fragment,
    parse_float=orjson.Fragment,
    parse_constant=lambda _: _ABSENT,
    strict=False,
)
