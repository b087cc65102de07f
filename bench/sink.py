"""A sink for benchmarks: answers as the destinations do, and costs next to nothing.

`python -m bench.sink` prints its address and serves until it is ended; it can answer after a set
latency. `GET /counts` tells what came, and what it cost. Nothing is validated: the fakes of the
tests do that.

The reply of PostHog's capture v0 says nothing of the events, so bodies for `/batch/` go to a
temporary file as they came and are unpacked when the counts are asked for, after the run. Capture
v1 answers for each event, Mixpanel's `/import` and Amplitude's `/batch` say how many they took, so
these bodies are unpacked at once.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import orjson
from isal import igzip

EVENT, SPACED_EVENT = b'{"event":"', b'{"event": "'
"""How an event begins, as compact JSON and as Python's json writes it; and nothing within it."""

UPDATE = b'"$token":'
"""What stands once in an update of a profile."""

V0, V1 = b"/batch/", b"/i/v1/analytics/events"
"""PostHog's addresses; Amplitude's is `/batch`, without another stroke."""

INSERT_ID = re.compile(rb'"insert_id": ?"')
CALL = re.compile(rb'"event_type": ?"\$(?:group)?identify"')
"""What stands once in everything that is sent to Amplitude, and once in updates."""
OK, BAD_REQUEST = b"200 OK", b"400 Bad Request"
ANSWER = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
QUESTION = b"(check)"
"""Stands in the user agent of what a target asks before a run."""

YES = b'{"code":200,"flags":{},"num_records_imported":0,"events_ingested":0}'
"""Says yes to it, whichever service is meant."""

EMPTY = b'{"error":"empty_batch","error_description":"batch is empty"}'
"""What capture v1 says to a request without events, by which a target learns that it is there."""

REPEATED = (
    b'{"error":"duplicate_event_uuid","error_description":"two events of the batch have one uuid"}'
)
REFUSALS = (EMPTY, REPEATED)
"""Answers of capture v1 that are no 200."""


@dataclass(frozen=True)
class Counts:
    """What came: requests, events, updates of profiles, bytes of bodies; what it cost."""

    requests: int = 0
    events: int = 0
    updates: int = 0
    body_bytes: int = 0
    cpu_seconds: float = 0.0


class Spool:
    """Bodies in a temporary file without a name, to be counted later."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._bodies: list[tuple[int, bool]] = []

    def keep(self, body: bytes, *, is_gzip: bool) -> None:
        """Write a body to the end of the file."""
        self._file.write(body)
        self._bodies.append((len(body), is_gzip))

    def count(self) -> int:
        """Return how many events are in the bodies."""
        return sum(len(_parsed(content)["batch"]) for content in self._contents())

    def _contents(self) -> Iterator[bytes]:
        self._file.seek(0)
        for size, is_gzip in self._bodies:
            body = self._file.read(size)
            yield igzip.decompress(body) if is_gzip else body


class Sink:
    """Serves connections on 127.0.0.1, a thread each: reading and unpacking need no turns.

    Args:
        latency: seconds before each answer.
    """

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._spool = Spool()
        self._requests = self._events = self._updates = self._body_bytes = 0
        self._lock = threading.Lock()
        self._cpu_before = time.process_time()
        self._answers = {
            V1: self._posthog,
            b"/batch": self._amplitude,
            b"/import": self._mixpanel,
            b"/engage": self._profiles,
            b"/groups": self._profiles,
        }

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection, one after the other."""
        with connection, connection.makefile("rb") as reader:
            while head := _head(reader):
                body = reader.read(_length(head))
                path = head.split(b" ", 2)[1]
                is_gzip = b"content-encoding: gzip" in head
                is_question = QUESTION in head
                answer = YES if is_question else self._answer(path, body, is_gzip=is_gzip)
                if self._latency and path != b"/counts":
                    time.sleep(self._latency)
                status = BAD_REQUEST if answer in REFUSALS else OK
                connection.sendall(ANSWER % (status, len(answer), answer))

    def counts(self) -> Counts:
        """Return what came so far."""
        cpu = time.process_time() - self._cpu_before
        events = self._events + self._spool.count()
        return Counts(self._requests, events, self._updates, self._body_bytes, cpu)

    def _answer(self, path: bytes, body: bytes, *, is_gzip: bool) -> bytes:
        if path == b"/counts":
            return json.dumps(asdict(self.counts())).encode()
        if path.startswith(V0):
            with self._lock:
                self._note(body)
                self._spool.keep(body, is_gzip=is_gzip)
            return b'{"status":"Ok"}'
        answer = self._answers.get(path.partition(b"?")[0])
        return answer(body, igzip.decompress(body) if is_gzip else body) if answer else b"{}"

    def _posthog(self, body: bytes, content: bytes) -> bytes:
        """Answer as PostHog's capture v1 does."""
        ids = [event["uuid"] for event in _parsed(content)["batch"]]
        if not ids:
            return EMPTY
        if len(set(ids)) < len(ids):
            return REPEATED
        with self._lock:
            self._note(body, events=len(ids))
        return orjson.dumps({"results": {name: {"result": "ok"} for name in ids}})

    def _amplitude(self, body: bytes, content: bytes) -> bytes:
        count, updates = len(INSERT_ID.findall(content)), len(CALL.findall(content))
        with self._lock:
            self._note(body, events=count - updates, updates=updates)
        return b'{"code":200,"events_ingested":%d,"payload_size_bytes":%d}' % (count, len(content))

    def _mixpanel(self, body: bytes, content: bytes) -> bytes:
        events = content.count(EVENT) or content.count(SPACED_EVENT)
        with self._lock:
            self._note(body, events=events)
        return b'{"code":200,"num_records_imported":%d,"status":"OK"}' % events

    def _profiles(self, body: bytes, content: bytes) -> bytes:
        """Answer as Mixpanel does for updates of profiles."""
        updates = content.count(UPDATE)
        with self._lock:
            self._note(body, updates=updates)
        return b'{"status":1,"error":null,"num_good_events":%d}' % updates

    def _note(self, body: bytes, *, events: int = 0, updates: int = 0) -> None:
        self._requests += 1
        self._body_bytes += len(body)
        self._events += events
        self._updates += updates


def _head(reader: BinaryIO) -> bytes:
    """Return the lines before a body, in lower case; nothing when the connection ends."""
    lines = []
    while (line := reader.readline()) not in (b"\r\n", b""):
        lines.append(line)
    return b"".join(lines).lower()


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # halves of surrogate pairs, which Python's json writes
        return json.loads(content)


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.sink")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    sink = Sink(parser.parse_args().latency)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(sink, connection), daemon=True).start()


def _serve(sink: Sink, connection: socket.socket) -> None:
    with suppress(ConnectionError):  # a client that is killed or in a hurry
        sink.serve(connection)


if __name__ == "__main__":
    main()
