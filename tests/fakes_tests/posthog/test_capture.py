from __future__ import annotations

import gzip
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import requests

from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.server import DropConnection, LoseReply
from tests.fakes.posthog import FakePostHog, normalised

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY = "2024-03-01T12:00:00+00:00"


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def an_event(number: int = 1, **other) -> dict:
    """A good event; a value of ... takes the key out."""
    event = {
        "event": "Order Placed",
        "distinct_id": "ada",
        "uuid": uuid_of(number),
        "timestamp": DAY,
        "properties": {"total": 9.5},
        **other,
    }
    return {key: value for key, value in event.items() if value is not ...}


def a_batch(*events: dict, **other) -> dict:
    batch = {"api_key": "phc_key", "historical_migration": True, "batch": list(events), **other}
    return {key: value for key, value in batch.items() if value is not ...}


def send(posthog: FakePostHog, body: dict | bytes, path: str = "/batch/", **headers: str):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(posthog.url + path, data=data, headers=headers, timeout=10)


def answer(body: dict | bytes, **headers: str) -> tuple[int, str]:
    """What PostHog says to it; nothing may be stored unless it is 200."""
    with FakePostHog(now=lambda: NOW) as posthog:
        reply = send(posthog, body, **headers)
        assert reply.status_code == 200 or not posthog.arrivals
        return reply.status_code, reply.text


# Accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/batch/", "/batch"])
def test_a_good_batch_is_ok_and_stored_as_it_was_sent(path):
    with FakePostHog() as posthog:
        reply = send(posthog, a_batch(an_event()), path)
    assert (reply.status_code, reply.json()) == (200, {"status": "Ok"})
    assert list(posthog.arrivals) == [
        {
            "uuid": uuid_of(1),
            "event": "Order Placed",
            "distinct_id": "ada",
            "timestamp": "2024-03-01T12:00:00.000000Z",
            "properties": {"total": 9.5},
            "request": 1,
            "historical": True,
        }
    ]
    assert posthog.journal[0].notes == set()


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}])
def test_gzip_is_known_by_its_header_or_its_first_bytes(headers):
    body = gzip.compress(json.dumps(a_batch(an_event())).encode())
    assert answer(body, **headers)[0] == 200


def test_other_addresses_and_methods_are_not_served():
    with FakePostHog() as posthog:
        assert send(posthog, a_batch(an_event()), "/nowhere/").status_code == 404
        assert requests.get(posthog.url + "/batch/", timeout=10).status_code == 405
        assert not posthog.arrivals
        assert not posthog.batches


def test_without_the_flag_a_batch_is_not_historical():
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(), historical_migration=...))
    assert posthog.arrivals[0]["historical"] is False
    assert posthog.batches[0].historical is False


def test_batches_tell_events_and_bytes_of_each_request():
    body = json.dumps(a_batch(an_event(1), an_event(2))).encode()
    with FakePostHog() as posthog:
        send(posthog, gzip.compress(body))
        send(posthog, a_batch())
    first, second = posthog.batches
    assert (first.events, first.bytes, first.status, first.request) == (2, len(body), 200, 1)
    assert (second.events, second.status, second.request) == (0, 400, 2)


def test_arrivals_can_be_counted_sliced_and_compared():
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(1), an_event(2), an_event(3)))
    assert len(posthog.arrivals) == 3
    assert [event["uuid"] for event in posthog.arrivals[1:]] == [uuid_of(2), uuid_of(3)]
    assert posthog.arrivals[-1]["uuid"] == uuid_of(3)
    assert posthog.arrivals == posthog.stored() == list(posthog.arrivals)
    assert posthog.arrivals != posthog.arrivals[1:]


# Refused, all of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\x1f\x8b no gzip", "failed to decode request"),
        (gzip.compress(b"[" * 5_000)[:-9], "failed to decode request"),
        (b"", "request missing data payload"),
        (b"{", "failed to parse request"),
        (b'{"batch": NaN}', "failed to parse request"),
        (b'"\xff"', "failed to parse request"),
        (b"[]", "failed to hydrate events"),
        (b'{"api_key": "phc_key"}', "failed to hydrate events"),
        (a_batch(an_event(), historical_migration="yes"), "failed to hydrate events"),
        (a_batch(), "request holds no event"),
    ],
)
def test_an_unreadable_request_is_a_400(body, text):
    status, said = answer(body)
    assert status == 400
    assert said.startswith(text)


