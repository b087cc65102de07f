"""Walks of records to Amplitude, and a judgement of what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from target_amplitude.closing import event_of
from target_amplitude.from_amplitude import FromAmplitude
from target_amplitude.settings import MappingSettings

from tests.fakes.amplitude_batch.events import faults
from tests.fakes.amplitude_batch.violations import violations
from tests.pairs.walk import AT_10, Walk, Walked

if TYPE_CHECKING:
    from collections.abc import Collection

    from singer_delivery.model import Event

DAY = 86_400_000_000
NOW = AT_10 + 30 * DAY


def settings(**chosen: Any) -> MappingSettings:
    return MappingSettings(**{"now": NOW, **chosen})


class Copying(Walk):
    """Reads records of one project for another with these settings."""

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: FromAmplitude(settings(**chosen)))


def as_sent(event: Event) -> dict[str, Any]:
    """Return the event as Amplitude gets it; what waits for the end of the run is complete."""
    body = orjson.loads(orjson.dumps(event.body))
    return event_of(body) if "$closing" in body else body


def sent(walked: Walked, kind: str = "event") -> dict[str, Any]:
    """Return the one event of this kind as Amplitude gets it."""
    (event,) = [event for event in walked.events if event.kind == kind]
    return as_sent(event)


def assert_amplitude_takes(event: Event, but: Collection[str] = ()) -> None:
    """Ask the stand-in, which knows Amplitude's rules by itself; it may mind what is in `but`."""
    body = as_sent(event)
    assert faults(body, min_id_length=1, no_id_field="user_id") == []
    assert [each for each in violations(body) if each not in but] == []
