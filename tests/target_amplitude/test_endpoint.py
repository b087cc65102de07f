"""What Amplitude's replies mean, restated from its docs apart from the code under test.

Sources: Amplitude docs, "Batch Event Upload API", "HTTP V2 API"; bodies seen in issues of its SDKs.
"""

from __future__ import annotations

import gzip
import json
import pickle
from typing import Any

import pytest
from singer_delivery.endpoint import Hold, Judgement, Limits, Reply, Request, Verdict
from singer_delivery.io.compression import deflated, gzipped
from singer_delivery.model import Event, Unmappable
from target_amplitude.account import Account
from target_amplitude.endpoint import MAX_BYTES, MAX_EVENTS, BatchEndpoint

KEY = "0123456789abcdef0123456789abcdef"
ACCOUNT = Account("https://api2.amplitude.com", KEY)
THROTTLED, QUOTA = Hold.THROTTLED, Hold.QUOTA


def endpoint(**options: Any) -> BatchEndpoint:
    return BatchEndpoint(ACCOUNT, Limits(1_000, 10_000_000), **options)


def reply(status: int, **body: Any) -> Reply:
    return Reply(status, json.dumps({"code": status, **body}).encode())


def judged(of: Reply, count: int = 10) -> Judgement:
    return endpoint().judge(of, count)


def rejected(judgement: Judgement) -> set[int]:
    return {i for i, of in judgement.exceptions.items() if of.verdict is Verdict.REJECTED}


def parked(judgement: Judgement) -> set[int]:
    return {i for i, of in judgement.exceptions.items() if of.verdict is Verdict.PARKED}


