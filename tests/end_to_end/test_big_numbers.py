"""Numbers of which a double keeps the first digits only: as ids, keys and properties.

Whole numbers beyond 64 bits and whole floats beyond 2**53 keep their digits on each road, whether
or not the Singer SDK changes the record on its way.
"""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.commands import Command
from tests.end_to_end.roads import EXPORT, ROADS, row, schema_of
from tests.examples import first_of
from tests.singer_delivery.toys import PlayedClock

ORDERS = {"orders": {"event": "Order", "distinct_id": "customer_id", "timestamp": "created_at"}}
PEOPLE = {"users": {"person": "id"}}

WAYS = {
    "as it comes": {},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 1},
    "mapped": {"stream_maps": {"orders": {"more": "'more'"}, "users": {"more": "'more'"}}},
}
"""The settings by which lines go to the run as they are, or through the SDK first."""

roads = pytest.mark.parametrize("road", first_of(ROADS), ids=str)
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

PAIRS = [
    ("18446744073709551617", "18446744073709551618"),
    ("340282366920938463463374607431768211001", "340282366920938463463374607431768211002"),
    ("-9223372036854775809", "-9223372036854775810"),
    ("9007199254740993", "9007199254740992"),
    ("9007199254740993.0", "9007199254740992.0"),
    ("18446744073709551617.0", "18446744073709551618.00"),
    ("4503599627370497.0", "4503599627370496.0"),
]
"""Two numbers that are one as doubles, or nearly."""
INEXACT = ["1.8446744073709552e+19", "1e23", "9007199254740993e0", "9.007199254740993E15"]
"""Floats that other numbers are rounded to: they are ids no more."""


def digits(number):
    return number.partition(".")[0]


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    config = destination.settings(service)
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def orders(*numbers):
    form = '{"id":%s,"customer_id":%s,"created_at":"2024-03-01T10:00:00Z","amount":1.5}'
    return [(form % (number, number)).encode() for number in numbers]


SCHEMA = schema_of("orders", "id", "customer_id", "created_at", "amount", keys=["id"])


@roads
@ways
def test_ids_keys_and_properties_keep_their_digits(command, destination, service, road, way):
    numbers = [number for pair in PAIRS for number in pair]

    ended = road.send(command, orders(*numbers), SCHEMA, streams=ORDERS, **way)

    assert ended.code == 0, ended.log
    events = destination.events(service)
    expected = {digits(number) for number in numbers}
    assert {event.person for event in events} == expected
    assert len({event.id for event in events}) == len(expected)
    assert {str(event.properties["id"]).removesuffix(".0") for event in events} == expected
    assert ended.states == [{"done": True}]


@roads
@ways
def test_people_stay_apart(command, destination, service, road, way):
    records = [b'{"id":10000000000000000000%d,"email":"%d@x.test"}' % (n, n) for n in (1, 2)]

    ended = road.send(command, records, schema_of("users", "id", "email"), streams=PEOPLE, **way)

    assert ended.code == 0, ended.log
    assert emails(destination, service) == {
        "100000000000000000001": "1@x.test",
        "100000000000000000002": "2@x.test",
    }


def emails(destination, service):
    return {who: of["email"] for who, of in destination.properties_of_users(service).items()}


@roads
@pytest.mark.parametrize("column", ["customer_id", "id"])
def test_a_number_that_lost_digits_before_is_a_dead_letter(command, road, column):
    usual = {"id": 7, "customer_id": 8, "created_at": "2024-03-01T10:00:00Z"}
    records = [usual, *(with_number({**usual, column: "@"}, number) for number in INEXACT)]

    ended = road.send(command, records, SCHEMA, streams=ORDERS, max_dead_letters="100%")

    assert ended.code == 0, ended.log
    counts = command.report["streams"]["orders"]
    assert (counts["delivered"], counts["dead"]) == (1, {"inexact_id": len(INEXACT)})


@roads
@pytest.mark.parametrize("column", ["user_id", "device_id"])
def test_ids_of_an_export_keep_their_digits(command, destination, service, road, column):
    other = "device_id" if column == "user_id" else "user_id"
    numbers = [number for pair in PAIRS for number in pair]
    records = [
        with_number(row(n, **{column: "@", other: None}), number)
        for n, number in enumerate([*numbers, *INEXACT])
    ]

    ended = road.send(command, records, EXPORT, max_dead_letters="100%")

    assert ended.code == 0, ended.log
    whose = {event.person.removeprefix("$device:") for event in destination.events(service)}
    assert whose == {digits(number) for number in numbers}
    assert command.report["streams"]["events"]["dead"] == {"inexact_id": len(INEXACT)}


@roads
def test_properties_groups_and_states_of_an_export_keep_their_digits(
    command, destination, service, road
):
    big, next_to_it = PAIRS[0]
    records = []
    for n, number in enumerate((big, next_to_it)):
        record = row(
            n,
            event_time=f"2024-03-01 10:0{n}:00.000000",
            event_properties={"big": "@", "list": ["@", 1]},
            user_properties={"email": "@"},
            groups={"firm": ["@"]},
        )
        records.append(with_number(record, number))

    ended = road.send(command, records, EXPORT)

    assert ended.code == 0, ended.log
    events = sorted(destination.events(service), key=lambda event: event.id)
    assert [event.properties["big"] for event in events] == [big, next_to_it]
    assert [event.properties["list"] for event in events] == [[big, 1], [next_to_it, 1]]
    assert [destination.groups_of(event)["firm"] for event in events] == [big, next_to_it]
    assert emails(destination, service) == {"u1": next_to_it}


def with_number(record, number):
    """Return a record as JSON, with a number wherever it says "@"."""
    return json.dumps(record).replace('"@"', number).encode()
