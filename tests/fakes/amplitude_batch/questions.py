"""What Amplitude's `/batch` answers to a request without events. Pure.

Sources: Amplitude-Node #59 and #62 (200, with no events ingested); a wrong key and all else is as
with events (Amplitude docs, "Batch Event Upload API").
"""

from __future__ import annotations

from datetime import datetime

from tests.fakes.amplitude_batch.http import Request, json_reply
from tests.fakes.http.exchanges import Reply


def answer(request: Request, now: datetime) -> Reply:
    """Answer a request that is readable and of this project.

    Raises:
        AssertionError: It holds events: a question must store nothing.
    """
    assert request.events == [], "a question held events"
    return json_reply(
        200,
        events_ingested=0,
        payload_size_bytes=request.size,
        server_upload_time=int(now.timestamp() * 1_000),
    )
