"""The limits and words of PostHog's capture are restated here, apart from the code they test.

Sources: PostHog repository, rust/capture (router.rs, api.rs, token.rs); PostHog docs, "Capture
API", "Ingestion warnings", "Migrate to PostHog".
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.errors import SettingsError
from singer_delivery.io.transport import Transport
from singer_delivery.model import Event, Unmappable
from target_posthog.endpoint import (
    CLOUD_EVENTS_PER_SECOND,
    MAX_BYTES,
    MAX_EVENTS,
    BatchEndpoint,
    ingestion_host,
    is_cloud,
)

from tests.examples import examples
from tests.fakes.http.server import DropConnection, LoseReply, TruncateBody
from tests.fakes.http.server import Reply as Answer
from tests.fakes.posthog import FakePostHog
from tests.fakes.posthog.capture import Captured

KEY = "phc_test_key"
UUID = "0192f0c1-2b8e-5d4e-9b1c-3f6d2a7b8c90"
LIMITS = Limits(1_000, 5 * 1024 * 1024)
DOUBLY_ENCODED_LIMIT = 900_000


def event(name: Any = "Played", distinct_id: Any = "ann", **properties: Any) -> Event:
    body = {
        "event": name,
        "distinct_id": distinct_id,
        "uuid": UUID,
        "timestamp": "2024-05-01T10:00:00.123456Z",
        "properties": properties,
    }
    return Event("/batch/", "event", "Played", None, body)


def endpoint_at(url: str, key: str = KEY, *, historical: bool = True) -> BatchEndpoint:
    return BatchEndpoint(url, key, historical_migration=historical, limits=LIMITS)


@pytest.fixture
def endpoint() -> BatchEndpoint:
    return endpoint_at("https://us.i.posthog.com")


@pytest.fixture
def posthog() -> Iterator[FakePostHog]:
    with FakePostHog(keep_bodies=True) as posthog:
        yield posthog


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("target-posthog/test")
    yield transport
    transport.close()


def request_of(endpoint: BatchEndpoint, *encoded: bytes) -> Request:
    """Return the request that carries these events, as the pipeline makes it."""
    before, after, is_gzipped = endpoint.envelope
    assert is_gzipped
    body = before + b",".join(map(endpoint.as_sent, encoded)) + after
    return endpoint.request(gzip.compress(body, mtime=0))


def judged(endpoint: BatchEndpoint, transport: Transport, *events: Event) -> Judgement:
    """Send events over HTTP and return what the endpoint makes of the reply."""
    encoded = [json.dumps(each.body).encode() for each in events]
    return endpoint.judge(transport.send(request_of(endpoint, *encoded)), len(events))


def unpacked(endpoint: BatchEndpoint, *events: Event) -> dict[str, Any]:
    request = request_of(endpoint, *map(endpoint.encode, events))
    envelope: dict[str, Any] = json.loads(gzip.decompress(request.body))
    return envelope


# The request --------------------------------------------------------------------------------


def test_the_limits_are_those_that_posthog_s_documents_give():
    assert (MAX_EVENTS, MAX_BYTES) == (1_000, 5 * 1024 * 1024)
    assert CLOUD_EVENTS_PER_SECOND == 5_000


@pytest.mark.parametrize("historical", [True, False])
def test_the_envelope_holds_the_key_the_lane_and_the_events_and_nothing_else(historical):
    endpoint = endpoint_at("https://eu.i.posthog.com", historical=historical)
    first, second = event("A"), event("B")
    assert unpacked(endpoint, first, second) == {
        "api_key": KEY,
        "historical_migration": historical,
        "batch": [first.body, second.body],
    }


def test_no_time_of_sending_is_ever_said(endpoint):
    request = request_of(endpoint, endpoint.encode(event()))
    assert b"sent_at" not in gzip.decompress(request.body)
    assert "?" not in request.url
    assert {name.lower() for name in request.headers} == {"content-type", "content-encoding"}


def test_the_key_travels_in_the_body_alone(endpoint):
    request = request_of(endpoint, endpoint.encode(event()))
    assert KEY not in request.url
    assert KEY not in str(request.headers)
    assert KEY in gzip.decompress(request.body).decode()


def test_the_same_events_make_the_same_bytes(endpoint):
    encoded = [endpoint.encode(event(str(n))) for n in range(5)]
    assert request_of(endpoint, *encoded) == request_of(endpoint, *encoded)


def test_what_is_sent_is_stored_unmoved_on_the_historical_lane(posthog, transport):
    assert judged(endpoint_at(posthog.url), transport, event(plan="pro")).verdict is (
        Verdict.DELIVERED
    )
    [stored] = posthog.stored()
    assert stored["event"] == "Played"
    assert stored["distinct_id"] == "ann"
    assert stored["uuid"] == UUID
    assert stored["timestamp"].startswith("2024-05-01T10:00:00.123456")
    assert stored["properties"] == {"plan": "pro"}
    assert stored["historical"] is True
    assert not posthog.batches[0].sent_at


# Encoding -----------------------------------------------------------------------------------

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec=None)),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=examples(100), deadline=None)
@given(JSON)
def test_whatever_json_can_say_is_encoded_as_json(value):
    endpoint = endpoint_at("https://us.i.posthog.com")
    encoded = endpoint.encode(event(value=value))
    assert json.loads(encoded)["properties"] == {"value": value}


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 2**200])
def test_an_integer_of_any_size_keeps_its_digits(endpoint, number):
    assert str(number).encode() in endpoint.encode(event(number=number))


def test_a_lone_surrogate_is_escaped(endpoint):
    assert rb"\ud800" in endpoint.encode(event(text="a\ud800b"))


def deep(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", deep(100_000), 10**5_000, {"x": 2**70, "y": float("nan")}],
    ids=["a set", "bytes", "too deep", "too many digits", "no number"],
)
def test_what_json_cannot_say_is_unmappable(endpoint, value):
    with pytest.raises(Unmappable) as caught:
        endpoint.encode(event(value=value))
    assert caught.value.reason == "not_json"


def doubly_encoded(each: Event) -> int:
    """Bytes of the event's JSON as a JSON string, as a JSON library counts them."""
    inner = json.dumps(each.body, ensure_ascii=False, separators=(",", ":"))
    return len(json.dumps(inner, ensure_ascii=False).encode())


