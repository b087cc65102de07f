from __future__ import annotations

import gzip
import json
from datetime import datetime, timezone

import pytest
import requests

from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.server import DropConnection, LoseReply, Reply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel, too_large

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
NOW_S = int(NOW.timestamp())
DAY_S = 1_709_294_400  # 2024-03-01T12:00:00Z
BY_TOKEN = ("mixpanel-token", "")
BY_ACCOUNT = ("importer.1a2b3c.mp-service-account", "mixpanel-secret")
FAILED = "some data points in the request failed validation"

# Restated on purpose (Mixpanel docs, "Import Events").
DISALLOWED = [
    *("00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a"),
    *("na", "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}"),
]


def an_event(number: int = 1, **properties) -> dict:
    """A good event; a value of ... takes a property out, `user_id_` stands for `$user_id`."""
    sent = {
        "time": DAY_S,
        "insert_id_": f"event-{number}",
        "user_id_": "ada",
        "device_id_": "phone",
        "ip": 0,
        **properties,
    }
    named = {
        f"${key[:-1]}" if key.endswith("_") else key: value
        for key, value in sent.items()
        if value is not ...
    }
    return {"event": "Order Placed", "properties": named}


def send(mixpanel: FakeMixpanel, body: object, auth=BY_TOKEN, **query):
    """Send events, or a body that is ready."""
    return requests.post(
        f"{mixpanel.url}/import",
        params={"strict": "1", **query},
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        auth=auth,
        timeout=10,
    )


def insert_id(item: object) -> object:
    return item["insert_id"] if isinstance(item, dict) else item


def stored_from(*events: dict, **project) -> tuple[FakeMixpanel, set[str]]:
    """A Mixpanel that took these, stopped, and its notes on the request."""
    with FakeMixpanel(now=lambda: NOW, **project) as mixpanel:
        assert send(mixpanel, list(events)).status_code == 200
    return mixpanel, mixpanel.journal[0].notes


def failure(event: object, **project) -> dict:
    """The failed record of an event between two good ones, which must be imported."""
    with FakeMixpanel(now=lambda: NOW, **project) as mixpanel:
        reply = send(mixpanel, [an_event(1, distinct_id="a"), event, an_event(3, distinct_id="a")])
    said = reply.json()
    (record,) = said.pop("failed_records")
    assert said == {
        "code": 400, "error": FAILED, "status": "Bad Request", "num_records_imported": 2,
    }  # fmt: skip
    assert [stored["insert_id"] for stored in mixpanel.arrivals] == ["event-1", "event-3"]
    assert record.pop("index") == 1
    return record


# Accepted -------------------------------------------------------------------------------------


def test_good_events_are_stored_as_they_were_sent():
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, [an_event(total=9.5)])
    assert (reply.status_code, reply.json()) == (
        200,
        {"code": 200, "num_records_imported": 1, "status": "OK"},
    )
    assert list(mixpanel.arrivals) == [
        {
            "event": "Order Placed",
            "time": DAY_S * 1000,
            "distinct_id": "ada",
            "insert_id": "event-1",
            "ip": 0,
            "properties": {"$user_id": "ada", "$device_id": "phone", "total": 9.5},
            "request": 1,
        }
    ]
    assert mixpanel.journal[0].notes == set()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson; charset=utf-8"])
def test_a_list_and_lines_are_read_packed_or_not(kind, zipped):
    events = [an_event(number) for number in (1, 2)]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    body = lines if "ndjson" in kind else json.dumps(events).encode()
    headers = {"Content-Type": kind, **({"Content-Encoding": "gzip"} if zipped else {})}
    with FakeMixpanel() as mixpanel:
        reply = requests.post(
            f"{mixpanel.url}/import?strict=1",
            data=gzip.compress(body) if zipped else body,
            headers=headers,
            auth=BY_TOKEN,
            timeout=10,
        )
    assert reply.json()["num_records_imported"] == 2
    assert len(mixpanel.arrivals) == 2


def test_seconds_and_milliseconds_are_told_apart():
    mixpanel, _ = stored_from(
        an_event(1, time=DAY_S), an_event(2, time=DAY_S * 1000 + 7), an_event(3, time=31_536_000)
    )
    assert [event["time"] for event in mixpanel.arrivals] == [
        DAY_S * 1000, DAY_S * 1000 + 7, 31_536_000_000,
    ]  # fmt: skip


