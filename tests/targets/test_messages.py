"""Messages with parts that are missing, null or of another type: a sentence, never a traceback."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from tests.destinations import DESTINATIONS
from tests.end_to_end.commands import Command
from tests.singer_delivery.toys import PlayedClock

ORDERS = {"event": "Order", "distinct_id": "customer", "timestamp": "at"}
STREAMS = {"orders": ORDERS, "o": ORDERS}
RECORD = {"id": 1, "customer": "ann", "at": "2026-03-01T10:00:00Z", "total": 9.5}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {name: {} for name in RECORD}},
    "key_properties": ["id"],
}
MESSAGES: dict[str, dict[str, Any]] = {
    "SCHEMA": SCHEMA,
    "RECORD": {"type": "RECORD", "stream": "orders", "record": RECORD},
    "BATCH": {
        "type": "BATCH",
        "stream": "orders",
        "encoding": {"format": "jsonl", "compression": "none"},
        "manifest": ["gone.jsonl"],
    },
    "STATE": {"type": "STATE", "value": {"seen": 1}},
    "ACTIVATE_VERSION": {"type": "ACTIVATE_VERSION", "stream": "orders", "version": 1},
}
MISSING = object()
ODD = (MISSING, None, 7, "x", [], {}, [7], ["x"], {"x": 7}, 2**70, "\ud83d")
WITHIN = {
    "SCHEMA": [("schema", "properties"), ("schema", "properties", "id"), ("schema", "type")],
    "BATCH": [("encoding", "format"), ("encoding", "compression")],
    "RECORD": [("record", name) for name in RECORD],
}
MAPS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "by stream maps": {"stream_maps": {"orders": {"customer": "md5(customer)"}}},
    "under an alias": {"stream_maps": {"orders": {"__alias__": "o"}}},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 2},
    "removed": {"stream_maps": {"__else__": None}},
}


def changed(message: Any, path: tuple[str, ...], value: Any) -> Any:
    """Return a message with another value at a place in it."""
    name, *rest = path
    if rest:
        return {**message, name: changed(message[name], tuple(rest), value)}
    other = {key: of for key, of in message.items() if key != name}
    return other if value is MISSING else {**other, name: value}


def odd_messages(kind: str) -> list[bytes]:
    message = MESSAGES[kind]
    paths = [(name,) for name in message] + WITHIN.get(kind, [])
    return [json.dumps(changed(message, path, odd)).encode() for path, odd in product(paths, ODD)]


@pytest.fixture
def command(tmp_path, destination, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        **destination.unkeyed,
        "dry_run": True,
        "streams": STREAMS,
        "max_dead_letters": "100%",
        "processes": 0,
    }
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


IN_BRIEF = {(kind, "as it is") for kind in ("SCHEMA", "STATE", "ACTIVATE_VERSION")}


@pytest.mark.parametrize(
    ("kind", "maps"),
    [
        pytest.param(kind, maps, marks=() if (kind, maps) in IN_BRIEF else pytest.mark.slow)
        for kind, maps in product(MESSAGES, MAPS)
    ],
)
def test_no_message_makes_a_traceback(command, kind, maps):
    command.config |= MAPS[maps]
    before = [b"" if kind == "SCHEMA" else json.dumps(SCHEMA).encode()]
    for odd in odd_messages(kind):
        after = [json.dumps(MESSAGES[name]).encode() for name in ("RECORD", "STATE")]
        ended = command.run(b"\n".join([*before, odd, *after]) + b"\n")

        assert "Traceback" not in ended.log, (odd, ended.log)
        assert ended.code in (0, 1), odd
        if ended.code:
            errors = [line for line in ended.log.splitlines() if line.strip()]
            assert errors[-1].endswith("."), (odd, errors)


ADDRESSES = [
    "",
    "a\0b",
    "file://",
    "file://a%00b",
    "s3://b/c",
    "C:\\x",
    "..",
    "file://localhost/gone",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_file_that_is_none_gets_a_sentence(command, address):
    batch = {**MESSAGES["BATCH"], "manifest": [address]}
    lines = [json.dumps(each).encode() for each in (SCHEMA, batch)]

    ended = command.run(b"\n".join([*lines, b""]))

    assert ended.code == 1
    assert "BATCH message" in ended.log
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("maps", MAPS)
@pytest.mark.parametrize("road", ["RECORD", "BATCH"])
def test_one_record_of_any_kind_ends_no_run(command, tmp_path, maps, road):
    """It is delivered, skipped or a dead letter with its reason; the ones after it go on."""
    command.config |= MAPS[maps]
    odd = [
        json.dumps(changed(RECORD, (name,), value)).encode() for name, value in product(RECORD, ODD)
    ] + [b"[7]", b"null", b'{"id":', b"\xff", b'{"id":NaN}', b"{}"]
    good = json.dumps(RECORD).encode()
    if road == "RECORD":
        head = b'{"type": "RECORD", "stream": "orders", "record": '
        lines = [head + row + b"}" for row in [*odd, good]]
    else:
        (tmp_path / "gone.jsonl").write_bytes(b"\n".join([*odd, good]))
        lines = [json.dumps(MESSAGES["BATCH"]).encode()]

    ended = command.run(b"\n".join([json.dumps(SCHEMA).encode(), *lines, b""]))

    assert ended.code == 0, ended.log
    counts = list(command.report["streams"].values())
    assert sum(each["read"] for each in counts) == len(odd) + 1
    assert sum(each["undecided"] for each in counts) == 0


@pytest.mark.parametrize("destination", DESTINATIONS[:1], ids=str)
@pytest.mark.parametrize(
    ("value", "given_back"),
    [
        (b'{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a":0.1,"b":"\xc3\xbc"}', {"a": 0.1, "b": "ü"}),
        (b"null", None),
    ],
)
def test_state_is_given_back_as_it_came(command, destination, value, given_back):
    with destination.open() as service:
        command.config = {**destination.settings(service), "streams": STREAMS}
        ended = command.run(b'{"type":"STATE","value":%b}\n' % value)
    assert ended.code == 0, ended.log
    assert ended.states == ([] if given_back is None else [given_back])
