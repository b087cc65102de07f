from __future__ import annotations

import gzip
import json

import pytest
import requests

from tests.fakes.amplitude_batch import (
    BROKEN,
    BUSY,
    FORBIDDEN,
    PAGE,
    RATE_LIMITED,
    Batch,
    FakeAmplitudeBatch,
    Violation,
)
from tests.fakes.http.server import DropConnection, LoseReply, ReplyAfter
from tests.fakes_tests.amplitude_batch.sending import START, Clock, body_of, event, post, send


def refused_by(body: bytes, *, path: str = "/batch", headers=None, **project) -> dict:
    """The body of the 400 to a request of which nothing may be stored."""
    with FakeAmplitudeBatch(**project) as amplitude:
        reply = post(amplitude, body, path, **(headers or {}))
    assert reply.status_code == 400
    assert len(amplitude.arrivals) == 0
    return reply.json()


def test_good_events_are_stored_as_they_were_sent():
    sent = event(event_properties={"total": 9.5})
    with FakeAmplitudeBatch(now=Clock()) as amplitude:
        reply = send(amplitude, sent)
        size = len(body_of(amplitude, sent))
    assert reply.status_code == 200
    assert reply.json() == {
        "code": 200,
        "events_ingested": 1,
        "payload_size_bytes": size,
        "server_upload_time": int(START.timestamp() * 1000),
    }
    assert list(amplitude.arrivals) == [{**sent, "request": 1}]
    assert amplitude.stored() == amplitude.arrivals
    assert amplitude.batches == [Batch(1, "/batch", 1, 1, size, 200)]
    assert amplitude.violations == []
    assert amplitude.journal[0].notes == set()


def test_no_events_are_no_mistake():
    with FakeAmplitudeBatch() as amplitude:
        assert send(amplitude).json()["events_ingested"] == 0


def test_packed_bodies_are_read_and_counted_plain():
    with FakeAmplitudeBatch() as amplitude:
        body = body_of(amplitude, event())
        reply = post(amplitude, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert reply.json()["payload_size_bytes"] == len(body)
    assert len(amplitude.stored()) == 1


@pytest.mark.parametrize(
    "path", ["/2/httpapi", "/identify", "/groupidentify", "/usermap", "/batch/", "/"]
)
def test_other_addresses_are_refused_and_held_against_the_sender(path):
    with FakeAmplitudeBatch() as amplitude:
        reply = post(amplitude, body_of(amplitude, event()), path)
    assert (reply.status_code, reply.json()["error"]) == (400, "Invalid request path")
    assert amplitude.violations == [Violation("another address was called", 1)]
    assert len(amplitude.arrivals) == 0


def test_another_method_is_another_address():
    with FakeAmplitudeBatch() as amplitude:
        reply = requests.get(f"{amplitude.url}/batch", timeout=10)
    assert reply.json() == {"code": 400, "error": "Invalid request path"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "Missing request body"),
        (b"{", "Invalid JSON request body"),
        (b"[]", "Invalid JSON request body"),
        (b'{"api_key": NaN}', "Invalid JSON request body"),
    ],
)
def test_what_is_no_json_object_is_refused(body, error):
    assert refused_by(body) == {"code": 400, "error": error}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "zstd"},
    ],
)
def test_what_the_headers_say_must_be_true_and_known(headers):
    body = body_of(FakeAmplitudeBatch(), event())
    assert refused_by(body, headers=headers)["error"] == "Invalid JSON request body"


def test_the_type_may_name_its_letters():
    with FakeAmplitudeBatch() as amplitude:
        kind = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert post(amplitude, body_of(amplitude, event()), **kind).status_code == 200


def test_an_amplitude_that_does_not_unzip_finds_no_json():
    body = gzip.compress(body_of(FakeAmplitudeBatch(), event()))
    error = refused_by(body, headers={"Content-Encoding": "gzip"}, unzips=False)["error"]
    assert error == "Invalid JSON request body"


