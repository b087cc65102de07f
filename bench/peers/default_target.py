"""A target as the Singer SDK makes it when nothing is changed, with the mapping of our targets.

Default here: the reader of messages, the validation of every record against the schema, the
parsing of times, a `BatchSink` whose batches are sent by `requests` one after the other, the
handling of state. Ours: the mapping itself, called as our targets call it, with a memory in a
dictionary, so that the same events are sent; and the size of a batch, which is that of our targets.

It leaves out what our targets do beyond that: compression, retries, dead letters on disk, a ledger,
a report per reason, several requests at a time.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import orjson
import requests
import target_amplitude.from_amplitude
import target_amplitude.from_mixpanel
import target_amplitude.settings
import target_mixpanel.from_amplitude
import target_mixpanel.settings
import target_posthog.from_amplitude
import target_posthog.settings
from singer_delivery.mapping.cleaning import readable
from singer_delivery.model import Delivery, Effects, Event, Fact, RecordMapping, Unmappable
from singer_sdk import typing as th
from singer_sdk.singerlib.json import serialize_json
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target
from target_amplitude.closing import CLOSING, event_of

KEY = "phc_0123456789abcdefghijklmnopqrstuvwxyz"


class Memory:
    """What mappings may ask of the past, in a dictionary."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], Fact] = {}

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known."""
        return self._facts.get((kind, name))

    def was_delivered(self, of: Delivery) -> bool:
        """Tell that nothing is listed: the peer keeps no list of deliveries."""
        del of
        return False

    def learn(self, facts: Iterable[Fact]) -> None:
        """Remember."""
        self._facts.update({(fact.kind, fact.name): fact for fact in facts})


def posthog_mapping() -> RecordMapping:
    """Return the mapping of target-posthog with its defaults."""
    return target_posthog.from_amplitude.FromAmplitude(target_posthog.settings.MappingSettings())


def mixpanel_mapping() -> RecordMapping:
    """Return the mapping of target-mixpanel with its defaults."""
    now = int(time.time() * 1_000_000)
    return target_mixpanel.from_amplitude.FromAmplitude(
        target_mixpanel.settings.MappingSettings(now=now)
    )


def amplitude_mapping() -> RecordMapping:
    """Return the mapping of target-amplitude with its defaults."""
    now = int(time.time() * 1_000_000)
    return target_amplitude.from_amplitude.FromAmplitude(
        target_amplitude.settings.MappingSettings(now=now)
    )


def from_mixpanel_to_amplitude() -> RecordMapping:
    """Return the mapping of target-amplitude with its defaults, for a Mixpanel export."""
    now = int(time.time() * 1_000_000)
    settings = target_amplitude.settings.MappingSettings(now=now)
    return target_amplitude.from_mixpanel.FromMixpanel(settings)


class DefaultSink(BatchSink):
    """Collects a batch, maps it, sends it."""

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        mapping, self._size = MAPPINGS[self.config["pair"]]
        self._mapping = mapping()
        self._known = Memory()
        self._session = requests.Session()
        self._deferred: dict[tuple[str, str], Event] = {}
        self._sent = self._read = 0

    @property
    def max_size(self) -> int:
        """Records a batch."""
        return self._size

    def process_batch(self, context: dict[str, Any]) -> None:
        """Map and send a batch."""
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in context["records"]:
            for event in self._events_of(record):
                if event.deferred:
                    self._deferred[event.endpoint, str(event.order)] = event
                else:
                    waiting[event.endpoint].append(event.body)
        self._read += len(context["records"])
        self._send(waiting)

    def clean_up(self) -> None:
        """Send what waited for the end, and say how much was read and sent."""
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in self._deferred.values():
            waiting[event.endpoint].append(event.body)
        self._send(waiting)
        counts = {"read": self._read, "sent": self._sent}
        Path(self.config["report_path"]).write_text(json.dumps(counts))
        super().clean_up()

    def _events_of(self, record: dict[str, Any]) -> Sequence[Event]:
        mapping, effects = self._mapping, Effects()
        try:
            clean = readable(record, "a service")
            # Decisions are made of lines. It had one, before the SDK took it apart.
            seen = mapping.observe(orjson.dumps(clean), is_message=False)
            decision = mapping.decide(seen, self._known, effects)
            events = mapping.map(clean, decision).events if decision.sends else ()
        except Unmappable:
            return ()
        for facts in (effects.claims, effects.renewed, effects.facts, effects.kept):
            self._known.learn(facts)
        return events

    def _send(self, waiting: dict[str, list[dict[str, Any]]]) -> None:
        for endpoint, bodies in waiting.items():
            content = _content(endpoint, bodies)
            reply = self._session.post(self.config["url"] + endpoint, content.encode())
            reply.raise_for_status()
            self._sent += len(bodies)


def _content(endpoint: str, bodies: list[dict[str, Any]]) -> str:
    if endpoint == "/batch/":
        return serialize_json({"api_key": KEY, "historical_migration": True, "batch": bodies})
    if endpoint == "/batch":
        events = [event_of(body) if CLOSING in body else body for body in bodies]
        return serialize_json({"api_key": KEY, "events": events})
    if endpoint == "/import":
        return serialize_json(bodies)
    return serialize_json([{"$token": KEY, **body} for body in bodies])


MAPPINGS: dict[str, tuple[Callable[[], RecordMapping], int]] = {
    "Amplitude to PostHog": (posthog_mapping, 1_000),
    "Amplitude to Mixpanel": (mixpanel_mapping, 2_000),
    "Amplitude to Amplitude": (amplitude_mapping, 1_000),
    "Mixpanel to Amplitude": (from_mixpanel_to_amplitude, 1_000),
}


class DefaultTarget(Target):
    """Sends what an export holds to an address that answers as the destination does."""

    name = "default-target"
    default_sink_class = DefaultSink
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("pair", th.StringType, required=True, allowed_values=list(MAPPINGS)),
        th.Property("url", th.StringType, required=True),
        th.Property("report_path", th.StringType, required=True),
    ).to_dict()


if __name__ == "__main__":
    DefaultTarget.cli()
