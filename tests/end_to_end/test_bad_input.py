"""What a user gets for a broken line, a full disk, a stream without a mapping: one clear sentence.

Wrong settings are in `tests/targets/test_settings.py`.
"""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.commands import Command
from tests.singer_delivery.toys import PlayedClock

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {"id": {}, "customer": {}, "at": {}, "total": {}}},
    "key_properties": ["id"],
}
COLUMNS = {"orders": {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"}}


def order(number, **columns):
    record = {
        "id": number,
        "customer": f"customer-{number}",
        "at": "2024-05-01T10:00:00Z",
        **columns,
    }
    return {"type": "RECORD", "stream": "orders", "record": record}


def lines(*messages):
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    config = {**destination.settings(service), "streams": COLUMNS}
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def test_a_plain_stream_is_loaded_by_naming_its_columns(command, destination, service):
    ended = command.run(
        lines(SCHEMA, order(1, total=9.5), order(2), {"type": "STATE", "value": {"seen": 2}})
    )

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 2}]
    arrived = {event.person: event for event in destination.events(service)}
    assert arrived.keys() == {"customer-1", "customer-2"}
    assert arrived["customer-1"].name == "Order Placed"
    assert arrived["customer-1"].properties["total"] == 9.5


def test_a_stream_nobody_named_gets_a_sentence_that_says_how(command, service):
    del command.config["streams"]

    ended = command.run(lines(SCHEMA, order(1)))

    assert ended.code == 1
    assert "Stream 'orders' is no Amplitude export" in ended.log
    assert '{"orders": {"event": "Order Placed"' in ended.log
    assert "Traceback" not in ended.log
    assert service.journal == []


BROKEN = b'{"type": "RECORD", "stream": "orders", "record": {"customer": "secret-person"'


def test_a_record_that_is_no_json_is_a_dead_letter_and_the_next_arrives(command):
    state = {"type": "STATE", "value": {"seen": 3}}
    ended = command.run(lines(SCHEMA, order(1)) + BROKEN + b"\n" + lines(order(3), state))

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 3}]
    counts = command.report["streams"]["orders"]
    assert (counts["delivered"], counts["dead"]) == (2, {"bad_line": 1})
    (letter,) = command.dead_letters
    assert letter["_dead_letter"]["message"] == BROKEN.decode()
    assert "secret-person" not in ended.log


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (BROKEN, "Line 3 of the input is cut off, and is not valid JSON"),
        (BROKEN.replace(b"orders", b"others") + b"\n", "Line 3 of the input is not valid JSON"),
        (b"secret-person\n", "Line 3 of the input is not valid JSON"),
        (b'{"type": "STATE", "value": {"secret-person": NaN}}\n', "Line 3 of the input is not"),
    ],
)
def test_a_line_that_is_no_message_is_named_by_its_number_and_never_quoted(command, line, says):
    ended = command.run(lines(SCHEMA, order(1)) + line)

    assert ended.code == 1
    assert says in ended.log
    assert "secret-person" not in ended.log
    assert "Traceback" not in ended.log


def test_blank_lines_are_passed_over(command):
    ended = command.run(b"\n" + lines(SCHEMA) + b"  \n" + lines(order(1)))

    assert ended.code == 0
    assert command.report["streams"]["orders"]["delivered"] == 1


def test_an_unwritable_ledger_stops_before_anything_is_sent(command, service, tmp_path):
    (tmp_path / "taken").mkdir()
    command.config["ledger_url"] = f"sqlite:///{tmp_path / 'taken'}"

    ended = command.run(lines(SCHEMA, order(1), {"type": "STATE", "value": {"seen": 1}}))

    assert ended.code == 1
    assert "The ledger cannot be used" in ended.log
    assert ended.states == []
    assert service.journal == []


def test_dead_letters_that_cannot_be_written_stop_the_run_before_state_moves(command, tmp_path):
    (tmp_path / "taken").mkdir()
    command.config["dead_letter_path"] = str(tmp_path / "taken")

    ended = command.run(
        lines(SCHEMA, order(1, customer=None), {"type": "STATE", "value": {"seen": 1}})
    )

    assert ended.code == 1
    assert "The dead letters could not be written" in ended.log
    assert ended.states == []


def test_a_record_without_a_person_is_a_dead_letter_and_the_rest_arrives(command):
    ended = command.run(lines(SCHEMA, order(1, customer=None), order(2)))

    assert ended.code == 0
    assert command.report["streams"]["orders"]["delivered"] == 1
    assert sum(command.report["streams"]["orders"]["dead"].values()) == 1
    schema, letter = (
        json.loads(line) for line in command.dead_letter_path.read_text().splitlines()
    )
    assert schema == SCHEMA
    assert letter["record"]["id"] == 1
    assert letter["record"]["_dead_letter"]["reason"] == "no_identity"
    assert command.dead_letter_path.stat().st_mode & 0o777 == 0o600


def test_a_dry_run_writes_what_it_would_send_and_sends_nothing(
    command, destination, service, tmp_path
):
    command.config |= {"dry_run": True, "output_path": str(tmp_path / "dry.jsonl")}
    command.config |= destination.unkeyed

    ended = command.run(lines(SCHEMA, order(1), {"type": "STATE", "value": {"seen": 1}}))

    assert ended.code == 0, ended.log
    assert ended.states == []
    assert service.journal == []
    (line,) = (tmp_path / "dry.jsonl").read_text().splitlines()
    assert json.loads(line)["event"]["event"] == "Order Placed"
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_too_many_dead_letters_stop_the_run_before_state_passes_them(command):
    command.config["max_dead_letters"] = "2"
    bad = [order(number, customer=None) for number in range(3)]

    ended = command.run(lines(SCHEMA, order(9), *bad, {"type": "STATE", "value": {"seen": 4}}))

    assert ended.code == 1
    assert "3 of 4 records became dead letters, more than `max_dead_letters` (2)" in ended.log
    assert "no_identity (3)" in ended.log
    assert ended.states == []
    assert len(command.dead_letter_path.read_text().splitlines()) == 1 + 3
