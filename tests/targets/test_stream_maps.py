"""Streams that the SDK renames, copies, filters, flattens or removes: on both roads, and again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.end_to_end.commands import Command
from tests.examples import first_of
from tests.singer_delivery.toys import PlayedClock

ORDERS = {"event": "Order", "distinct_id": "customer_id", "timestamp": "created_at"}
COLUMNS = ("id", "customer_id", "created_at", "cents")
ROADS = ["RECORD", "BATCH"]


def schema(stream: str = "orders", **properties: Any) -> dict[str, Any]:
    described = {name: {"type": ["string", "integer", "null"]} for name in COLUMNS}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": {**described, **properties}},
        "key_properties": ["id"],
    }


def order(number: int, **columns: Any) -> dict[str, Any]:
    at = "2026-03-01T10:00:00Z"
    return {"id": number, "customer_id": "ann@x.test", "created_at": at, "cents": 500, **columns}


STATE = {"type": "STATE", "value": {"seen": 1}}


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {**destination.settings(service), "streams": {"orders": ORDERS}}
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def on(road: str, command: Command, *rows: dict[str, Any], stream: str = "orders") -> bytes:
    """Return the messages that bring rows: RECORD messages, or a BATCH with a relative path."""
    if road == "RECORD":
        each = [{"type": "RECORD", "stream": stream, "record": row} for row in rows]
    else:
        name = f"{stream}#1.jsonl"
        (command.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        each = [{"type": "BATCH", "stream": stream, "encoding": {"format": "jsonl"},
                 "manifest": [name]}]  # fmt: skip
    return lines(*each)


def lines(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


def counts(command: Command) -> dict[str, tuple[int, int, dict[str, int]]]:
    streams = command.report["streams"].items()
    return {name: (of["read"], of["delivered"], of["skipped"]) for name, of in streams}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("maps", "rule"),
    [
        ({"audit": None}, "stream_maps: null"),
        ({"audit": "__NULL__"}, "stream_maps: null"),
        ({"aud*": None}, "stream_maps: null"),
        ({"orders": {}, "__else__": None}, "stream_maps: __else__: null"),
        ({"orders": {}, "__else__": "__NULL__"}, "stream_maps: __else__: null"),
    ],
)
def test_a_removed_stream_is_passed_over_and_counted(command, road, maps, rule):
    command.config["stream_maps"] = maps
    audits = on(road, command, {"id": 1}, {"id": 2}, stream="audit")
    both = lines(schema(), schema("audit")) + on(road, command, order(1)) + audits

    ended = command.run(both + lines(STATE))

    assert ended.code == 0, ended.log
    assert ended.states == [STATE["value"]]
    assert counts(command) == {"orders": (1, 1, {}), "audit": (2, 0, {rule: 2})}
    assert not list(command.folder.glob("*.jsonl")), "files of removed streams are taken as well"


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("came_as", "maps"),
    [
        ("public-orders", {"public-orders": {"__alias__": "orders"}}),
        ("public-orders", {"*-orders": {"__alias__": "orders"}}),
        ("public-orders", {"public-orders": None, "orders": {"__source__": "public-orders"}}),
        ("public-orders", {"__else__": None, "orders": {"__source__": "public-orders"}}),
    ],
)
def test_a_stream_is_read_under_its_alias(command, destination, service, road, came_as, maps):
    command.config["stream_maps"] = maps

    ended = command.run(lines(schema(came_as)) + on(road, command, order(1), stream=came_as))

    assert ended.code == 0, ended.log
    assert counts(command)["orders"] == (1, 1, {})
    assert destination.people(service) == ["ann@x.test"]


@pytest.mark.parametrize("road", ROADS)
def test_a_stream_may_become_several(command, destination, service, road):
    command.config["streams"] = {"orders": ORDERS, "copies": {**ORDERS, "event": "Copy"}}
    command.config["stream_maps"] = {
        "copies": {"__source__": "orders", "__filter__": "cents > 500"},
    }

    ended = command.run(lines(schema()) + on(road, command, order(1), order(2, cents=900)))

    assert ended.code == 0, ended.log
    assert counts(command) == {
        "orders": (2, 2, {}),
        "copies": (2, 1, {"stream_maps: __filter__": 1}),
    }
    assert sorted(each.name for each in destination.events(service)) == ["Copy", "Order", "Order"]


@pytest.mark.parametrize("road", ROADS)
def test_a_map_that_fails_on_a_record_makes_a_dead_letter(command, road):
    command.config["stream_maps"] = {"orders": {"cents": "cents / 100"}}
    command.config["max_dead_letters"] = "100%"
    rows = [order(1), order(2, cents="SECRET"), order(3)]

    ended = command.run(lines(schema()) + on(road, command, *rows) + lines(STATE))

    assert ended.code == 0, ended.log
    assert ended.states == [STATE["value"]]
    (letter,) = command.dead_letters
    assert {**rows[1], "_dead_letter": letter["_dead_letter"]} == letter
    assert letter["_dead_letter"]["reason"] == "stream_map_failed"
    assert "SECRET" not in letter["_dead_letter"]["detail"] + ended.log
    assert f"1 in {command.dead_letter_path} (stream_map_failed 1)" in ended.log


MD5 = hashlib.md5(b"ann@x.test").hexdigest()
NESTED = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("processes", first_of([1, 0]))
@pytest.mark.parametrize("flattens", first_of([True, False]))
def test_dead_letters_are_mended_and_piped_back_and_mapped_once(
    command, destination, service, road, processes, flattens
):
    command.config |= {
        "stream_maps": {"orders": {"customer_id": "md5(customer_id)", "cents": "cents / 100"}},
        "processes": processes,
        "max_dead_letters": "100%",
        "flattening_enabled": flattens,
        "flattening_max_depth": 1,
    }
    of_tap = schema(ship=NESTED, _sdc_batched_at={"type": "string"})
    rows = [order(1, cents=1999), order(2, created_at="yesterday", ship={"city": "Bonn"})]

    ended = command.run(lines(of_tap) + on(road, command, *rows))
    assert ended.code == 0, ended.log
    kept_schema, letter = map(json.loads, command.dead_letter_path.read_text().splitlines())
    assert kept_schema == of_tap
    assert {**letter["record"], "_dead_letter": None} == {**rows[1], "_dead_letter": None}

    letter["record"]["created_at"] = order(2)["created_at"]
    ended = command.run(lines(kept_schema, letter))
    assert ended.code == 0, ended.log

    arrived = {event.properties["id"]: event for event in destination.events(service)}
    assert {event.person for event in arrived.values()} == {MD5}
    assert {number: of.properties["cents"] for number, of in arrived.items()} == {1: 19.99, 2: 5.0}
    shipped = {"ship__city": "Bonn"} if flattens else {"ship": {"city": "Bonn"}}
    assert arrived[2].properties.items() >= shipped.items()
    assert not [name for name in arrived[2].properties if "dead_letter" in name]


@pytest.mark.parametrize(
    ("maps", "says"),
    [
        ({"orders": "nonsense"}, "`stream_maps"),
        ({"__elze__": None}, "`stream_maps"),
        ({"orders": {"id": None}}, "`stream_maps` cannot be used: Removing key property 'id'"),
        ({"orders": {"cents": "cents /"}}, "`stream_maps` cannot be used: Failed to parse"),
        ({"orders": {"__filter__": "("}}, "`stream_maps` cannot be used: Failed to parse"),
        ({"orders": {"__alias__": "a b"}}, "`stream_maps` cannot be used: Failed to evaluate"),
        ({"orders": {"__else__": "x"}}, "`stream_maps"),
        ({"orders": {"cents": ["x"]}}, "`stream_maps"),
        ({"orders": {"__key_properties__": ["nope"]}}, "`stream_maps` cannot be used: Invalid key"),
    ],
)
def test_maps_that_cannot_be_used_get_a_sentence(command, service, maps, says):
    command.config["stream_maps"] = maps

    ended = command.run(lines(schema()) + on("RECORD", command, order(1)))

    assert ended.code == 1
    assert says in ended.log
    assert "Traceback" not in ended.log
    assert service.journal == []