def test_a_body_said_to_be_gzip_must_be():
    assert answer(b'{"batch": []}', **{"Content-Encoding": "gzip"})[0] == 400


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"event": ""}, "event submitted with an empty event name"),
        ({"event": ...}, "failed to hydrate events"),
        ({"event": 7}, "failed to hydrate events"),
        ({"distinct_id": ...}, "event submitted without a distinct_id"),
        ({"distinct_id": None}, "event submitted without a distinct_id"),
        ({"distinct_id": ""}, "event submitted without a distinct_id"),
        ({"distinct_id": " \t"}, "event submitted without a distinct_id"),
        ({"uuid": "no uuid"}, "failed to hydrate events"),
        ({"uuid": uuid_of(1)[:-1]}, "failed to hydrate events"),
        ({"uuid": 7}, "failed to hydrate events"),
        ({"timestamp": 1709294400}, "failed to hydrate events"),
        ({"properties": None}, "failed to hydrate events"),
        ({"properties": [1]}, "failed to hydrate events"),
        ({"$set": "plan"}, "failed to hydrate events"),
        ({"$set_once": ["plan"]}, "failed to hydrate events"),
        ({"properties": {"$cookieless_mode": "on"}}, "$cookieless_mode"),
    ],
)
def test_one_bad_event_refuses_the_whole_batch(change, text):
    status, said = answer(a_batch(an_event(1), an_event(2, **change), an_event(3)))
    assert status == 400
    assert said.startswith(text)


def test_a_body_over_20_mib_is_a_413_packed_or_not():
    limit = 20 * 1024 * 1024
    full = json.dumps(a_batch(an_event())).encode().ljust(limit)
    assert answer(full)[0] == 200
    assert answer(full + b" ")[0] == 413
    assert answer(gzip.compress(full + b" ", 1))[0] == 413
    stored = gzip.compress(full, 0)
    assert len(stored) > limit
    assert answer(stored)[0] == 413


# The key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["phx_personal", "p" * 65, "phc_kéy", "", "  ", "phc_\0", 7])
def test_a_key_of_an_impossible_shape_is_a_401(key):
    status, said = answer(a_batch(an_event(), api_key=key))
    assert (status, said.split(":")[0]) == (401, "API key is not valid")


def test_no_key_is_a_401():
    assert answer(a_batch(an_event(), api_key=...)) == (401, "event submitted without an api_key")


def test_events_may_carry_the_key_if_they_agree():
    one, other = {"api_key": "phc_one"}, {"properties": {"token": "phc_other"}}
    assert answer(a_batch(an_event(1, **one), an_event(2, **one), api_key=...))[0] == 200
    assert answer(a_batch(an_event(1, **one), an_event(2, **other), api_key=...)) == (
        401,
        "batch submitted with inconsistent api_key values",
    )


def test_an_unknown_key_is_answered_ok_and_nothing_is_stored():
    with FakePostHog(known_keys={"phc_real"}) as posthog:
        assert send(posthog, a_batch(an_event(1), an_event(2))).status_code == 200
        assert not posthog.arrivals
        assert posthog.swallowed == {"unknown key": 2}
        send(posthog, a_batch(an_event(), api_key=" phc_real "))  # trimmed by PostHog
    assert len(posthog.arrivals) == 1


def test_an_unknown_key_is_a_401_where_keys_are_enforced():
    with FakePostHog(known_keys={"phc_real"}, enforce_keys=True) as posthog:
        assert send(posthog, a_batch(an_event())).status_code == 401
        assert send(posthog, a_batch(an_event(), api_key="phc_real")).status_code == 200


# Oversize -------------------------------------------------------------------------------------


def sized_event(number: int, escaped_size: int, filler: str) -> dict:
    """An event whose JSON, as a string in JSON, has this many bytes."""
    empty = an_event(number, properties={"x": ""})

    def size(event: dict) -> int:
        return len(json.dumps(json.dumps(event, separators=(",", ":"))))

    each = size({**empty, "properties": {"x": filler}}) - size(empty)
    missing = escaped_size - size(empty)
    text = filler * (missing // each) + "x" * (missing % each)
    event = {**empty, "properties": {"x": text}}
    assert size(event) == escaped_size
    return event


@pytest.mark.parametrize("filler", ["x", '"', "\n"])
def test_an_event_may_have_a_million_bytes_as_a_string_in_json_and_no_more(filler):
    assert answer(a_batch(sized_event(1, 1_000_000, filler)))[0] == 200
    assert answer(a_batch(sized_event(1, 1_000_001, filler)))[0] == 413


def test_events_before_an_oversize_one_are_stored_and_those_after_it_are_not():
    with FakePostHog() as posthog:
        batch = a_batch(an_event(1), sized_event(2, 1_000_001, "x"), an_event(3))
        assert send(posthog, batch).status_code == 413
    assert [event["uuid"] for event in posthog.arrivals] == [uuid_of(1)]
    assert posthog.batches[0].status == 413


# Changed on the way in ------------------------------------------------------------------------


def arrival(event: dict, **envelope) -> tuple[dict, set[str]]:
    with FakePostHog(now=lambda: NOW) as posthog:
        assert send(posthog, a_batch(event, **envelope)).status_code == 200
        return posthog.arrivals[0], posthog.journal[0].notes


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (7, "7"),
        (True, "true"),
        ({"a": [1]}, '{"a":[1]}'),
        (" padded ", " padded "),
        ("nul\0", "nul\ufffd"),
        ("é" * 200, "é" * 200),
    ],
)
def test_ids_become_text_and_keep_their_spaces(given, kept):
    event, notes = arrival(an_event(distinct_id=given))
    assert event["distinct_id"] == kept
    assert notes == set()


