"""Capture v1, request by request; its limits and words are restated here.

Sources: PostHog repository, rust/capture/src/v1; posthog-python, capture_v1.py.
"""

from __future__ import annotations

import gzip
import json
import pickle
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.io.transport import Transport
from singer_delivery.model import Event, Unmappable
from target_posthog.capture_v1 import EventsEndpoint, is_of_v1

from tests.fakes.http.server import DropConnection, LoseReply, TruncateBody
from tests.fakes.http.server import Reply as Answer
from tests.fakes.posthog import FakePostHog

KEY = "phc_test_key"
LIMITS = Limits(1_000, 5 * 1024 * 1024)
DAY = "2024-05-01T10:00:00.123456Z"


def uuid_of(number: int) -> str:
    return f"0192f0c1-2b8e-5d4e-9b1c-{number:012d}"


def event(number: int = 1, name: str = "Played", **properties: Any) -> Event:
    body = {
        "event": name,
        "distinct_id": f"ann {number}",
        "uuid": uuid_of(number),
        "timestamp": DAY,
        "properties": properties,
    }
    return Event("/batch/", "event", name, None, body)


def endpoint_at(url: str, key: str = KEY, *, historical: bool = True) -> EventsEndpoint:
    return EventsEndpoint(url, key, "9.8.7", historical_migration=historical, limits=LIMITS)


@pytest.fixture
def endpoint() -> EventsEndpoint:
    return endpoint_at("https://us.i.posthog.com")


@pytest.fixture
def posthog() -> Iterator[FakePostHog]:
    with FakePostHog(keep_bodies=True) as posthog:
        yield posthog


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("target-posthog/9.8.7")
    yield transport
    transport.close()


def request_of(endpoint: EventsEndpoint, *encoded: bytes) -> Request:
    """Return the request that carries these events, as the pipeline makes it."""
    before, after, is_gzipped = endpoint.envelope
    assert is_gzipped
    body = before + b",".join(map(endpoint.as_sent, encoded)) + after
    return endpoint.request(gzip.compress(body, mtime=0))


def judged(endpoint: EventsEndpoint, transport: Transport, *events: Event) -> Judgement:
    """Send events over HTTP and return what the endpoint makes of the reply."""
    encoded = [endpoint.as_sent(orjson.dumps(each.body)) for each in events]
    judgement = endpoint.judge(transport.send(request_of(endpoint, *encoded)), len(events))
    return judgement if judgement.named is None else judgement.named(encoded)


# The request --------------------------------------------------------------------------------


@pytest.mark.parametrize("historical", [True, False])
def test_the_envelope_holds_its_time_the_lane_and_the_events_and_no_key(historical):
    endpoint = endpoint_at("https://eu.i.posthog.com", historical=historical)
    request = request_of(endpoint, endpoint.encode(event(1, plan="pro")))
    body = json.loads(gzip.decompress(request.body))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", body.pop("created_at"))
    assert body == {
        "historical_migration": historical,
        "batch": [
            {
                "options": {"disable_skew_correction": True},
                "event": "Played",
                "distinct_id": "ann 1",
                "uuid": uuid_of(1),
                "timestamp": DAY,
                "properties": {"plan": "pro"},
            }
        ],
    }
    assert request.url == "https://eu.i.posthog.com/i/v1/analytics/events"


def test_the_key_travels_in_its_header_alone(endpoint):
    request = request_of(endpoint, endpoint.encode(event()))
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    others = {name: value for name, value in request.headers.items() if name != "Authorization"}
    assert KEY not in f"{request.url} {others} {gzip.decompress(request.body).decode()}"


def test_a_request_says_who_it_is_and_that_it_is_the_first_try(endpoint):
    headers = request_of(endpoint, endpoint.encode(event())).headers
    assert headers["PostHog-Sdk-Info"] == "target-posthog/9.8.7"
    assert headers["PostHog-Attempt"] == "1"
    assert UUID(headers["PostHog-Request-Id"])
    assert headers["PostHog-Request-Id"] != endpoint.request(b"").headers["PostHog-Request-Id"]


def test_a_try_keeps_the_id_and_the_body_and_counts(endpoint):
    first = request_of(endpoint, endpoint.encode(event()))
    third = first.again().again()
    assert third.body == first.body
    assert third.headers["PostHog-Request-Id"] == first.headers["PostHog-Request-Id"]
    assert third.headers["PostHog-Attempt"] == "3"
    assert third.headers["PostHog-Request-Timestamp"] > first.headers["PostHog-Request-Timestamp"]


def test_what_is_left_open_goes_on_under_the_same_id(endpoint):
    first = request_of(endpoint, endpoint.encode(event(1)), endpoint.encode(event(2))).again()
    rest = first.continued(request_of(endpoint, endpoint.encode(event(2))))
    assert [each["uuid"] for each in json.loads(gzip.decompress(rest.body))["batch"]] == [
        uuid_of(2)
    ]
    assert rest.headers["PostHog-Request-Id"] == first.headers["PostHog-Request-Id"]
    assert rest.headers["PostHog-Attempt"] == "3"


