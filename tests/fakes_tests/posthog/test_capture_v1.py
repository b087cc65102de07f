"""The limits and words of capture v1 are restated here; sources in `tests/fakes/posthog`."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import datetime, timedelta, timezone

import pytest
import requests

from tests.fakes.posthog import FakePostHog

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY = "2024-03-01T12:00:00+00:00"
STORED_DAY = "2024-03-01T12:00:00.000000Z"
PATH = "/i/v1/analytics/events"
MIB = 1024 * 1024


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def an_event(number: int = 1, **other) -> dict:
    """A good event; a value of ... takes the key out."""
    event = {
        "event": "Order Placed",
        "distinct_id": "ada",
        "uuid": uuid_of(number),
        "timestamp": DAY,
        "options": {"disable_skew_correction": True},
        "properties": {"total": 9.5},
        **other,
    }
    return {key: value for key, value in event.items() if value is not ...}


def a_batch(*events: dict, **other) -> dict:
    batch = {"created_at": DAY, "historical_migration": True, "batch": list(events), **other}
    return {key: value for key, value in batch.items() if value is not ...}


HEAD = {
    "Authorization": "Bearer phc_key",
    "Content-Type": "application/json",
    "PostHog-Sdk-Info": "a-sender/1.0",
    "PostHog-Attempt": "1",
    "PostHog-Request-Id": uuid_of(9),
    "PostHog-Request-Timestamp": NOW.isoformat(),
    "User-Agent": "a-sender/1.0",
}


def send(posthog: FakePostHog, body: dict | bytes, path: str = PATH, **headers: str | None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {**HEAD, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(posthog.url + path, data=data, headers=given, timeout=10)


def answer(body: dict | bytes, **headers: str | None) -> tuple[int, str]:
    """The status and the word of a refusal; nothing may be stored."""
    with FakePostHog(now=lambda: NOW) as posthog:
        reply = send(posthog, body, **headers)
        assert reply.status_code != 200
        assert not posthog.arrivals
        assert reply.json().keys() == {"error", "error_description", "error_uri"}
        return reply.status_code, reply.json()["error"]


def said_of(*events: dict, **headers: str) -> list[dict]:
    """What is said of each event, in order."""
    with FakePostHog(now=lambda: NOW) as posthog:
        reply = send(posthog, a_batch(*events), **headers)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["results"].values())


# Accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_a_good_event_is_ok_and_stored_with_what_is_said_beside_its_properties(path):
    beside = {"session_id": "s", "window_id": "w"}
    options = {"disable_skew_correction": True, "process_person_profile": False}
    with FakePostHog() as posthog:
        reply = send(posthog, a_batch(an_event(**beside, options=options)), path)
    assert (reply.status_code, reply.json()) == (200, {"results": {uuid_of(1): {"result": "ok"}}})
    assert "Retry-After" not in reply.headers
    assert list(posthog.arrivals) == [
        {
            "uuid": uuid_of(1),
            "event": "Order Placed",
            "distinct_id": "ada",
            "timestamp": STORED_DAY,
            "properties": {
                "total": 9.5,
                "$session_id": "s",
                "$window_id": "w",
                "$ignore_sent_at": True,
                "$process_person_profile": False,
            },
            "request": 1,
            "historical": True,
        }
    ]


def test_without_the_address_v1_is_not_there():
    with FakePostHog(has_v1=False) as posthog:
        assert send(posthog, a_batch(an_event())).status_code == 404
        assert not posthog.arrivals


def test_other_methods_are_not_served():
    with FakePostHog() as posthog:
        assert requests.get(posthog.url + PATH, timeout=10).status_code == 405


def test_ids_and_uuids_are_trimmed():
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(distinct_id=" ada\n", uuid=f" {uuid_of(1)} ")))
    [arrived] = posthog.arrivals
    assert (arrived["distinct_id"], arrived["uuid"]) == ("ada", uuid_of(1))


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=5), timedelta(days=-1)])
def test_the_clock_of_a_request_moves_its_events_unless_they_say_no(late):
    when = (NOW - late).isoformat()
    with FakePostHog(now=lambda: NOW) as posthog:
        events = [an_event(1), an_event(2, options={}), an_event(3, options=...)]
        send(posthog, a_batch(*events), PostHog_Request_Timestamp=when)
    times = [datetime.fromisoformat(each["timestamp"][:-1] + "+00:00") for each in posthog.arrivals]
    at = datetime.fromisoformat(DAY)
    assert times == [at, at + late, at + late]
    assert bool(posthog.journal[0].notes) is bool(late)


def test_a_moved_time_in_the_far_future_becomes_now_and_one_left_alone_does_not():
    future = "2026-01-02T00:00:00Z"
    with FakePostHog(now=lambda: NOW) as posthog:
        skewed = (NOW - timedelta(minutes=1)).isoformat()
        events = [an_event(1, timestamp=future), an_event(2, timestamp=future, options={})]
        send(posthog, a_batch(*events), PostHog_Request_Timestamp=skewed)
    assert [each["timestamp"][:10] for each in posthog.arrivals] == ["2026-01-02", "2026-01-01"]


# Compression ----------------------------------------------------------------------------------

PLAIN = json.dumps(a_batch(an_event())).encode()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (None, PLAIN),
        ("gzip", gzip.compress(PLAIN)),
        ("GZIP", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)[2:-4]),
    ],
)
def test_encodings_that_are_taken(encoding, body):
    headers = {"Content_Encoding": encoding} if encoding else {}
    with FakePostHog() as posthog:
        assert send(posthog, body, **headers).status_code == 200


@pytest.mark.parametrize("encoding", ["lz4", "identity", "gzip, gzip", "compress"])
def test_encodings_that_are_not(encoding):
    assert answer(PLAIN, Content_Encoding=encoding) == (415, "unsupported_encoding")


def test_nothing_is_sniffed():
    assert answer(gzip.compress(PLAIN)) == (400, "request_parsing_error")
    assert answer(PLAIN, Content_Encoding="gzip") == (400, "request_decoding_error")
    assert answer(gzip.compress(PLAIN)[:-9], Content_Encoding="gzip") == (
        400, "request_decoding_error",
    )  # fmt: skip


def test_what_follows_the_first_member_is_not_read():
    body = gzip.compress(PLAIN[:40]) + gzip.compress(PLAIN[40:])
    assert gzip.decompress(body) == PLAIN
    assert answer(body, Content_Encoding="gzip") == (400, "request_parsing_error")


# The head -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*HEAD][2:-1])
def test_every_header_is_demanded(name):
    assert answer(PLAIN, **{name.replace("-", "_"): None}) == (400, "missing_required_headers")


def test_a_content_type_is_demanded():
    assert answer(PLAIN, Content_Type=None) == (400, "missing_required_headers")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": "Basic phc_key"}, (400, "invalid_header_value")),
        ({"Authorization": "phc_key"}, (400, "invalid_header_value")),
        ({"Authorization": "Bearer phx_key"}, (401, "invalid_api_token")),
        ({"Authorization": "Bearer " + "k" * 65}, (401, "invalid_api_token")),
        ({"PostHog_Attempt": "0"}, (400, "invalid_header_value")),
        ({"PostHog_Attempt": "first"}, (400, "invalid_header_value")),
        ({"PostHog_Request_Id": "17"}, (400, "invalid_header_value")),
        ({"PostHog_Request_Timestamp": "2026-01-01T00:00:00"}, (400, "invalid_header_value")),
        ({"Content_Type": "text/plain"}, (415, "unsupported_content_type")),
    ],
)
def test_headers_that_are_wrong(headers, said):
    assert answer(PLAIN, **headers) == said


def test_no_authorization_is_401():
    with FakePostHog() as posthog:
        head = {key: value for key, value in HEAD.items() if key != "Authorization"}
        reply = requests.post(posthog.url + PATH, data=PLAIN, headers=head, timeout=10)
    assert reply.status_code == 401


def test_a_key_in_the_body_is_none():
    with FakePostHog(known_keys={"phc_key"}, enforce_keys=True) as posthog:
        reply = send(posthog, a_batch(an_event(), api_key="phc_key"), Authorization="Bearer phc_o")
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_api_token")


def test_where_keys_are_not_enforced_an_unknown_one_is_told_ok_and_its_events_are_nowhere():
    with FakePostHog(known_keys={"phc_other"}) as posthog:
        reply = send(posthog, a_batch(an_event()))
        assert reply.json() == {"results": {uuid_of(1): {"result": "ok"}}}
        assert not posthog.arrivals
        assert posthog.swallowed == {"unknown key": 1}


# The whole batch ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        (b"", "empty_body"),
        (b"{{{", "request_parsing_error"),
        (b"[]", "request_parsing_error"),
        (a_batch(), "empty_batch"),
        (a_batch(an_event(), created_at=...), "request_parsing_error"),
        (a_batch(an_event(), created_at="yesterday"), "invalid_batch"),
        (a_batch(an_event(), created_at="2026-01-01 00:00:00"), "invalid_batch"),
        (a_batch(an_event(), historical_migration="yes"), "request_parsing_error"),
        (a_batch(an_event(event=...)), "request_parsing_error"),
        (a_batch(an_event(uuid=...)), "request_parsing_error"),
        (a_batch(an_event(timestamp=...)), "request_parsing_error"),
        (a_batch(an_event(distinct_id=7)), "request_parsing_error"),
        (a_batch(an_event(session_id=7)), "request_parsing_error"),
        (a_batch(an_event(uuid="")), "missing_event_uuid"),
        (a_batch(an_event(uuid="17")), "invalid_event_uuid"),
        (a_batch(an_event(1), an_event(1)), "duplicate_event_uuid"),
        (a_batch(an_event(1), an_event(1, uuid=uuid_of(1).upper())), "duplicate_event_uuid"),
    ],
)
def test_what_refuses_the_batch_as_a_whole(body, tag):
    assert answer(body) == (400, tag)


def test_a_body_over_ten_mebibytes_is_413_however_it_is_compressed():
    assert answer(b" " * (10 * MIB + 1)) == (413, "payload_too_large")
    packed = gzip.compress(b" " * (50 * MIB + 1), 1)
    assert answer(packed, Content_Encoding="gzip") == (413, "payload_too_large")


# Single events --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "details"),
    [
        ({"event": ""}, "missing_event_name"),
        ({"event": "n" * 201}, "event_name_too_long"),
        ({"event": "ж" * 101}, "event_name_too_long"),
        ({"event": "$performance_event"}, "dropped_performance_event"),
        ({"distinct_id": "  "}, "missing_distinct_id"),
        ({"distinct_id": "ж" * 101}, "distinct_id_too_large"),
        ({"timestamp": "2024-03-01T12:00:00"}, "invalid_event_timestamp"),
        ({"timestamp": "2024-03-01"}, "invalid_event_timestamp"),
        ({"timestamp": "1709294400"}, "invalid_event_timestamp"),
        ({"properties": [1]}, "malformed_event_properties"),
        ({"options": {"process_person_profile": "no"}}, "invalid_options"),
        ({"options": [1]}, "invalid_options"),
        ({"options": {"disable_skew_adjustment": True}}, "invalid_options"),
        ({"properties": {"text": "x" * 1_000_000}}, "event_too_big"),
    ],
)
def test_what_drops_an_event_and_no_other(other, details):
    said = said_of(an_event(1), an_event(2, **other), an_event(3))
    assert said == [{"result": "ok"}, {"result": "drop", "details": details}, {"result": "ok"}]


@pytest.mark.parametrize("name", ["n" * 200, "ж" * 100])
def test_two_hundred_bytes_are_a_name(name):
    assert said_of(an_event(event=name)) == [{"result": "ok"}]


@pytest.mark.parametrize("distinct_id", ["null", " Anonymous ", "0", "[object Object]", "USER"])
def test_an_id_that_stands_for_nobody_is_taken_without_its_person(distinct_id):
    with FakePostHog() as posthog:
        reply = send(posthog, a_batch(an_event(distinct_id=distinct_id)))
        assert list(reply.json()["results"].values()) == [
            {"result": "ok", "details": "person_processing_disabled"}
        ]
        assert len(posthog.stored()) == 1
        assert posthog.people() == []


# On command -----------------------------------------------------------------------------------


def test_results_on_command_are_said_so_often_and_stored_only_where_taken():
    with FakePostHog() as posthog:
        posthog.say("retry", "not_persisted", when=lambda each: each.uuid == uuid_of(1))
        posthog.say("warning", "odd", when=lambda each: each.uuid == uuid_of(2), times=2)
        posthog.say("limited", when=lambda each: each.uuid == uuid_of(3))
        batch = a_batch(*map(an_event, (1, 2, 3, 4)))
        first, second = send(posthog, batch), send(posthog, batch)
    assert list(first.json()["results"].values()) == [
        {"result": "retry", "details": "not_persisted"},
        {"result": "warning", "details": "odd"},
        {"result": "limited"},
        {"result": "ok"},
    ]
    assert first.headers["Retry-After"] == "1"
    assert [each["result"] for each in second.json()["results"].values()] == [
        "ok", "warning", "ok", "ok",
    ]  # fmt: skip
    assert [each["uuid"] for each in posthog.arrivals] == [
        *map(uuid_of, (2, 4)), *map(uuid_of, (1, 2, 3, 4)),
    ]  # fmt: skip


def test_over_the_quota_v1_says_so_and_v0_says_nothing():
    with FakePostHog() as posthog:
        posthog.is_over_quota = True
        reply = send(posthog, a_batch(an_event()))
        assert (reply.status_code, reply.json()["error"]) == (402, "billing_limit_exceeded")
        old = {"api_key": "phc_key", "batch": [an_event(options=...)]}
        silent = requests.post(posthog.url + "/batch/", json=old, timeout=10)
        assert silent.json() == {"status": "Ok"}
        assert not posthog.arrivals
        assert posthog.swallowed == {"over quota": 1}
