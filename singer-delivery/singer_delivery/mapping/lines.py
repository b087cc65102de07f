"""A line as the clean record it holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from singer_delivery.mapping.cleaning import is_surely_clean, readable
from singer_delivery.mapping.json_lines import exact, mended, read_json, reason_to_refuse, shape_of
from singer_delivery.model import Unmappable

BAD_LINE = "bad_line"
"""Reason of dead letters whose line is no JSON object."""


def read(line: bytes, *, is_message: bool, service: str) -> Mapping[str, Any]:
    """Return the record of a line, in characters and numbers that every service can read.

    Whole numbers keep their digits: see `exact`.

    Args:
        line: a RECORD message, or a record itself. Both are mended: see `mended`.
        is_message: which of the two it is.
        service: what could not read it otherwise, for people.

    Raises:
        Unmappable: it is no such JSON (`bad_line`), or nests too deep (`nested_too_deep`).
    """
    shape = shape_of(line)
    found, line = read_line(exact(line, shape))
    record = record_of(found) if is_message else found
    return record if is_surely_clean(line, shape) else readable(record, service)


def read_line(line: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the JSON object of a line, and the line as it can be read.

    Raises:
        Unmappable: it is no such JSON (`bad_line`).
    """
    try:
        found = read_json(line)
    except orjson.JSONDecodeError:
        found = None
    if type(found) is dict:
        return found, line
    better = mended(line)
    if better is None:
        raise Unmappable(BAD_LINE, str(reason_to_refuse(line)))
    return read_json(better), better


def record_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a RECORD message.

    Raises:
        Unmappable: it has none (`bad_line`).
    """
    record = message.get("record")
    if type(record) is dict:
        return record
    raise Unmappable(BAD_LINE, "it has no record")