def test_the_same_event_sent_twice_is_stored_once_and_the_latest_wins():
    first, again = an_event(1, total=1), an_event(1, total=2)
    others = [
        an_event(2),
        an_event(1, time=DAY_S + 1),
        an_event(1, user_id_="bob", device_id_=...),
        {**an_event(1), "event": "Other"},
    ]
    mixpanel, _ = stored_from(first, *others, again)
    assert len(mixpanel.arrivals) == 6
    assert [event["properties"].get("total") for event in mixpanel.stored()] == [2] + [None] * 4


def test_a_lost_reply_and_a_second_try_leave_one_event():
    with FakeMixpanel() as mixpanel:
        mixpanel.misbehave(LoseReply())
        with pytest.raises(requests.ConnectionError):
            send(mixpanel, [an_event()])
        assert send(mixpanel, [an_event()]).status_code == 200
    assert [event["request"] for event in mixpanel.arrivals] == [1, 2]
    assert_exactly_once(mixpanel.stored(), ["event-1"], insert_id)


def test_a_dropped_connection_leaves_nothing():
    with FakeMixpanel() as mixpanel:
        mixpanel.misbehave(DropConnection())
        with pytest.raises(requests.ConnectionError):
            send(mixpanel, [an_event()])
    assert not mixpanel.arrivals


# Who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "query"), [(BY_TOKEN, {}), (BY_ACCOUNT, {"project_id": "2195193"})]
)
def test_the_token_or_the_service_account_with_its_project_may_import(auth, query):
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, [an_event()], auth, **query).status_code == 200


@pytest.mark.parametrize(
    ("auth", "query"),
    [
        (None, {}),
        (("another-token", ""), {}),
        (("mixpanel-token", "no empty password"), {}),
        (BY_TOKEN, {"project_id": "2195193"}),
        (BY_ACCOUNT, {}),
        (BY_ACCOUNT, {"project_id": "1"}),
        ((BY_ACCOUNT[0], "wrong"), {"project_id": "2195193"}),
    ],
)
def test_all_others_are_a_401(auth, query):
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, [an_event()], auth, **query)
    assert reply.status_code == 401
    assert reply.json() == {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}
    assert not mixpanel.arrivals


@pytest.mark.parametrize(
    "header", ["Basic bWl4cGFuZWwtdG9rZW4=", "Basic %", "Bearer bWl4cGFuZWwtdG9rZW46", "Basic /w=="]
)
def test_credentials_without_a_colon_or_sense_are_a_401(header):
    with FakeMixpanel() as mixpanel:
        headers = {"Authorization": header, "Content-Type": "application/json"}
        reply = requests.post(f"{mixpanel.url}/import", b"[]", headers=headers, timeout=10)
    assert reply.status_code == 401


# Refused as a whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b"[]", b"{}", b'"text"', b"\x1f\x8b"])
def test_an_unreadable_body_is_a_400_of_which_nothing_is_imported(body):
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, body)
    said = reply.json()
    assert (reply.status_code, said["code"], said["num_records_imported"]) == (400, 400, 0)
    assert "failed_records" not in said


def test_a_body_said_to_be_gzip_must_be():
    with FakeMixpanel() as mixpanel:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        for body in (b"[]", gzip.compress(b"[" * 5000)[:-9]):
            reply = requests.post(
                f"{mixpanel.url}/import", body, headers=headers, auth=BY_TOKEN, timeout=10
            )
            assert reply.status_code == 400


def test_forms_are_not_read():
    with FakeMixpanel() as mixpanel:
        reply = requests.post(f"{mixpanel.url}/import", {"data": "W10="}, auth=BY_TOKEN, timeout=10)
    assert reply.status_code == 400


def test_a_body_over_10_mb_is_a_413_that_names_the_limit():
    full = json.dumps([an_event()]).encode().ljust(10_485_760)
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, full).status_code == 200
        reply = send(mixpanel, full + b" ")
    assert reply.json() == {
        "code": 413,
        "error": "request exceeds max limit of 10485760 bytes",
        "status": "Request Entity Too Large",
    }


def test_gzip_does_not_raise_the_limit_and_projects_may_have_a_lower_one():
    body = json.dumps([an_event(x="x" * 5_000)]).encode()
    with FakeMixpanel(max_body_bytes=len(body) - 1) as mixpanel:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        packed = gzip.compress(body)
        reply = requests.post(
            f"{mixpanel.url}/import", packed, headers=headers, auth=BY_TOKEN, timeout=10
        )
    assert len(packed) < len(body) - 1
    assert (reply.status_code, reply.json()) == (413, json.loads(too_large(len(body) - 1).body))


def test_2000_events_are_taken_and_2001_are_not():
    events = [an_event(number) for number in range(2001)]
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, events[:2000]).json()["num_records_imported"] == 2000
        assert send(mixpanel, events).status_code == 413
    assert len(mixpanel.arrivals) == 2000


