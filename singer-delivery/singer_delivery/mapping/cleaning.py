"""Records in characters, numbers and depths that every service can read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from singer_delivery.mapping.json_lines import EXACT
from singer_delivery.model import Unmappable


def is_surely_clean(line: bytes, shape: bytes) -> bool:
    """Tell whether `readable` returns what orjson read from a line of this shape as it is.

    It holds neither NaN nor infinities, lone surrogates, Decimals or integers beyond 64 bits, all
    of which orjson refuses or never makes. Unless the line writes a NUL or has brackets for too
    deep a nest, the record is clean, and need not be looked at.
    """
    # Most lines hold no backslash, and one byte is looked for much faster than six. Nor does
    # `count` tell the brackets half as fast as taking them out.
    if b"\\" in line and b"\\u0000" in line:
        return False
    return len(shape) - len(shape.replace(b"[", b"")) < _DEEPEST


def readable(record: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    """Return the record in characters and numbers that every service can read.

    Raises:
        Unmappable: it nests too deep (`nested_too_deep`) for the service of this name.
    """
    try:
        return tidy(record)
    except ValueError as error:
        reason = "nested_too_deep"
        raise Unmappable(reason, f"{error}; {service} cannot read it") from error


_DEEPEST = 200
_ABSENT = object()


def tidy(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record itself when every service can read it, else a clean copy.

    In the copy NUL characters and broken surrogates are U+FFFD, NaN and Infinity are absent,
    whole numbers beyond 64 bits are text, Decimals are floats, or whole numbers where a float would
    not keep their digits.

    Raises:
        ValueError: it nests deeper than 200 levels, more than JSON readers take.
    """
    try:
        # Four lists deep, because an event nests what it carries that much deeper.
        encoded = orjson.dumps([[[[record]]]], option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:  # a Decimal, a number too big, a broken surrogate, too deep
        return _clean_object(record, 0)
    # orjson writes NaN as null: only then can there be more nulls than columns that are None.
    suspicious = encoded.count(b"null") != list(record.values()).count(None)
    if b"\\u0000" in encoded or (suspicious and _holds_no_number(record)):
        return _clean_object(record, 0)
    return record


def _holds_no_number(value: Any) -> bool:
    """Tell whether NaN or an infinity is anywhere in a value."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_holds_no_number, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_holds_no_number, value))


def _clean_object(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    cleaned = ((_clean_text(str(k)), _clean(v, depth + 1)) for k, v in value.items())
    return {key: value for key, value in cleaned if value is not _ABSENT}


def _clean(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        msg = f"a value nests deeper than {_DEEPEST} levels"
        raise ValueError(msg)
    if isinstance(value, str):
        return _clean_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal)):
        return _clean_number(value)
    if isinstance(value, Mapping):
        return _clean_object(value, depth)
    if isinstance(value, (list, tuple)):
        return [v for v in (_clean(v, depth + 1) for v in value) if v is not _ABSENT]
    return value.isoformat() if isinstance(value, datetime) else _clean_text(str(value))


def _clean_text(text: str) -> str:
    if not text.isascii():  # UTF-16 there and back joins surrogate pairs and marks lone ones
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def _clean_number(number: float | Decimal) -> Any:
    if isinstance(number, int):
        return number if -(2**63) <= number < 2**64 else str(number)
    if isinstance(number, Decimal) and number.is_finite() and number == number.to_integral_value():
        return _clean_number(int(number)) if abs(number) >= EXACT else float(number)
    number = float(number)
    return number if math.isfinite(number) else _ABSENT
