from __future__ import annotations

import pytest

from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes_tests.amplitude_batch.sending import (
    ANA,
    DAY_MS,
    START,
    Clock,
    delivered,
    event,
    identify,
    send,
)

# Restated on purpose (Amplitude docs, "HTTP V2 API").
INVALID_IDS = [
    *("anonymous", "Anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", ""),
    *("00000000-0000-0000-0000-000000000000", "{}", "lmy47d", "0", "-1", "UNKNOWN", " none "),
]


def refusal_of(*events: dict, options=None, **project) -> dict:
    """The body of the 400 to a request of which nothing may be stored."""
    with FakeAmplitudeBatch(**project) as amplitude:
        reply = send(amplitude, *events, **({"options": options} if options else {}))
    said = reply.json()
    assert (reply.status_code, said.pop("code")) == (400, 400)
    assert len(amplitude.arrivals) == 0
    return said


def deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels - 1):
        value = {"deeper": value}
    return value


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [..., None, ""])
def test_an_event_needs_a_name(name):
    assert refusal_of(event(1), event(2, event_type=name)) == {
        "error": "Request missing required field",
        "events_with_missing_fields": {"event_type": [1]},
    }


@pytest.mark.parametrize("field", ["user_id", "device_id"])
def test_an_event_needs_one_of_two_ids(field):
    nobody = event(user_id=..., device_id=None)
    assert refusal_of(nobody, event(2), no_id_field=field) == {
        "error": "Request missing required field",
        "events_with_missing_fields": {field: [0]},
    }


@pytest.mark.parametrize("name", ["user_id", "device_id"])
@pytest.mark.parametrize("value", ["bob", "1234", " bob ", 12345, 1, True, ["x"]])
def test_short_ids_and_ids_that_are_no_text_are_refused_beside_a_good_one(name, value):
    assert refusal_of(event(**{name: value})) == {
        "error": "Invalid id length for user_id or device_id",
        "events_with_invalid_id_lengths": {name: [0]},
    }


def test_short_ids_pass_where_the_request_says_so():
    with FakeAmplitudeBatch() as amplitude:
        bob = event(user_id="bob", device_id="x")
        assert send(amplitude, bob, options={"min_id_length": 1}).status_code == 200
        assert send(amplitude, bob, options={"min_id_length": 2}).status_code == 400
    assert amplitude.user("bob").device_ids == {"x"}


@pytest.mark.parametrize("name", ["user_id", "device_id"])
@pytest.mark.parametrize("word", INVALID_IDS)
def test_words_that_name_nobody_are_refused_beside_a_good_id(name, word):
    said = refusal_of(event(**{name: word}), options={"min_id_length": 1})
    assert said == {
        "error": "Invalid field values on some events",
        "events_with_invalid_fields": {name: [0]},
    }


@pytest.mark.parametrize(
    "name",
    ["Start Session", "End Session", "Revenue", "Revenue (Verified)", "Revenue (Unverified)",
     "Merged User"],
)  # fmt: skip
def test_six_names_are_reserved(name):
    said = refusal_of(event(event_type=f"[Amplitude] {name}"))
    assert said["events_with_invalid_fields"] == {"event_type": [0]}


def test_other_names_of_amplitude_are_not():
    amplitude = delivered(event(event_type="[Amplitude] Page Viewed"))
    assert amplitude.stored()[0]["event_type"] == "[Amplitude] Page Viewed"


@pytest.mark.parametrize("time", [DAY_MS / 1.0, "2024-03-01T12:00:00Z", str(DAY_MS), -1, True])
def test_a_time_is_whole_milliseconds(time):
    said = refusal_of(event(time=time))
    assert said["events_with_invalid_fields"] == {"time": [0]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_type", 7),
        ("session_id", "1709294400000"),
        ("session_id", 1.5),
        ("event_id", "1"),
        ("quantity", 1.5),
        ("price", "9.5"),
        ("revenue", True),
        ("location_lat", "52.5"),
        ("location_lng", []),
        ("event_properties", []),
        ("user_properties", "x"),
        ("group_properties", 1),
        ("groups", ["acme"]),
        ("groups", {"company": 7}),
        ("groups", {"company": ["acme", None]}),
        ("plan", {"version": 3}),
        ("$skip_user_properties_sync", "true"),
        ("insert_id", 7),
        ("app_version", 4.2),
        ("country", {}),
        ("event_properties", deep(41)),
    ],
)
def test_values_of_another_type_are_refused(name, value):
    said = refusal_of(event(**{name: value}))
    assert said["events_with_invalid_fields"] == {name: [0]}


def test_values_of_the_right_type_and_depth_pass_and_null_is_nothing():
    amplitude = delivered(
        event(
            1,
            session_id=-1,
            price=5,
            quantity=2,
            location_lat=1,
            location_lng=2.5,
            event_properties=deep(40),
            groups={"company": ["acme"], "team": "a"},
            plan={"branch": "main"},
            app_version=None,
            unheard_of={"x": 1},
        )
    )
    (stored,) = amplitude.stored()
    assert "app_version" not in stored
    assert stored["groups"] == {"company": ["acme"], "team": ["a"]}
    assert stored["unheard_of"] == {"x": 1}