def test_long_ids_and_names_are_cut_and_a_note_is_left():
    event, notes = arrival(an_event(distinct_id="é" * 201, event="n" * 201))
    assert (event["distinct_id"], event["event"]) == ("é" * 200, "n" * 200)
    assert notes == {
        "a distinct_id was cut at 200 characters",
        "an event name was cut at 200 characters",
    }


@pytest.mark.parametrize(
    "places", [{"$distinct_id": "ada"}, {"properties": {"distinct_id": "ada"}}]
)
def test_an_id_is_found_in_its_other_places(places):
    assert arrival(an_event(distinct_id=..., **places))[0]["distinct_id"] == "ada"


@pytest.mark.parametrize("given", [..., None, ""])
def test_without_a_uuid_the_server_makes_one_and_a_note_is_left(given):
    event, notes = arrival(an_event(uuid=given))
    assert len(event["uuid"]) == 36
    assert notes == {"the server made a uuid"}


def test_uuids_are_written_one_way():
    given = "ABCDEF0000004000800000000000000F"
    assert arrival(an_event(uuid=given))[0]["uuid"] == "abcdef00-0000-4000-8000-00000000000f"


def test_set_beside_the_properties_joins_them_and_theirs_wins():
    properties = {"$set": {"plan": "inner"}}
    event, _ = arrival(an_event(properties=properties, **{"$set": {"plan": "outer", "age": 3}}))
    assert event["properties"] == {"$set": {"plan": "inner", "age": 3}}


# Times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-03-01T12:00:00Z", "2024-03-01T12:00:00.000000Z"),
        ("2024-03-01T12:00:00.123456+00:00", "2024-03-01T12:00:00.123456Z"),
        ("2024-03-01T12:00:00.1234567Z", "2024-03-01T12:00:00.123456Z"),
        ("2024-03-01T12:00:00.5+03:00", "2024-03-01T09:00:00.500000Z"),
        ("2024-03-01T12:00:00+03", "2024-03-01T09:00:00.000000Z"),
        ("2024-03-01T12:00:00-0330", "2024-03-01T15:30:00.000000Z"),
        ("2024-03-01 12:00:00", "2024-03-01T12:00:00.000000Z"),
        ("2024/03/01 12:00:00", "2024-03-01T12:00:00.000000Z"),
        ("2024-03-01", "2024-03-01T00:00:00.000000Z"),
        ("Fri, 01 Mar 2024 12:00:00 +0100", "2024-03-01T11:00:00.000000Z"),
        ("1709294400", "2024-03-01T12:00:00.000000Z"),
        ("0000-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000000Z"),
    ],
)
def test_readable_times_are_kept_in_utc(given, kept):
    event, notes = arrival(an_event(timestamp=given))
    assert event["timestamp"] == kept == normalised(given)
    assert notes == set()


@pytest.mark.parametrize(
    "given", ["yesterday", "", "2024-02-30T00:00:00Z", "2026-01-01T23:00:01Z", None, ...]
)
def test_unreadable_missing_and_future_times_become_now_and_a_note_is_left(given):
    event, notes = arrival(an_event(timestamp=given))
    assert event["timestamp"] == "2026-01-01T00:00:00.000000Z"
    assert notes == {"the server replaced or shifted a timestamp"}


def test_23_hours_ahead_are_still_believed():
    event, _ = arrival(an_event(timestamp="2026-01-01T23:00:00Z"))
    assert event["timestamp"] == "2026-01-01T23:00:00.000000Z"


