"""What no strict writer of JSON writes, in records: mended alike, whichever road they come by."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.commands import Command
from tests.examples import first_of
from tests.singer_delivery.toys import PlayedClock

SCHEMA = (
    b'{"type":"SCHEMA","stream":"orders","schema":{"properties":{"id":{},"customer":{},"at":{},'
    b'"total":{}}},"key_properties":["id"]}\n'
)
AT = b'"at":"2026-03-01T10:00:00Z"'
COLUMNS = {"orders": {"event": "Order", "distinct_id": "customer", "timestamp": "at"}}
ODD = {
    b"NaN": None,
    b"-Infinity": None,
    b"Infinity": None,
    b'{"a":[1,NaN],"b":NaN}': {"a": [1]},
    b'"x\\ud83d"': "x\ufffd",
    b'"\\ude00x"': "\ufffdx",
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'"a\\u0000b"': "a\ufffdb",
    b'"a\x00b"': "a\ufffdb",
    b'"a\tb"': "a\tb",
}
"""A value as it is written, and as it arrives."""


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    config = {**destination.settings(service), "streams": COLUMNS}
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


@pytest.mark.parametrize("processes", first_of([1, 0]))
@pytest.mark.parametrize(
    "maps", [None, {"orders": {"customer": "customer"}}], ids=["plain", "maps"]
)
@pytest.mark.parametrize("road", ["RECORD", "RECORD with blanks", "BATCH"])
def test_odd_values_are_absent_or_readable_and_the_rest_arrives(
    command, destination, service, tmp_path, road, maps, processes
):
    command.config |= {"processes": processes, "stream_maps": maps}
    rows = [
        b'{"id":%d,"customer":"c%d",%b,"total":%b}' % (number, number, AT, written)
        for number, written in enumerate(ODD)
    ]
    if road == "BATCH":
        (tmp_path / "rows.jsonl").write_bytes(b"\n".join(rows))
        batch = {"type": "BATCH", "stream": "orders", "encoding": {"format": "jsonl"},
                 "manifest": [f"file://{tmp_path}/rows.jsonl"]}  # fmt: skip
        came = json.dumps(batch).encode() + b"\n"
    else:
        head = b'{"type":"RECORD","stream":"orders","record":'
        head = head.replace(b",", b", ") if "blanks" in road else head
        came = b"".join(head + row + b"}\n" for row in rows)

    ended = command.run(SCHEMA + came + b'{"type":"STATE","value":{"seen":1}}\n')

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 1}]
    assert command.dead_letters == []
    arrived = {event.person: event.properties for event in destination.events(service)}
    assert {person: of.get("total") for person, of in arrived.items()} == {
        f"c{number}": value for number, value in enumerate(ODD.values())
    }


def test_a_dead_letter_keeps_what_was_odd_as_it_came(command):
    odd = b"".join(
        b'{"type":"RECORD","stream":"orders","record":{"id":%d,"customer":null,%b,"total":%b}}\n'
        % (number, AT, written)
        for number, written in enumerate([*ODD, b"1e999", b"0.1000000000000000055", b"9" * 30])
    )
    command.config["max_dead_letters"] = "100%"
    assert command.run(SCHEMA + odd).code == 0

    text = command.dead_letter_path.read_bytes()
    for written in (b"NaN", b"-Infinity", b'"x\\ud83d"', b"1e999", b"0.1000000000000000055"):
        assert b'"total":' + written in text
    assert b'"total":' + b"9" * 30 in text
    first = len(command.dead_letters)
    assert command.run(text).code == 0
    assert len(command.dead_letters) == 2 * first, "piped back, each is read again"