def test_a_process_that_maps_makes_the_same_body(endpoint):
    other = pickle.loads(pickle.dumps(endpoint))
    assert other.envelope == endpoint.envelope
    timeless = Event("/batch/", "person", "$set", None, {**event().body})
    del timeless.body["timestamp"]
    assert other.encode(timeless) == endpoint.encode(timeless)


def test_what_an_earlier_run_kept_for_v0_is_sent_in_the_shape_of_v1(endpoint):
    kept = orjson.dumps(event(1, **{"$session_id": "s"}).body)
    assert endpoint.as_sent(kept) == endpoint.encode(event(1, **{"$session_id": "s"}))


def test_what_is_sent_is_stored_unmoved_on_the_historical_lane(posthog, transport):
    sent = event(1, plan="pro", **{"$session_id": "s", "$process_person_profile": False})
    assert judged(endpoint_at(posthog.url), transport, sent).verdict is Verdict.DELIVERED
    [stored] = posthog.stored()
    assert (stored["event"], stored["distinct_id"], stored["uuid"]) == (
        "Played",
        "ann 1",
        uuid_of(1),
    )
    assert stored["timestamp"].startswith("2024-05-01T10:00:00.123456")
    assert stored["properties"] == {
        "plan": "pro",
        "$session_id": "s",
        "$process_person_profile": False,
        "$ignore_sent_at": True,
    }
    assert stored["historical"] is True
    assert posthog.journal[0].notes == set()


@pytest.mark.parametrize(("name", "fits"), [("n" * 200, True), ("n" * 201, False),
                                            ("ж" * 100, True), ("ж" * 101, False)])  # fmt: skip
def test_a_name_beyond_200_bytes_never_leaves(endpoint, name, fits):
    if fits:
        assert endpoint.encode(event(name=name))
        return
    with pytest.raises(Unmappable, match="rename_events") as caught:
        endpoint.encode(event(name=name))
    assert caught.value.reason == "event_name_too_long"


def test_the_size_is_measured_doubly_encoded_as_for_v0(endpoint):
    with pytest.raises(Unmappable) as caught:
        endpoint.encode(event(x='"' * 300_000))
    assert caught.value.reason == "event_too_large"


# Verdicts -----------------------------------------------------------------------------------


def test_each_event_gets_its_own(posthog, transport):
    posthog.say("drop", "event_restriction_drop", when=lambda each: each.uuid == uuid_of(2))
    posthog.say("retry", "not_persisted", when=lambda each: each.uuid == uuid_of(3))
    posthog.say("warning", "person_processing_disabled", when=lambda e: e.uuid == uuid_of(4))
    judgement = judged(endpoint_at(posthog.url), transport, *map(event, range(1, 6)))
    assert judgement.verdict is Verdict.DELIVERED
    assert {
        n: (each.verdict, each.reason, each.note) for n, each in judgement.exceptions.items()
    } == {
        1: (Verdict.REJECTED, "event_restriction_drop", ""),
        2: (Verdict.RETRIABLE, "not_persisted", ""),
        3: (Verdict.DELIVERED, "", "person_processing_disabled"),
    }


@pytest.mark.parametrize(
    "results",
    [
        {},
        {uuid_of(1): {"result": "ok"}},
        {uuid_of(1): {"result": "ok"}, uuid_of(7): {"result": "ok"}, uuid_of(8): {}},
        {uuid_of(1): {"result": "ok"}, uuid_of(2): "ok"},
    ],
)
def test_an_event_that_the_reply_does_not_name_is_not_delivered(endpoint, results):
    judgement = endpoint.judge(Reply(200, orjson.dumps({"results": results})), 2)
    assert judgement.named is not None
    of_two = judgement.named([endpoint.encode(event(1)), endpoint.encode(event(2))])
    assert of_two.exceptions[1].verdict is Verdict.RETRIABLE


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        ({"uuid": "17"}, "invalid_event_uuid"),
        ({"uuid": uuid_of(1)}, "duplicate_event_uuid"),
        ({"distinct_id": 7}, "request_parsing_error"),
        ({"timestamp": None}, "request_parsing_error"),
    ],
)
def test_a_batch_refused_for_one_event_is_searched(posthog, transport, change, tag):
    bad = event(2)
    bad.body.update(change)
    judgement = judged(endpoint_at(posthog.url), transport, event(1), bad)
    assert (judgement.verdict, judgement.reason) == (Verdict.REJECTED, "refused")
    assert judgement.detail == f"PostHog refused it: {tag}"
    assert len(posthog.arrivals) == 0


def error(tag: str) -> bytes:
    return orjson.dumps({"error": tag, "error_description": "ann@example.org", "error_uri": "u"})