def test_sent_at_shifts_times_by_the_skew_and_notes_are_left():
    with FakePostHog(now=lambda: NOW) as posthog:
        send(posthog, a_batch(an_event(), sent_at="2025-12-31T23:00:00Z"))
    assert posthog.arrivals[0]["timestamp"] == "2024-03-01T13:00:00.000000Z"
    assert posthog.batches[0].sent_at is True
    assert posthog.journal[0].notes == {
        "the request carried sent_at",
        "the server replaced or shifted a timestamp",
    }


def test_sent_at_is_found_in_the_address_too():
    with FakePostHog(now=lambda: NOW) as posthog:
        send(posthog, a_batch(an_event()), "/batch/?_=1767222000000")  # an hour before now
    assert posthog.arrivals[0]["timestamp"] == "2024-03-01T13:00:00.000000Z"


def test_an_event_can_ask_to_ignore_sent_at():
    asking = an_event(properties={"$ignore_sent_at": True})
    event, _ = arrival(asking, sent_at="2025-12-31T23:00:00Z")
    assert event["timestamp"] == normalised(DAY)


def test_an_offset_wins_over_the_timestamp():
    event, _ = arrival(an_event(offset=1_000))
    assert event["timestamp"] == "2025-12-31T23:59:59.000000Z"


def test_what_is_no_time_cannot_be_normalised():
    with pytest.raises(ValueError, match="is no time"):
        normalised("soon")


# Swallowed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "properties", "reason"),
    [
        ("$performance_event", {}, "$performance_event"),
        ("$exception", {}, "$exception"),
        ("$$heatmap", {}, "$$heatmap"),
        (
            "$identify",
            {"$anon_distinct_id": "device", "$process_person_profile": False},
            "invalid_event_when_process_person_profile_is_false",
        ),
        (
            "$groupidentify",
            {"$group_type": "org", "$group_key": "a", "$group_set": "x"},
            "$group_set is no object",
        ),
    ],
)
def test_some_events_are_answered_ok_and_never_show_up(name, properties, reason):
    with FakePostHog() as posthog:
        event = an_event(1, event=name, properties=properties)
        assert send(posthog, a_batch(event, an_event(2))).status_code == 200
    assert [event["uuid"] for event in posthog.arrivals] == [uuid_of(2)]
    assert posthog.swallowed == {reason: 1}


# Delivered twice ------------------------------------------------------------------------------


def test_the_same_event_twice_arrives_twice_and_is_stored_once_in_its_last_version():
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(properties={"version": 1})))
        send(posthog, a_batch(an_event(properties={"version": 2})))
    assert len(posthog.arrivals) == 2
    (kept,) = posthog.stored()
    assert kept["properties"] == {"version": 2}


def test_times_written_differently_are_the_same_time():
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(), an_event(timestamp="2024-03-01 12:00:00.000Z")))
    assert len(posthog.stored()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": uuid_of(2)},
        {"event": "Order Paid"},
        {"distinct_id": "bea"},
        {"timestamp": "2024-03-01T12:00:00.000001+00:00"},
    ],
)
def test_events_that_differ_in_one_of_the_four_are_both_stored(change):
    with FakePostHog() as posthog:
        send(posthog, a_batch(an_event(), an_event(**change)))
    assert len(posthog.stored()) == 2


def test_a_lost_reply_stores_and_a_dropped_connection_does_not():
    with FakePostHog() as posthog:
        posthog.misbehave(LoseReply(), DropConnection())
        for number in (1, 2):
            with pytest.raises(requests.ConnectionError):
                send(posthog, a_batch(an_event(number)))
        send(posthog, a_batch(an_event(1), an_event(2)))
    assert_exactly_once(posthog.stored(), [uuid_of(1), uuid_of(2)], key=key_of)
    assert [event["uuid"] for event in posthog.arrivals] == [uuid_of(1), uuid_of(1), uuid_of(2)]


def key_of(item: dict | str) -> str:
    return item["uuid"] if isinstance(item, dict) else item


@pytest.fixture
def eager_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_batches_sent_at_once_all_arrive_each_in_its_own_order(eager_threads):
    batches = [
        [an_event(n, properties={"n": n}) for n in range(a, a + 20)] for a in range(0, 400, 20)
    ]
    with FakePostHog() as posthog, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda events: send(posthog, a_batch(*events)), batches))
    arrived = [event["properties"]["n"] for event in posthog.arrivals]
    assert sorted(arrived) == list(range(400))
    for events in batches:
        numbers = [event["properties"]["n"] for event in events]
        start = arrived.index(numbers[0])
        assert arrived[start : start + 20] == numbers
