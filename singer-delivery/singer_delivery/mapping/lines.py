"""Reads the record of a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from singer_delivery.io.json_lines import mended, read_json, reason_to_refuse
from singer_delivery.mapping.cleaning import clean
from singer_delivery.model import Unmappable

BAD_LINE = "bad_line"
"""Reason of dead letters whose line is no JSON object."""


def read(line: bytes, *, is_message: bool, service: str) -> Mapping[str, Any]:
    """Return the clean record of a line."""
    record, better = (_of_message(line), line) if is_message else read_line(line)
    return clean(record, better, service)


def read_line(line: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the record of a line of a file, and the line as it can be read."""
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
