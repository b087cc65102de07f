"""What the fake PostHog writes down of each request, and keeps of each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.posthog.capture import Captured


@dataclass(frozen=True)
class Batch:
    """One request that reached the service.

    Attributes:
        request: Number of its exchange in the journal.
        events: How many it held; 0 if it could not be read.
        bytes: Size of its JSON, decompressed; of the body, if it could not be read.
        status: What it was answered.
    """

    request: int
    events: int
    bytes: int
    status: int
    historical: bool
    sent_at: bool


@dataclass(frozen=True)
class Arrival:
    """One event that was taken."""

    captured: Captured
    request: int
    historical: bool

    def as_stored(self) -> dict[str, Any]:
        captured = self.captured
        return {
            "uuid": captured.uuid,
            "event": captured.event,
            "distinct_id": captured.distinct_id,
            "timestamp": captured.timestamp,
            "properties": captured.properties(),
            "request": self.request,
            "historical": self.historical,
        }
