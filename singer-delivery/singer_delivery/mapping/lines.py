"""A line as the clean record it holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from singer_delivery.mapping.cleaning import clean
from singer_delivery.mapping.json_lines import mended, read_json, reason_to_refuse
from singer_delivery.model import Unmappable

BAD_LINE = "bad_line"
"""Reason of dead letters whose line is no JSON object."""


def read(line: bytes, *, is_message: bool, service: str) -> Mapping[str, Any]:
    """Return the record of a line, in characters and numbers that every service can read.

    Args:
        line: a RECORD message, or a record itself. Only a record is mended: see `mended`.
        is_message: which of the two it is.
        service: what could not read it otherwise, for people.

    Raises:
        Unmappable: it is no such JSON (`bad_line`), or nests too deep (`nested_too_deep`).
    """
    if is_message:
        return clean(_of_message(line), line, service)
    record, line = read_line(line)
    return clean(record, line, service)


def read_line(line: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the record of a line of a file, and the line as it can be read.

    Raises:
        Unmappable: it is no such JSON (`bad_line`).
    """
    try:
        record = read_json(line)
    except orjson.JSONDecodeError:
        record = None
    if type(record) is dict:
        return record, line
    better = mended(line)
    if better is None:
        raise Unmappable(BAD_LINE, str(reason_to_refuse(line)))
    return read_json(better), better


def _of_message(line: bytes) -> dict[str, Any]:
    try:
        record = read_json(line)["record"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        record = None
    if type(record) is dict:
        return record
    raise Unmappable(BAD_LINE, reason_to_refuse(line) or "it has no record")