def test_the_reply_to_too_many_requests_can_be_scripted():
    patient = Reply(429, RATE_LIMITED.body, {**RATE_LIMITED.headers, "Retry-After": "7"})
    with FakeMixpanel() as mixpanel:
        mixpanel.misbehave(RATE_LIMITED, patient)
        first, second = (send(mixpanel, [an_event()]) for _ in range(2))
        assert send(mixpanel, [an_event()]).status_code == 200
    assert first.json() == {
        "code": 429,
        "error": "Project exceeded rate limits. Please retry the request with exponential backoff.",
        "status": "Too Many Requests",
    }
    assert second.headers["Retry-After"] == "7"


def test_other_addresses_and_methods_are_not_served():
    with FakeMixpanel() as mixpanel:
        for path in ("/track", "/import/", "/"):
            assert requests.post(mixpanel.url + path, timeout=10).status_code == 404
        for path in ("/import", "/engage", "/groups", "/lookup-tables/x"):
            assert requests.get(mixpanel.url + path, timeout=10).status_code == 405
        assert requests.post(mixpanel.url + "/lookup-tables", timeout=10).status_code == 405
    assert not mixpanel.arrivals


def test_batches_tell_what_each_request_held_and_got():
    with FakeMixpanel() as mixpanel:
        send(mixpanel, [an_event(1), an_event(2), an_event(3, time=0)])
        send(mixpanel, b"[]")
    first, second = mixpanel.batches
    assert (first.request, first.path, first.records, first.accepted) == (1, "/import", 3, 2)
    assert first.status == 400
    assert (second.request, second.records, second.status, second.bytes) == (2, 0, 400, 2)


# Refused one by one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"time": ...}, "properties.time", "must be specified as seconds since epoch"),
        ({"time": None}, "properties.time", "must be specified as seconds since epoch"),
        ({"time": str(DAY_S)}, "properties.time", "must be specified as seconds since epoch"),
        ({"time": DAY_S + 0.5}, "properties.time", "must be specified as seconds since epoch"),
        ({"time": True}, "properties.time", "must be specified as seconds since epoch"),
        ({"time": 31_535_999}, "properties.time", "must not be before 1971-01-01"),
        ({"time": 31_535_999_999}, "properties.time", "must not be before 1971-01-01"),
        ({"time": -1}, "properties.time", "must not be before 1971-01-01"),
        ({"time": NOW_S + 3_601}, "properties.time", "must not be over 1 hour from now"),
        ({"time": NOW_S * 1000 + 3_600_001}, "properties.time", "must not be over 1 hour from now"),
        ({"insert_id_": ...}, "$insert_id", "must not be missing"),
        ({"insert_id_": ""}, "$insert_id", "must not be missing"),
        ({"insert_id_": 7}, "$insert_id", "must be a string"),
        ({"insert_id_": "x" * 37}, "$insert_id", "must not be longer than 36 bytes"),
        *(
            ({"insert_id_": bad}, "$insert_id",
             "must only contain alphanumeric or hyphen '-' characters")
            for bad in ("a_b", "a:b", "a b", "é", "a\n")
        ),
        ({"insert_id_": "Undefined"}, "$insert_id", "must not be a placeholder"),
        ({"user_id_": 7}, "properties.$user_id", "must be a string"),
        ({"device_id_": "null"}, "properties.$device_id", "must not be a placeholder"),
    ],
)  # fmt: skip
def test_a_bad_event_fails_alone_and_is_told_by_index_id_field_and_reason(change, field, message):
    event = an_event(2, **change)
    given = event["properties"].get("$insert_id")
    assert failure(event) == {
        "insert_id": given if isinstance(given, str) else "",
        "field": field,
        "message": f"'{field}' is invalid: {message}",
    }


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (7, "event"),
        ({"properties": an_event(2)["properties"]}, "event"),
        ({**an_event(2), "event": ""}, "event"),
        ({**an_event(2), "event": 7}, "event"),
        ({"event": "x"}, "properties"),
        ({"event": "x", "properties": []}, "properties"),
    ],
)
def test_an_event_has_a_name_and_an_object_of_properties(event, field):
    assert failure(event)["field"] == field


@pytest.mark.parametrize("placeholder", DISALLOWED)
def test_placeholders_are_no_distinct_ids(placeholder):
    for written in (placeholder, placeholder.upper()):
        event = an_event(2, user_id_=..., device_id_=..., distinct_id=written)
        assert failure(event)["field"] == "properties.distinct_id"