@pytest.mark.parametrize("filling", ["a", '"', "\\", "é", "🦆", "\n", "\x01"])
def test_the_size_is_measured_doubly_encoded(endpoint, filling):
    empty = doubly_encoded(event(x=""))
    each = doubly_encoded(event(x=filling)) - empty
    count, rest = divmod(DOUBLY_ENCODED_LIMIT - empty, each)
    at_the_limit = event(x=filling * count + "a" * rest)
    assert doubly_encoded(at_the_limit) == DOUBLY_ENCODED_LIMIT
    assert endpoint.encode(at_the_limit)
    beyond = event(x=filling * count + "a" * (rest + 1))
    with pytest.raises(Unmappable) as caught:
        endpoint.encode(beyond)
    assert caught.value.reason == "event_too_large"
    assert filling * 3 not in caught.value.detail


def test_what_the_endpoint_lets_through_capture_takes(endpoint):
    largest = event(x='"' * 224_900)
    encoded = endpoint.encode(largest)
    assert doubly_encoded(largest) > 890_000
    assert not Captured(UUID, "Played", "ann", "", encoded).is_too_big()


# Verdicts: every row of capture's table -----------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        event(name=""),
        event(distinct_id=""),
        event(distinct_id=None),
        event(distinct_id="   "),
        event(**{"$cookieless_mode": "yes"}),
        Event("/batch/", "event", "x", "ann", None, {"distinct_id": "ann"}),
        Event("/batch/", "event", "x", "ann", None, {**event().body, "uuid": "no uuid"}),
        Event("/batch/", "event", "x", "ann", None, {**event().body, "timestamp": 1}),
    ],
)
def test_one_bad_event_is_a_rejection_of_its_request(posthog, transport, bad):
    judgement = judged(endpoint_at(posthog.url), transport, event(), bad)
    assert judgement.verdict is Verdict.REJECTED
    assert judgement.reason == "refused"
    assert judgement.detail.startswith("PostHog refused it: ")
    assert len(posthog.arrivals) == 0


@pytest.mark.parametrize(
    ("said", "repeated"),
    [
        (b"event submitted with an empty event name", "an empty event name"),
        (b"event submitted without a distinct_id", "without a distinct_id"),
        (b"failed to hydrate events from request: someone@example.com", "failed to hydrate"),
        (b"failed to parse request: someone@example.com", "failed to parse request"),
        (b"request holds no event", "status 400"),
        (b"someone@example.com", "status 400"),
        (b"", "status 400"),
    ],
)
def test_a_refusal_repeats_what_capture_says_and_never_the_event(endpoint, said, repeated):
    judgement = endpoint.judge(Reply(400, said), 1)
    assert judgement.verdict is Verdict.REJECTED
    assert repeated in judgement.detail
    assert "someone@example.com" not in judgement.detail


@pytest.mark.parametrize("body", [b"<html>400 Bad Request</html>", b"\n <!DOCTYPE html>"])
def test_a_page_of_a_proxy_is_no_refusal_of_an_event(endpoint, body):
    assert endpoint.judge(Reply(400, body), 1_000).verdict is Verdict.FATAL


def test_a_request_that_arrives_unreadable_stops_the_run(endpoint):
    reply = Reply(400, b"failed to decode request: invalid GZIP data")
    assert endpoint.judge(reply, 10).verdict is Verdict.FATAL


@pytest.mark.parametrize("key", ["", "phx_personal", "k" * 65, "phc_ü"])
def test_a_key_of_an_impossible_shape_stops_the_run(posthog, transport, key):
    judgement = judged(endpoint_at(posthog.url, key), transport, event())
    assert judgement.verdict is Verdict.FATAL
    assert "api_key" in judgement.detail
    assert "right key" in judgement.detail
    assert not key or key not in judgement.detail


