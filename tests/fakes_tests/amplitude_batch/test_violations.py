from __future__ import annotations

import pytest

from tests.fakes.amplitude_batch import FakeAmplitudeBatch, Violation
from tests.fakes_tests.amplitude_batch.sending import delivered, event, identify, send


def tell(**keys) -> dict:
    return event(
        **{
            "event_type": "$groupidentify",
            "groups": {"company": "acme"},
            "group_properties": {"$set": {"plan": "pro"}},
            **keys,
        }
    )


PLACE = {"country": "Germany", "region": "", "city": "", "dma": ""}

GOOD = [
    event(),
    event(ip="203.0.113.7", **PLACE),
    event(location_lat=1, location_lng=2, currency="EUR", price=1, quantity=2),
    event(user_id="b3f1c6a2-0000-4000-8000-1234567890ab"),
    event(user_properties={"plan": "pro"}, skip=True),
    identify(1, {"$set": {"a": 1}, "$setOnce": {"b": 2}, "$unset": {"c": "-"}}),
    identify(1, {"$set": {"a": 1}}, time=...),
    tell(),
    tell(time=...),
]

BAD = [
    (event(event_id=0), "event_id is a second key of deduplication"),
    (event(insert_id=...), "an event without insert_id doubles when it is sent again"),
    (event(time=...), "the server timed an event"),
    (event(ip="$remote"), "$remote locates the machine that imports"),
    (
        event(ip="203.0.113.7"),
        "an ip without a location locates somebody by today's tables",
    ),
    (
        event(country="Germany", city="Berlin"),
        "some of country, region, city, dma reset the others",
    ),
    (event(location_lat=1.5), "location_lat without location_lng, or the reverse"),
    (
        event(user_id="$device:5f2a"),
        "a user_id that a library made up for somebody anonymous",
    ),
    (
        event(user_id="16cdfbd8d7b2f8-0d2ad4e5e3b5d2-38637501-1fa400-16cdfbd8d7c8a1"),
        "a user_id that a library made up for somebody anonymous",
    ),
    (event(user_id=" user-ana"), "an id with spaces around it"),
    (event(device_id="x" * 1_025), "an id was cut"),
    (event(event_type="$create_alias"), "an order of another service was sent as an event"),
    (event(event_type="$merge"), "an order of another service was sent as an event"),
    (event(user_properties={"$set": {"a": 1}}), "an operation outside $identify"),
    (identify(1, {"$set": {"a": 1}, "b": 2}), "an operation beside plain keys"),
    (
        identify(1, {"$set": {"a": 1}, "$unset": {"a": "-"}}),
        "one property in two operations",
    ),
    (
        identify(1, {"$set": {"a": 1}}, skip=True),
        "$identify with the flag that keeps it from the table",
    ),
    (event(group_properties={"a": 1}), "group_properties outside $groupidentify"),
    (tell(groups={"company": ["a", "b"]}), "$groupidentify of more than one group"),
    (tell(groups={"company": "a", "team": "b"}), "$groupidentify of more than one group"),
    (tell(groups=...), "$groupidentify of more than one group"),
    (tell(group_properties={"plan": "pro"}), "$groupidentify without an operation"),
    (event(currency="eur"), "a currency that is not three capitals"),
    (
        event(price=1, quantity=1, revenue=1),
        "price, quantity and revenue together",
    ),
]


@pytest.mark.parametrize("sent", GOOD)
def test_nothing_is_held_against_what_is_right(sent):
    assert delivered(sent).violations == []


@pytest.mark.parametrize(("sent", "what"), BAD)
def test_what_amplitude_takes_and_an_import_must_not_send_is_written_down(sent, what):
    amplitude = delivered(sent)
    assert len(amplitude.arrivals) == 1
    assert amplitude.violations == [Violation(what, 1, 0, sent["event_type"])]


def test_the_time_of_the_upload_is_held_against_the_request():
    with FakeAmplitudeBatch() as amplitude:
        send(amplitude, event(), client_upload_time="2026-01-01T00:00:00Z")
    assert amplitude.violations == [Violation("client_upload_time shifts times", 1)]


def test_a_request_that_was_refused_is_not_looked_at():
    with FakeAmplitudeBatch() as amplitude:
        send(amplitude, event(event_id=0), event(time="x"))
    assert amplitude.violations == []
