"""Stand-ins that take every event, forget all but what identifies it, and fail now and then."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
from abc import abstractmethod
from array import array
from collections.abc import Iterable
from typing import Any

import orjson

from tests.fakes.http.exchanges import DropConnection, Exchange, LoseReply, Reply
from tests.fakes.http.server import FakeServer

FAULTS = (Reply(503), Reply(429, headers={"Retry-After": "0"}), LoseReply(), DropConnection())
UPDATES = {"$create_alias", "$identify", "$groupidentify", "$set"}


class CountingService(FakeServer):
    """Base of all.

    Args:
        seed: of the faults.
        fault_rate: share of the requests that fail.

    Attributes:
        seen: eight bytes of what the service knows each event by, as often as it came.
    """

    def __init__(self, seed: int, fault_rate: float) -> None:
        super().__init__()
        self.seen = array("Q")
        self.requests = self.faults_played = 0
        self._fault_rate = fault_rate
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    @abstractmethod
    def take(self, path: str, content: Any) -> tuple[Iterable[str], bytes]:
        """Return what identifies each event of a request, and the answer to it."""

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Keep what identifies the events."""
        is_gzip = exchange.headers.get("content-encoding") == "gzip"
        names, answer = self.take(
            exchange.path, orjson.loads(gzip.decompress(body) if is_gzip else body)
        )
        digests = array("Q", b"".join(map(_digest, names)))
        with self._lock:
            self.seen.extend(digests)
            self.requests += 1
            self.journal.clear()
            if self._chance.random() < self._fault_rate:
                self.faults_played += 1
                self.misbehave(self._chance.choice(FAULTS))
        return Reply(200, answer)


class CountingPostHog(CountingService):
    """PostHog keeps one of events that are alike in uuid, name, distinct id and time."""

    def take(self, path: str, content: Any) -> tuple[Iterable[str], bytes]:  # noqa: ARG002 - one address
        """Take a batch."""
        events = [event for event in content["batch"] if event["event"] not in UPDATES]
        keys = ("uuid", "event", "distinct_id", "timestamp")
        return (repr([event[key] for key in keys]) for event in events), b'{"status":"Ok"}'


class CountingMixpanel(CountingService):
    """Mixpanel keeps one of events that are alike in insert id, name, distinct id and time."""

    def take(self, path: str, content: Any) -> tuple[Iterable[str], bytes]:
        """Take events, or updates of profiles."""
        if not path.startswith("/import"):
            return (), b'{"status":1,"error":null,"num_good_events":%d}' % len(content)
        keys = ("$insert_id", "$user_id", "$device_id", "distinct_id", "time")
        names = (repr([event["event"], *map(event["properties"].get, keys)]) for event in content)
        return names, b'{"code":200,"num_records_imported":%d,"status":"OK"}' % len(content)


class CountingAmplitude(CountingService):
    """Amplitude keeps one of events that are alike in device and insert id."""

    def take(self, path: str, content: Any) -> tuple[Iterable[str], bytes]:  # noqa: ARG002 - one address
        """Take a batch."""
        events = [event for event in content["events"] if event["event_type"] not in UPDATES]
        keys = ("device_id", "user_id", "insert_id")
        answer = b'{"code":200,"events_ingested":%d}' % len(content["events"])
        return (repr([event.get(key) for key in keys]) for event in events), answer


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
