"""How the tests of the stand-in for Amplitude's `/batch` speak to it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import requests

from tests.fakes.amplitude_batch import FakeAmplitudeBatch

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY_MS = 1_709_294_400_000  # 2024-03-01T12:00:00Z
ANA, PHONE = "user-ana", "phone-1"


class Clock:
    """A server's clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **span: float) -> None:
        self.time += timedelta(**span)


def event(number: int = 1, **keys: Any) -> dict[str, Any]:
    """Return a good event; a key with the value ... is left out, `skip` stands for the flag."""
    sent = {
        "event_type": "Order Placed",
        "time": DAY_MS + number,
        "user_id": ANA,
        "device_id": PHONE,
        "insert_id": f"event-{number}",
        **keys,
    }
    if sent.pop("skip", False):
        sent["$skip_user_properties_sync"] = True
    return {key: value for key, value in sent.items() if value is not ...}


def identify(number: int, operations: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return an `$identify`."""
    return event(number, event_type="$identify", user_properties=operations, **keys)


def body_of(fake: FakeAmplitudeBatch, *events: Any, **keys: Any) -> bytes:
    """Return the body of a request."""
    return json.dumps({"api_key": fake.api_key, "events": events, **keys}).encode()


def post(fake: FakeAmplitudeBatch, body: bytes, path: str = "/batch", **headers: str):
    """Send a body that is ready."""
    return requests.post(
        fake.url + path,
        data=body,
        headers={"Content-Type": "application/json", **headers},
        timeout=10,
    )


def send(fake: FakeAmplitudeBatch, *events: Any, **keys: Any):
    """Send events in one request."""
    return post(fake, body_of(fake, *events, **keys))


def delivered(*events: dict[str, Any], **project: Any) -> FakeAmplitudeBatch:
    """Return an Amplitude that took these, each in its own request, and is stopped."""
    with FakeAmplitudeBatch(**project) as amplitude:
        for sent in events:
            assert send(amplitude, sent).status_code == 200
    return amplitude
