"""Small rows of Mixpanel's export, as a tap hands them on."""

from __future__ import annotations

from typing import Any

UUID = "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a"
AT = 1_709_287_200_000_000
"""2024-03-01 10:00:00 UTC, in microseconds."""
T10 = "2024-03-01T10:00:00.000Z"


def own(**properties: Any) -> dict[str, Any]:
    """Return properties of a row; leading underscores stand for `$`, and None leaves one out."""
    usual = {"time": AT // 1000, "$insert_id": "i1", "$mp_api_timestamp_ms": AT // 1000 + 900}
    given = {named(key): value for key, value in properties.items()}
    return {key: value for key, value in {**usual, **given}.items() if value is not None}


def named(key: str) -> str:
    """Return the name of a property: `__os` stands for `$os`."""
    return f"${key[2:]}" if key.startswith("__") else key


def bare(event: str = "Played", **properties: Any) -> dict[str, Any]:
    """Return a row as exported."""
    return {"event": event, "properties": own(**properties)}


def tapped(event: str = "Played", mode: str | None = None, **properties: Any) -> dict[str, Any]:
    """Return a row with what a tap adds."""
    hour = properties.pop("at", T10)
    beside = {"uuid": UUID, "time": hour, "day": "2024-03-01", "session_start": None}
    return {**beside, "identity_merge": mode, **bare(event, **properties)}