@pytest.mark.parametrize(
    ("status", "tag"),
    [
        (400, "missing_required_headers"),
        (400, "invalid_header_value"),
        (400, "invalid_batch"),
        (400, "empty_batch"),
        (400, "request_decoding_error"),
        (415, "unsupported_encoding"),
    ],
)
def test_a_request_that_is_not_understood_stops_the_run_and_names_the_other_capture(
    endpoint, status, tag
):
    judgement = endpoint.judge(Reply(status, error(tag)), 3)
    assert judgement.verdict is Verdict.FATAL
    assert tag in judgement.detail
    assert "Set `capture` to v0" in judgement.detail
    assert "ann@example.org" not in judgement.detail


@pytest.mark.parametrize("body", [b"<html>400 Bad Request</html>", b"", b'{"error":"x"}', b"[1]"])
def test_a_400_of_anything_else_is_no_refusal_of_events(endpoint, body):
    judgement = endpoint.judge(Reply(400, body), 3)
    assert judgement.verdict is Verdict.FATAL
    assert "answered 400" in judgement.detail


@pytest.mark.parametrize("status", [404, 405])
def test_a_service_without_v1_says_so(endpoint, status):
    judgement = endpoint.judge(Reply(status), 3)
    assert judgement.verdict is Verdict.FATAL
    assert "has no capture v1. Set `capture` to v0 or auto" in judgement.detail


@pytest.mark.parametrize("key", ["phx_personal", "k" * 65])
def test_a_key_of_an_impossible_shape_stops_the_run(posthog, transport, key):
    judgement = judged(endpoint_at(posthog.url, key), transport, event())
    assert judgement.verdict is Verdict.FATAL
    assert "Check `api_key`" in judgement.detail
    assert key not in judgement.detail


def test_an_unknown_key_stops_the_run_where_capture_enforces_keys(transport):
    with FakePostHog(known_keys=["phc_other"], enforce_keys=True) as posthog:
        judgement = judged(endpoint_at(posthog.url), transport, event())
    assert (judgement.verdict, judgement.reason) == (Verdict.FATAL, "http 401")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(402, error("billing_limit_exceeded")),
        Reply(429, error("billing_limit_exceeded"), {"Retry-After": "1"}),
        Reply(402),
    ],
)
def test_a_billing_limit_stops_the_run_by_either_status(endpoint, reply):
    judgement = endpoint.judge(reply, 5)
    assert (judgement.verdict, judgement.reason) == (Verdict.FATAL, "quota_limited")
    assert "billing limit" in judgement.detail


@pytest.mark.parametrize("body", [b"", error("rate_limited")])
def test_a_429_of_any_other_kind_is_waited_out(endpoint, body):
    assert endpoint.judge(Reply(429, body), 5).verdict is Verdict.RETRIABLE


def test_a_body_that_is_too_large_is_a_rejection(endpoint):
    judgement = endpoint.judge(Reply(413, error("payload_too_large")), 5)
    assert (judgement.verdict, judgement.reason) == (Verdict.REJECTED, "event_too_large")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_trouble_of_the_service_is_waited_out(posthog, transport, status):
    posthog.misbehave(Answer(status, error("service_unavailable")))
    judgement = judged(endpoint_at(posthog.url), transport, event())
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, f"http {status}")


@pytest.mark.parametrize("act", [DropConnection(), LoseReply(), TruncateBody()])
def test_a_connection_that_breaks_is_tried_again(posthog, transport, act):
    posthog.misbehave(act)
    judgement = judged(endpoint_at(posthog.url), transport, event())
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "network")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 403, 410, 422])
def test_what_capture_never_answers_stops_the_run_and_names_the_host(endpoint, status):
    judgement = endpoint.judge(Reply(status, b"<html>phc_test_key</html>"), 3)
    assert (judgement.verdict, judgement.reason) == (Verdict.FATAL, f"http {status}")
    assert "`host`" in judgement.detail
    assert KEY not in judgement.detail


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>wifi</html>", b"[]", b"{}", b'{"status":"Ok"}', b'{"results":[]}', b"\xff"],
)
def test_a_200_that_is_not_of_v1_delivers_nothing(endpoint, body):
    judgement = endpoint.judge(Reply(200, body), 5)
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "no PostHog reply")


# The question -------------------------------------------------------------------------------


def test_the_question_holds_no_event_and_stores_none(posthog, transport):
    endpoint = endpoint_at(posthog.url)
    reply = transport.send(endpoint.question())
    assert (reply.status, json.loads(reply.body)["error"]) == (400, "empty_batch")
    assert is_of_v1(reply)
    assert len(posthog.arrivals) == 0


@pytest.mark.parametrize(
    ("reply", "has_it"),
    [
        (Reply(400, error("empty_batch")), True),
        (Reply(401, error("invalid_api_token")), True),
        (Reply(503, error("service_unavailable")), True),
        (Reply(404), False),
        (Reply(405), False),
        (Reply(404, b'{"error":"not_found"}'), False),
        (Reply(400, b"<html>"), False),
        (Reply(200, b'{"status":"Ok"}'), False),
        (Reply(503), False),
        (Reply(0, error="it broke"), False),
    ],
)
def test_only_an_error_of_its_own_shows_that_v1_is_there(reply, has_it):
    assert is_of_v1(reply) is has_it