BAD = (
    event(0, time="x"),
    event(1),
    event(2, time="x"),
    event(3, event_type=...),
    event(4, price="x"),
)


def test_all_bad_events_are_named():
    assert refusal_of(*BAD) == {
        "error": "Request missing required field",
        "events_with_missing_fields": {"event_type": [3]},
        "events_with_invalid_fields": {"time": [0, 2], "price": [4]},
    }


def test_or_the_first_of_each_field():
    said = refusal_of(*BAD, named="first")
    assert said["events_with_invalid_fields"] == {"time": [0], "price": [4]}


# What is changed on the way in ----------------------------------------------------------------


def test_strings_are_cut_at_1024_characters_without_a_word():
    long = "é" * 1_025
    amplitude = delivered(
        event(1, event_type=long, event_properties={"list": [long], "deep": {"text": long}})
    )
    (stored,) = amplitude.stored()
    cut = long[:-1]
    assert stored["event_type"] == cut
    assert stored["event_properties"] == {"list": [cut], "deep": {"text": cut}}
    assert amplitude.journal[0].notes == {"a string was cut at 1,024 characters"}


def test_groups_beyond_five_types_or_ten_values_are_dropped_without_a_word():
    groups = {f"type-{number}": [str(value) for value in range(11)] for number in range(6)}
    amplitude = delivered(event(groups=groups))
    (stored,) = amplitude.stored()
    assert list(stored["groups"]) == [f"type-{number}" for number in range(5)]
    assert {len(values) for values in stored["groups"].values()} == {10}
    assert amplitude.journal[0].notes == {
        "group types beyond 5, or values beyond 10, were dropped",
    }


def test_an_event_without_a_time_happens_when_it_arrives():
    amplitude = delivered(event(time=...), now=Clock())
    assert amplitude.stored()[0]["time"] == int(START.timestamp() * 1_000)


def test_a_blocked_name_is_answered_200_and_goes_nowhere():
    amplitude = delivered(event(event_type="Secret"), blocked=["Secret"])
    assert len(amplitude.arrivals) == 0
    assert amplitude.swallowed == {"blocked event type": 1}


# Orders are no events -------------------------------------------------------------------------


def test_orders_are_kept_apart_from_events():
    amplitude = delivered(event(1), identify(2, {"$set": {"color": "red"}}))
    assert [each["insert_id"] for each in amplitude.stored()] == ["event-1"]
    assert [each["insert_id"] for each in amplitude.orders()] == ["event-2"]
    assert len(amplitude.arrivals) == 2


# Deduplication --------------------------------------------------------------------------------


def kept_of(*events: dict, **project) -> list[str]:
    """What is kept of each event, as its property `n`."""
    amplitude = delivered(*events, **project)
    return [each["event_properties"]["n"] for each in amplitude.stored()]


def numbered(n: int, **keys) -> dict:
    return event(**{"event_properties": {"n": n}, **keys})


def test_the_first_of_one_insert_id_and_device_wins():
    again = numbered(2, time=DAY_MS + 77, event_type="Other", user_id="user-bob")
    assert kept_of(numbered(1), again) == [1]


def test_another_device_or_insert_id_is_another_event():
    assert kept_of(numbered(1), numbered(2, device_id="phone-2")) == [1, 2]
    assert kept_of(numbered(1), numbered(2, insert_id="other")) == [1, 2]
    assert kept_of(numbered(1, insert_id=...), numbered(2, insert_id=...)) == [1, 2]


def test_without_a_device_it_is_the_one_that_amplitude_makes_of_the_user():
    lone = {"device_id": ...}
    assert kept_of(numbered(1, **lone), numbered(2, **lone)) == [1]
    assert kept_of(numbered(1, **lone), numbered(2, user_id="user-bob", **lone)) == [1, 2]
    assert kept_of(numbered(1, **lone), numbered(2)) == [1, 2]


def test_amplitude_forgets_after_seven_days_from_the_first_arrival():
    clock = Clock()
    with FakeAmplitudeBatch(now=clock) as amplitude:
        for days in (0, 6, 1, 0.001, 6.9):
            clock.forward(days=days)
            send(amplitude, event())
    days = [each["request"] for each in amplitude.stored()]
    assert days == [1, 4]


def test_a_counter_time_and_device_are_a_second_key():
    same = {"insert_id": ..., "event_id": 7}
    assert kept_of(numbered(1, **same), numbered(2, **same)) == [1]
    assert kept_of(numbered(1, **same), numbered(2, **same, time=DAY_MS)) == [1, 2]
    assert kept_of(numbered(1, event_id=7), numbered(2, event_id=7, insert_id="other")) == [1]


@pytest.mark.parametrize(("counted", "ingested"), [(True, 2), (False, 1)])
def test_duplicates_may_count_in_the_answer(counted, ingested):
    with FakeAmplitudeBatch(counts_duplicates=counted) as amplitude:
        assert send(amplitude, event(1), event(1)).json()["events_ingested"] == ingested
    assert [each["insert_id"] for each in amplitude.duplicates()] == ["event-1"]


def test_a_duplicate_changes_nobody():
    amplitude = delivered(
        event(1, user_properties={"color": "red"}), event(1, user_properties={"color": "blue"})
    )
    person = amplitude.user(ANA)
    assert (person.events, person.properties) == (1, {"color": "red"})