def test_a_body_has_the_key_the_options_and_the_events():
    of = endpoint(min_id_length=3)
    before, after, is_gzipped = of.envelope
    request = of.request(gzipped([deflated(before + b'{"a":1}' + after)]))

    assert is_gzipped
    assert request.url == "https://api2.amplitude.com/batch"
    assert request.headers == {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert json.loads(gzip.decompress(request.body)) == {
        "api_key": KEY, "options": {"min_id_length": 3}, "events": [{"a": 1}],
    }  # fmt: skip


def test_the_defaults_are_half_of_what_amplitude_takes():
    assert (MAX_EVENTS, MAX_BYTES) == (1_000, 10_000_000)


def test_the_key_stands_in_no_event_and_in_no_picture_of_the_project():
    event = Event("/batch", "event", "Played", None, {"event_type": "Played"})
    assert KEY.encode() not in endpoint().as_sent(endpoint().encode(event))
    assert KEY not in repr(ACCOUNT)
    assert pickle.loads(pickle.dumps(endpoint())).envelope == endpoint().envelope


def test_an_event_that_no_request_can_carry_is_a_dead_letter():
    event = Event("/batch", "event", "Played", None, {"text": "x" * 20_000_000})
    with pytest.raises(Unmappable) as caught:
        endpoint().encode(event)
    assert caught.value.reason == "event_too_large"


# 200 -----------------------------------------------------------------------------------------


def test_a_200_delivers():
    assert judged(reply(200, events_ingested=10)) == Judgement(Verdict.DELIVERED)


def test_another_number_of_ingested_events_is_counted():
    judgement = judged(reply(200, events_ingested=9))
    assert (judgement.verdict, judgement.note) == (Verdict.DELIVERED, "ingested_differs")


@pytest.mark.parametrize(
    "body", [b"<html>please log in</html>", b"", b"[]", b"success", b'{"events_ingested": 10}']
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_body_that_is_not_amplitudes_is_tried_again(status, body):
    if status == 400 and body.startswith(b"{"):
        return
    judgement = judged(Reply(status, body))
    assert judgement.verdict is Verdict.RETRIABLE
    assert judgement.again.is_counted


def test_the_code_in_a_200_counts():
    of = Reply(200, json.dumps({"code": 400, "error": "x", "events_with_missing_fields":
                                {"event_type": [3]}}).encode())  # fmt: skip
    assert rejected(judged(of)) == {3}


# 400 -----------------------------------------------------------------------------------------

FAULTS = [
    ("Request missing required field", {"events_with_missing_fields": {"event_type": [3, 6]}}),
    ("Invalid field values on some events", {"events_with_invalid_fields": {"t": [3], "a": [6]}}),
    ("Invalid id length for user_id or device_id",
     {"events_with_invalid_id_lengths": {"user_id": [3], "device_id": [6, 99, -1, "7", None]}}),
    ("Events silenced for device_id",
     {"silenced_events": [3, 6], "silenced_devices": ["d"], "throttled_events": []}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "parts"), FAULTS)
def test_the_named_are_refused_and_the_others_sent_again_at_once(error, parts):
    judgement = judged(reply(400, error=error, **parts))

    assert rejected(judgement) == {3, 6}
    assert judgement.verdict is Verdict.RETRIABLE
    assert (judgement.again.after, judgement.again.is_counted) == (0.0, False)


def test_a_dead_letter_says_field_and_words():
    judgement = judged(reply(400, error=f"Invalid {KEY}", events_with_invalid_fields={"time": [0]}))
    detail = judgement.exceptions[0].detail
    assert "`time`" in detail
    assert "Invalid …" in detail
    assert KEY not in str(judgement)


def test_beside_silenced_events_throttled_ones_are_parked():
    judgement = judged(reply(400, error="Events silenced for device_id", silenced_events=[1],
                             silenced_devices=["s"], throttled_events=[2, 3],
                             throttled_devices={"t": 1001},
                             exceeded_daily_quota_devices={"q": 500_001}))  # fmt: skip
    assert rejected(judgement) == {1}
    assert judgement.exceptions[1].reason == "silenced"
    assert parked(judgement) == {2, 3}
    assert judgement.parked == {"device:t": THROTTLED, "device:q": QUOTA}


@pytest.mark.parametrize(
    "of", [reply(400, error="Invalid event JSON"), reply(400, error="x"),
           reply(400, error="x", events_with_missing_fields={"a": [99]}),
           reply(400, error="x", events_with_missing_fields="odd")],
)  # fmt: skip
def test_a_400_that_names_nobody_is_searched_in_halves(of):
    judgement = judged(of)
    assert (judgement.verdict, judgement.exceptions) == (Verdict.REJECTED, {})


@pytest.mark.parametrize("key", [f": {KEY}", ""])
def test_a_wrong_key_or_region_says_so_without_the_key(key):
    judgement = judged(reply(400, error=f"Invalid API key{key}"))
    assert judgement.verdict is Verdict.FATAL
    for word in ("`api_key`", "`region`", "eu", "api2.amplitude.com"):
        assert word in judgement.detail
    assert KEY not in str(judgement)


@pytest.mark.parametrize(
    "of",
    [
        reply(400, error="Request missing required field", missing_field="api_key"),
        reply(400, error="Invalid request path"),
        reply(400, error="Missing request body"),
        reply(400, error="Invalid JSON request body"),
        Reply(302, b"", {"Location": "https://elsewhere.test"}),
        Reply(404, b"not here"),
        Reply(401, b""),
    ],
)
def test_what_no_event_is_at_fault_for_stops_the_run(of):
    assert judged(of).verdict is Verdict.FATAL


# 429 and the rest ------------------------------------------------------------------------------


def test_throttled_ids_are_parked_by_what_they_wait_for():
    judgement = judged(reply(429, error="Too many requests for some devices and users",
                             eps_threshold=1000, throttled_devices={"d": 1500},
                             throttled_users={"u": 1200}, throttled_events=[0, 4],
                             exceeded_daily_quota_devices={"q": 500_009},
                             exceeded_daily_quota_users={"u": 600_000}))  # fmt: skip
    assert judgement.parked == {"device:d": THROTTLED, "user:u": QUOTA, "device:q": QUOTA}
    assert parked(judgement) == {0, 4}
    assert judgement.verdict is Verdict.RETRIABLE
    assert judgement.again.after == 0.0


@pytest.mark.parametrize(
    "of", [reply(429, error="Too many requests", eps_threshold=1000), Reply(429, b"slow down"),
           reply(429, error="x", throttled_events=[], throttled_devices={})],
)  # fmt: skip
def test_a_429_that_names_nobody_lets_all_wait_for_a_minute_and_without_end(of):
    again = judged(of).again
    assert (again.after, again.is_counted, again.is_for_all) == (60.0, False, True)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
def test_what_passes_by_itself_is_tried_again(status):
    judgement = judged(Reply(status, error="no reply"))
    assert (judgement.verdict, judgement.again.is_counted) == (Verdict.RETRIABLE, True)


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (413, "event_too_large")])
def test_a_403_and_a_413_are_searched_in_halves(status, reason):
    judgement = judged(Reply(status, b"<html>"))
    assert (judgement.verdict, judgement.reason) == (Verdict.REJECTED, reason)


def test_after_a_413_later_requests_stay_smaller():
    of = endpoint()
    of.judge(reply(413, error="Payload too large"), 800)
    assert of.limits.max_events == 400
    of.judge(reply(413, error="Payload too large"), 1)
    assert of.limits.max_events == 400


# The opening request ---------------------------------------------------------------------------


class Answers:
    """Answers in turn, and keeps the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.left, self.sent = list(replies), list[Request]()

    def send(self, request: Request) -> Reply:
        self.sent.append(request)
        return self.left.pop(0)


def test_the_opening_request_holds_no_event():
    sender = Answers(reply(200, events_ingested=0))
    endpoint().opening(sender)
    (request,) = sender.sent
    assert json.loads(gzip.decompress(request.body))["events"] == []


@pytest.mark.parametrize("of", [Reply(415), reply(400, error="Invalid JSON request body")])
def test_where_compressed_bodies_are_refused_plain_ones_go(of):
    it, sender = endpoint(), Answers(of, reply(200, events_ingested=0))
    it.opening(sender)
    assert json.loads(sender.sent[1].body)["events"] == []
    assert "Content-Encoding" not in sender.sent[1].headers
    assert (it.envelope.is_gzipped, it.is_packed) == (False, False)
