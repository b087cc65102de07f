"""The sink of the bench counts what comes, and says what the services say."""

from __future__ import annotations

import gzip
import json
import time

import pytest
import requests
from singer_delivery.endpoint import Limits, Reply
from target_posthog.capture_v1 import EventsEndpoint, is_of_v1

from bench.running_sink import RunningSink

V1 = "/i/v1/analytics/events"
LIMITS = Limits(10, 1_000)


@pytest.fixture
def sink():
    with RunningSink() as running:
        yield running


def post(sink, path, content, *, packed=False):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"Content-Encoding": "gzip"} if packed else {}
    return requests.post(
        sink.url + path, gzip.compress(body) if packed else body, headers=headers, timeout=10
    ).json()


def test_posthog_batches_are_counted_when_asked(sink):
    batch = {"api_key": "phc_x", "batch": [{"event": "a"}, {"event": "b"}]}

    assert post(sink, "/batch/", batch, packed=True) == {"status": "Ok"}
    assert post(sink, "/batch/", batch) == {"status": "Ok"}

    assert (sink.counts().events, sink.counts().requests) == (4, 2)


@pytest.mark.parametrize("packed", [True, False])
def test_capture_v1_says_of_each_event_that_it_is_taken(sink, packed):
    batch = [{"event": "a", "uuid": "1", "properties": {"uuid": "x"}}, {"event": "b", "uuid": "2"}]

    reply = post(sink, V1, {"created_at": "now", "batch": batch}, packed=packed)

    assert reply == {"results": {"1": {"result": "ok"}, "2": {"result": "ok"}}}
    assert (sink.counts().events, sink.counts().requests) == (2, 1)


def test_a_target_that_asks_for_capture_v1_learns_that_it_is_there(sink):
    endpoint = EventsEndpoint(sink.url, "phc_x", "1", historical_migration=True, limits=LIMITS)
    question = endpoint.question()

    reply = requests.post(question.url, question.body, headers=dict(question.headers), timeout=10)

    assert is_of_v1(Reply(reply.status_code, reply.content))
    assert (sink.counts().events, sink.counts().requests) == (0, 0)


def test_halves_of_surrogate_pairs_are_counted_too(sink):
    post(sink, "/batch/", rb'{"batch":[{"event":"\ud83d"}]}')

    assert sink.counts().events == 1


@pytest.mark.parametrize("separator", [":", ": "])
def test_imports_are_answered_with_how_many_they_were(sink, separator):
    event = b'{"event"' + separator.encode() + b'"a","properties":{"time":1}}'

    reply = post(sink, "/import?strict=1", b"[" + event + b"," + event + b"]", packed=True)

    assert reply == {"code": 200, "num_records_imported": 2, "status": "OK"}
    assert sink.counts().events == 2


@pytest.mark.parametrize("packed", [True, False])
def test_amplitude_is_answered_with_how_many_they_were(sink, packed):
    events = [
        {"event_type": "a", "insert_id": "1", "event_properties": {"$insert_id": "x"}},
        {"event_type": "$identify", "insert_id": "2"},
        {"event_type": "$groupidentify", "insert_id": "3"},
    ]

    reply = post(sink, "/batch", {"api_key": "k", "events": events}, packed=packed)

    assert (reply["code"], reply["events_ingested"]) == (200, 3)
    assert (sink.counts().events, sink.counts().updates) == (1, 2)


def test_updates_are_counted_apart(sink):
    reply = post(sink, "/engage?verbose=1", [{"$token": "t", "$set": {}}, {"$token": "t"}])

    assert reply == {"status": 1, "error": None, "num_good_events": 2}
    assert (sink.counts().events, sink.counts().updates) == (0, 2)


def test_bytes_are_counted_as_they_came(sink):
    post(sink, "/batch/", b'{"batch":[]}')

    assert sink.counts().body_bytes == 12


def test_replies_take_as_long_as_they_should():
    with RunningSink(0.2) as sink:
        start = time.monotonic()
        post(sink, "/batch/", {"batch": []})

        assert time.monotonic() - start >= 0.2