def test_an_unknown_key_stops_the_run_where_capture_enforces_keys(transport):
    with FakePostHog(known_keys=["phc_other"], enforce_keys=True) as posthog:
        assert judged(endpoint_at(posthog.url), transport, event()).verdict is Verdict.FATAL


def test_too_large_is_a_rejection(posthog, transport):
    judgement = judged(endpoint_at(posthog.url), transport, event(), event(x="x" * 1_100_000))
    assert judgement == Judgement(Verdict.REJECTED, "event_too_large", "PostHog: too large (413)")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 599])
def test_trouble_of_the_service_is_waited_out(posthog, transport, status):
    posthog.misbehave(Answer(status, b"transient error, please retry"))
    judgement = judged(endpoint_at(posthog.url), transport, event())
    assert judgement.verdict is Verdict.RETRIABLE
    assert judgement.reason == f"http {status}"


@pytest.mark.parametrize("act", [DropConnection(), LoseReply(), TruncateBody()])
def test_a_connection_that_breaks_is_tried_again(posthog, transport, act):
    posthog.misbehave(act)
    judgement = judged(endpoint_at(posthog.url), transport, event())
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "network")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 403, 404, 405, 410, 415, 422])
def test_what_capture_never_answers_stops_the_run_and_names_the_host(endpoint, status):
    judgement = endpoint.judge(Reply(status, b"<html>phc_test_key</html>"), 3)
    assert judgement.verdict is Verdict.FATAL
    assert judgement.reason == f"http {status}"
    assert "us.i.posthog.com" in judgement.detail
    assert "`host`" in judgement.detail
    assert KEY not in judgement.detail


def test_a_billing_limit_stops_the_run_and_says_where_to_raise_it(endpoint):
    for reply in (
        Reply(402),
        Reply(200, b'{"status":1,"quota_limited":["events"]}'),
        Reply(200, b'{"status":"Ok","quota_limited":["recordings","events"]}'),
    ):
        judgement = endpoint.judge(reply, 5)
        assert judgement.verdict is Verdict.FATAL
        assert "billing limit" in judgement.detail


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"Ok"}',
        b'{"status":"ok"}',
        b'{"status":1}',
        b'{"status":1,"quota_limited":["recordings"]}',
        b'{"status":1,"quota_limited":null}',
    ],
)
def test_posthog_s_own_200_is_a_delivery(endpoint, body):
    assert endpoint.judge(Reply(200, body), 5) == Judgement(Verdict.DELIVERED)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Log in to the hotel's wifi</html>", b"[]", b"null", b"{}", b'{"status":"error"}',
     b'{"status":0}', b'{"status":["Ok"]}', b"\xff\xfe", b'{"status":"O'],
)  # fmt: skip
def test_a_200_that_is_not_posthog_s_delivers_nothing(endpoint, body):
    judgement = endpoint.judge(Reply(200, body), 5)
    assert judgement.verdict is Verdict.RETRIABLE
    assert "us.i.posthog.com" in judgement.detail


def test_no_verdict_quotes_the_login_of_an_address():
    endpoint = endpoint_at("https://someone:pass@proxy.example.com:8443/ph")
    for reply in (Reply(0, error="it broke"), Reply(503), Reply(404), Reply(200, b"hello")):
        detail = endpoint.judge(reply, 1).detail
        assert "proxy.example.com:8443" in detail
        assert "pass" not in detail.replace("passed", "")
        assert "someone" not in detail


# The address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://us.i.posthog.com", "https://us.i.posthog.com"),
        ("https://us.i.posthog.com/", "https://us.i.posthog.com"),
        (" https://eu.i.posthog.com// ", "https://eu.i.posthog.com"),
        ("https://app.posthog.com", "https://us.i.posthog.com"),
        ("https://us.posthog.com/project/1", "https://us.i.posthog.com"),
        ("https://EU.posthog.com", "https://eu.i.posthog.com"),
        ("http://eu.posthog.com", "https://eu.i.posthog.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://proxy.example.com/ingest/", "https://proxy.example.com/ingest"),
    ],
)
def test_the_host_is_taken_as_it_is_meant(given, meant):
    assert ingestion_host(given) == meant
    assert endpoint_at(given).request(b"").url == f"{meant}/batch/"


@pytest.mark.parametrize(
    "given",
    ["", "us.i.posthog.com", "ftp://us.i.posthog.com", "https://", "http://[::1", "http://h:99999",
     "http://h:port"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_in_a_sentence(given):
    with pytest.raises(SettingsError, match="host must be an address"):
        ingestion_host(given)


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        ("https://us.i.posthog.com", True),
        ("https://EU.I.PostHog.com/", True),
        (" https://app.posthog.com", True),
        ("https://posthog.com", True),
        ("https://posthog.com.example.com", False),
        ("https://notposthog.com", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_posthog_s_own_hosts_are_told_from_others(host, cloud):
    assert is_cloud(host) is cloud
