"""Events as JSON text."""

from __future__ import annotations

import json
from typing import Any

import orjson

from singer_delivery.model import Unmappable


def encoded_json(value: Any) -> bytes:
    """Return a value as compact JSON.

    Raises:
        Unmappable: it holds what JSON cannot say.
    """
    try:
        # A copy: what orjson returns keeps its whole buffer, several times the text.
        return bytes(memoryview(orjson.dumps(value)))
    except TypeError as error:
        # Integers beyond 64 bits and lone surrogates, which only orjson minds.
        try:
            text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            reason, detail = "not_json", "it holds a value that JSON cannot say"
            raise Unmappable(reason, detail) from error
        return text.encode("ascii")