def test_the_id_of_a_failed_record_may_be_written_with_a_dollar():
    record = failure(an_event(2, time=0), insert_id_key="$insert_id")
    assert record["$insert_id"] == "event-2"
    assert "insert_id" not in record


def deep(levels: int) -> object:
    return {"in": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("good", "bad", "field"),
    [
        (deep(3), deep(4), "properties.value"),
        ([[[1]]], [[[[1]]]], "properties.value"),
        ([1] * 254, [1] * 255, "properties.value"),
        ({"in": [1] * 254}, {"in": [1] * 255}, "properties.value"),
        ({str(n): 1 for n in range(254)}, {str(n): 1 for n in range(255)}, "properties.value"),
    ],
)
def test_nested_values_have_limits(good, bad, field):
    stored_from(an_event(value=good))
    assert failure(an_event(2, value=bad))["field"] == field


def test_an_event_has_fewer_than_255_properties():
    control = len(an_event()["properties"])
    stored_from(an_event(**{f"p{n}": 1 for n in range(254 - control)}))
    too_many = an_event(2, **{f"p{n}": 1 for n in range(255 - control)})
    assert failure(too_many)["field"] == "properties"


def test_an_event_is_smaller_than_a_million_bytes():
    empty = len(json.dumps(an_event(2, x=""), separators=(",", ":")))
    stored_from(an_event(2, x="x" * (999_999 - empty)))
    assert failure(an_event(2, x="x" * (1_000_000 - empty)))["field"] == "event"


@pytest.mark.parametrize("query", [{"strict": "0"}, {"strict": ""}])
def test_without_strict_bad_events_vanish_behind_a_200(query):
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, [an_event(1), an_event(2, time=0)], **query)
    assert (reply.status_code, reply.json()["num_records_imported"]) == (200, 1)
    assert len(mixpanel.arrivals) == 1
    assert mixpanel.swallowed == {"invalid, and strict=1 was not asked for": 1}
    assert mixpanel.journal[0].notes == {"strict=1 was not asked for"}


# Changed on the way in ------------------------------------------------------------------------


def test_a_time_in_the_next_hour_becomes_now():
    mixpanel, notes = stored_from(an_event(time=NOW_S + 3_600))
    assert mixpanel.arrivals[0]["time"] == NOW_S * 1000
    assert notes == {"the server replaced a time in the future by its own"}
    assert stored_from(an_event(time=NOW_S))[1] == set()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 255),
        ("é" * 127, "é" * 127),
        ("é" * 128, "é" * 127),
        ({"in": ["x" * 300]}, {"in": ["x" * 255]}),
    ],
)
def test_strings_are_cut_at_255_bytes_and_a_note_is_left(sent, kept):
    mixpanel, notes = stored_from(an_event(value=sent))
    assert mixpanel.arrivals[0]["properties"]["value"] == kept
    assert notes == ({"a string was cut at 255 bytes"} if sent != kept else set())


def test_long_names_are_cut_and_a_note_is_left():
    event = {**an_event(**{"p" * 256: 1}), "event": "n" * 256}
    mixpanel, notes = stored_from(event)
    assert mixpanel.arrivals[0]["event"] == "n" * 255
    assert "p" * 255 in mixpanel.arrivals[0]["properties"]
    assert notes == {"a name was cut at 255 characters"}


@pytest.mark.parametrize(
    ("ip", "notes"),
    [
        (0, set()),
        ("0", set()),
        (..., {"the request's own ip was used to locate somebody"}),
        (None, {"the request's own ip was used to locate somebody"}),
        ("203.0.113.7", {"a sent ip was used to locate somebody"}),
    ],
)
def test_a_note_tells_whose_ip_was_looked_up_and_none_is_stored(ip, notes):
    mixpanel, noted = stored_from(an_event(ip=ip))
    assert noted == notes
    assert "ip" not in mixpanel.arrivals[0]["properties"]
    assert mixpanel.arrivals[0]["ip"] == (None if ip is ... else ip)


def test_a_property_named_token_is_taken_out_and_a_note_is_left():
    mixpanel, notes = stored_from(an_event(token="mine"))
    assert "token" not in mixpanel.arrivals[0]["properties"]
    assert notes == {"the property token was taken out"}


@pytest.mark.parametrize("name", ["$ignore", "bucket", "$bucket"])
def test_events_with_a_hiding_property_are_imported_and_never_seen(name):
    event = an_event(**{name: True})
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, [event]).json()["num_records_imported"] == 1
    assert not mixpanel.arrivals
    assert mixpanel.swallowed == {name: 1}