def test_a_key_is_asked_for_and_a_foreign_one_is_told():
    missing = refused_by(json.dumps({"events": [event()]}).encode())
    assert missing == {
        "code": 400, "error": "Request missing required field", "missing_field": "api_key",
    }  # fmt: skip
    foreign = refused_by(json.dumps({"api_key": "of-the-eu", "events": [event()]}).encode())
    assert foreign == {"code": 400, "error": "Invalid API key: of-the-eu"}


def test_events_must_be_there_under_their_name():
    body = json.dumps({"api_key": FakeAmplitudeBatch().api_key, "Events": [event()]}).encode()
    assert refused_by(body) == {
        "code": 400, "error": "Request missing required field", "missing_field": "events",
    }  # fmt: skip


@pytest.mark.parametrize("events", [{}, "x", [1], [event(), None]])
def test_events_are_a_list_of_objects(events):
    body = json.dumps({"api_key": FakeAmplitudeBatch().api_key, "events": events}).encode()
    assert refused_by(body)["error"] == "Invalid event JSON"


@pytest.mark.parametrize("options", [7, {"min_id_length": "1"}, {"min_id_length": True}])
def test_options_are_read_strictly(options):
    body = body_of(FakeAmplitudeBatch(), event(), options=options)
    assert refused_by(body)["error"] == "Invalid JSON request body"


def test_too_many_events_are_413():
    with FakeAmplitudeBatch() as amplitude:
        assert send(amplitude, *map(event, range(2_000))).status_code == 200
        reply = send(amplitude, *map(event, range(2_001)))
    assert (reply.status_code, reply.json()) == (413, {"code": 413, "error": "Payload too large"})
    assert len(amplitude.arrivals) == 2_000


@pytest.mark.parametrize("zipped", [False, True])
def test_too_many_bytes_are_413_packed_or_not(zipped):
    with FakeAmplitudeBatch(max_body_bytes=1_000) as amplitude:
        body = body_of(amplitude, event(event_properties={"text": "x" * 1_000}))
        headers = {"Content-Encoding": "gzip"} if zipped else {}
        reply = post(amplitude, gzip.compress(body) if zipped else body, **headers)
    assert reply.status_code == 413
    assert len(amplitude.arrivals) == 0


def test_the_limit_of_bytes_is_restated():
    assert FakeAmplitudeBatch().max_body_bytes == 20_000_000


def test_the_firewall_forbids_a_text_anywhere():
    with FakeAmplitudeBatch(firewall=["<script>"]) as amplitude:
        bad = event(2, event_properties={"text": "a <script> b"})
        reply = send(amplitude, event(1), bad)
        assert send(amplitude, event(1)).status_code == 200
    assert (reply.status_code, reply.json()) == (403, {"code": 403, "error": "Forbidden"})
    assert len(amplitude.arrivals) == 1


@pytest.mark.parametrize("said", [BROKEN, BUSY, FORBIDDEN, PAGE, RATE_LIMITED])
def test_a_scripted_answer_comes_before_anything_is_stored(said):
    with FakeAmplitudeBatch() as amplitude:
        amplitude.misbehave(said)
        reply = send(amplitude, event())
    assert (reply.status_code, reply.content) == (said.status, said.body)
    assert len(amplitude.arrivals) == 0


def test_a_scripted_answer_may_come_after_all_is_stored():
    with FakeAmplitudeBatch() as amplitude:
        amplitude.misbehave(ReplyAfter(BROKEN))
        assert send(amplitude, event()).status_code == 500
    assert len(amplitude.stored()) == 1
    assert not amplitude.journal[0].is_answered


def test_a_connection_may_end_before_or_after():
    with FakeAmplitudeBatch() as amplitude:
        amplitude.misbehave(DropConnection(), LoseReply())
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                send(amplitude, event(1))
        assert len(amplitude.stored()) == 1
        send(amplitude, event(1))
    assert (len(amplitude.stored()), len(amplitude.duplicates())) == (1, 1)


def test_the_429_of_a_whole_project_has_three_keys():
    assert json.loads(RATE_LIMITED.body).keys() == {"code", "error", "eps_threshold"}
