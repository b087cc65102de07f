"""The order of rows, written down once more: what the tap must do, computed another way."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

NO_TIME = datetime.min.replace(tzinfo=timezone.utc)


def order_key(line: bytes) -> tuple[Any, ...]:
    """By the documented key; what is missing or unreadable comes first."""
    row = json.loads(line.decode(errors="replace"))
    number, uuid = row.get("event_id"), row.get("uuid")
    return (
        _time(row.get("server_upload_time")),
        _time(row.get("event_time")),
        (type(number) is int, number if type(number) is int else 0),
        uuid if isinstance(uuid, str) else "",
    )


def in_order(lines: list[bytes]) -> list[bytes]:
    """Broken lines stay where `sorted` leaves them: nobody compares them."""
    return sorted(lines, key=lambda line: order_key(line) if _is_row(line) else order_key(b"{}"))


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _time(value: Any) -> datetime:
    try:
        return datetime.strptime(value.replace("T", " ") + "+0000", "%Y-%m-%d %H:%M:%S.%f%z")
    except (AttributeError, ValueError):
        return NO_TIME
