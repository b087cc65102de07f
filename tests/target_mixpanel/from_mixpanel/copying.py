"""Rows of a Mixpanel project, and walks of them into another one."""

from __future__ import annotations

from typing import Any

from target_mixpanel.from_mixpanel import FromMixpanel

from tests.pairs.walk import AT_10, UUID, Walk, Walked, the
from tests.target_mixpanel.importing import settings

AT_MS = AT_10 // 1000
MISSING = object()
ANON = "18c5f0a1-7d3e-4b52-9c1d-aa0011223344"
"""An id as SDKs make it."""


def a_row(event: str = "Played", mode: str | None = "simplified", **columns: Any) -> dict[str, Any]:
    """Return a record of the tap; what is no column of it is a property, None leaves it out."""
    record = {
        "uuid": UUID,
        "time": "2024-03-01T10:00:00.000Z",
        "day": "2024-03-01",
        "session_start": None,
        "identity_merge": mode,
        "event": event,
    }
    beside = {name: columns.pop(name) for name in [*columns] if name in (*record, "new_column")}
    properties = {"time": AT_MS, "$insert_id": "i1", **columns}
    properties = {name: value for name, value in properties.items() if value is not None}
    return {**record, **beside, "properties": properties}


class Copying(Walk):
    """Reads rows with these settings."""

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: FromMixpanel(settings(**chosen)))

    def reads(self, event: str = "Played", mode: str | None = "simplified", **of: Any) -> Walked:
        return self.reads_row(a_row(event, mode, **of))


def sent(walked: Walked) -> dict[str, Any]:
    """Return the properties of the event."""
    found: dict[str, Any] = the("event", walked).body["properties"]
    return found


def ids(walked: Walked) -> dict[str, Any]:
    """Return the ids of the event, and those put aside."""
    names = (
        "distinct_id", "$user_id", "$device_id", "mixpanel_user_id", "mixpanel_device_id",
    )  # fmt: skip
    return {name: value for name, value in sent(walked).items() if name in names}


def links(walked: Walked) -> list[dict[str, Any]]:
    """Return the properties of the links."""
    return [event.body["properties"] for event in walked.events if event.kind == "link"]
