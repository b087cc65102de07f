"""Services that refuse by what a request holds, and what the rules make of records in their order.

Who is whom is worked out here anew, from the rules, apart from the code under test.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.destinations.amplitude import plain
from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes.http.exchanges import Exchange, Reply
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog

Record = dict[str, Any]

TOO_LARGE = Reply(413)
"""Said of requests of more than one event only; said of one, it would be that event's end."""


class Mood:
    """How a service treats requests by what they hold; `picks` are the ids of bad events."""

    def __init__(self, picks: frozenset[str], delayed: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.picks = picks
        self.too_large: set[int] = set()
        self._delayed = delayed
        self._delays = 12

    def judged(self, exchange: Exchange, ids: Sequence[str]) -> Reply | None:
        """Return the reply to a whole request, if there is one.

        Requests with one of the `delayed` are asked for again, so that all others could overtake.
        """
        if exchange.number in self.too_large and len(ids) > 1:
            return TOO_LARGE
        if self._delays and not self._delayed.isdisjoint(ids):
            self._delays -= 1
            return Reply(503)
        return None


class PickyPostHog(Mood, FakePostHog):
    """Refuses a whole request for one bad event."""

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        sent = orjson.loads(gzip.decompress(body))["batch"]
        reply = self.judged(exchange, [event["uuid"] for event in sent])
        if reply is not None:
            return reply
        if self.picks & {event["uuid"] for event in sent}:
            return Reply(400, b"event submitted with an empty event name")
        return super().answer(exchange, body)


class PickyPostHogV1(Mood, FakePostHog):
    """Drops bad events and takes all others of their request."""

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        ids = [event["uuid"] for event in orjson.loads(gzip.decompress(body))["batch"]]
        for uuid in self.picks & set(ids):
            self.say("drop", "rejected", when=lambda each, uuid=uuid: each.uuid == uuid)
        return self.judged(exchange, ids) or super().answer(exchange, body)


class PickyMixpanel(Mood, FakeMixpanel):
    """Refuses bad events and takes all others of their request."""

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        if exchange.path != "/import":
            return super().answer(exchange, body)
        sent = orjson.loads(gzip.decompress(body))
        for event in sent:
            if event["properties"]["$insert_id"] in self.picks:
                del event["properties"]["time"]
        reply = self.judged(exchange, [event["properties"]["$insert_id"] for event in sent])
        return reply or super().answer(exchange, gzip.compress(orjson.dumps(sent)))


class PickyAmplitude(Mood, FakeAmplitudeBatch):
    """Refuses a whole request for its bad events, which it names."""

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        document = orjson.loads(plain(body))
        for event in document["events"]:
            if event["insert_id"] in self.picks:
                event["time"] = "bad"
        reply = self.judged(exchange, [event["insert_id"] for event in document["events"]])
        return reply or super().answer(exchange, gzip.compress(orjson.dumps(document)))


@dataclass
class Reading:
    """What the rules make of records in reading order.

    Attributes:
        owners: {device: the first user read with it}.
        orders: {person: uuids of their events}.
        of_devices: {device: uuids of its events, and the user of each or None}.
        before_link: {device: uuids of its own events that were read before its link}.
        linking: {device: uuid of the record that links it}.
        newest: {person: the time of the newest record about them}. A link makes what its device was
            told part of the person, where nothing was told of the user yet.
        profiles: the same of users where a link brings along what its device said, if it is newer.
    """

    owners: dict[str, str] = field(default_factory=dict)
    orders: dict[str, list[str]] = field(default_factory=dict)
    of_devices: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    before_link: dict[str, list[str]] = field(default_factory=dict)
    linking: dict[str, str] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    profiles: dict[str, int] = field(default_factory=dict)

    def read(self, record: Record) -> None:
        user, device, uuid = record["user_id"], record["device_id"], record["uuid"]
        self.of_devices.setdefault(device, []).append((uuid, user))
        if user is not None and device not in self.owners:
            self.owners[device] = user
            self.linking[device] = uuid
            self.before_link[device] = list(self.orders.get(device, ()))
            if device in self.newest:
                self.newest.setdefault(user, self.newest[device])
                self._say(self.profiles, user, self.newest[device])
        person = user or self.owners.get(device, device)
        self.orders.setdefault(person, []).append(uuid)
        if user is not None or device not in self.owners:  # else nobody says whose state it is
            self._say(self.newest, person, record["user_properties"]["second"])
        if user is not None:
            self._say(self.profiles, user, record["user_properties"]["second"])

    @staticmethod
    def _say(newest: dict[str, int], who: str, second: int) -> None:
        newest[who] = max(second, newest.get(who, second))

    @property
    def early(self) -> frozenset[str]:
        """What devices did before they were linked."""
        return frozenset(uuid for uuids in self.before_link.values() for uuid in uuids)

    @classmethod
    def of(cls, records: Sequence[Record]) -> Reading:
        reading = cls()
        for record in records:
            reading.read(record)
        return reading
