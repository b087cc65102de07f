"""Walks of a Mixpanel project's rows to Amplitude, and a judgement of what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from target_amplitude.closing import as_sent
from target_amplitude.from_mixpanel import FromMixpanel
from target_amplitude.settings import MappingSettings

from tests.fakes.amplitude_batch.events import faults
from tests.fakes.amplitude_batch.violations import violations
from tests.pairs.walk import AT_10, MEMORY, UUID, Walk, Walked, the

if TYPE_CHECKING:
    from singer_delivery.model import Event

DAY = 86_400_000_000
NOW = AT_10 + 30 * DAY
AT_MS = AT_10 // 1000
MISSING = object()
ANON = "18c5f0a1-7d3e-4b52-9c1d-aa0011223344"
"""An id as SDKs make it."""

COLUMNS = ("uuid", "time", "day", "session_start", "identity_merge", "event", "new_column")
UNTOLD: Any = object()


def a_row(event: str = "Played", mode: str | None = "simplified", **of: Any) -> dict[str, Any]:
    """Return a record of the tap; what is no column of it is a property, None leaves it out."""
    record = {
        "uuid": UUID,
        "time": "2024-03-01T10:00:00.000Z",
        "day": "2024-03-01",
        "session_start": None,
        "identity_merge": mode,
        "event": event,
    }
    beside = {name: of.pop(name) for name in [*of] if name in COLUMNS}
    properties = {"time": AT_MS, "$insert_id": "i1", **of}
    properties = {name: value for name, value in properties.items() if value is not None}
    return {**record, **beside, "properties": properties}


def settings(**chosen: Any) -> MappingSettings:
    return MappingSettings(**{"now": NOW, **chosen})


class Importing(Walk):
    """Reads rows with these settings. A row that is left out says whose its device is."""

    remembers = MEMORY | {"owner"}

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: FromMixpanel(settings(**chosen)))

    def reads(self, event: str = "Played", mode: str | None = "simplified", **of: Any) -> Walked:
        return self.reads_row(a_row(event, mode, **of))


def assert_amplitude_takes(event: Event) -> None:
    """Ask the stand-in, which knows Amplitude's rules by itself."""
    sent = orjson.loads(as_sent(orjson.dumps(event.body)))
    assert faults(sent, 1, "device_id") == []
    assert violations(sent) == []


def body(walked: Walked) -> dict[str, Any]:
    """Return the event, which Amplitude takes."""
    event = the("event", walked)
    assert_amplitude_takes(event)
    return event.body


def identity(walked: Walked) -> tuple[Any, Any]:
    """Return user and device of the event."""
    of = body(walked)
    return of.get("user_id"), of.get("device_id")
