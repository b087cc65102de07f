"""What a user gets for a broken line, a full disk, a stream without a mapping: one clear sentence.

Wrong settings are in `tests/targets/test_settings.py`.
"""

from __future__ import annotations

import json

import pytest

from tests.analytics_records.named_columns.test_times import FORMS
from tests.end_to_end.commands import Command
from tests.singer_delivery.toys import PlayedClock

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {"id": {}, "customer": {}, "at": {}, "total": {}}},
    "key_properties": ["id"],
}
OTHERS = ["03/01/2026", "2026-W09-7", "2026-060", {"$date": "2026-03-01T10:11:12Z"}]
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
    sent = json.loads(line)["event"]
    assert "Order Placed" in (sent.get("event"), sent.get("event_type"))
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


def test_most_of_a_short_run_may_not_be_dead_letters_and_state_does_not_pass_them(command):
    bad = [order(number, customer=None) for number in range(10)]

    ended = command.run(lines(SCHEMA, *bad, {"type": "STATE", "value": {"seen": 10}}))

    assert ended.code == 1
    assert "10 of 10 records became dead letters, more than `max_dead_letters` (20%)" in ended.log
    assert ended.states == []


def test_a_doubt_that_later_records_remove_holds_no_state_back(command):
    few, more = [order(1, customer=None), order(2)], [order(number) for number in range(3, 12)]
    states = [{"type": "STATE", "value": {"seen": number}} for number in (2, 11)]

    ended = command.run(lines(SCHEMA, *few, states[0], *more, states[1]))

    assert ended.code == 0, ended.log
    assert ended.states[-1] == {"seen": 11}


def test_a_doubt_about_too_few_records_holds_no_state_back_at_the_end(command):
    messages = [SCHEMA, order(1, customer=None), order(2), {"type": "STATE", "value": {"seen": 2}}]

    ended = command.run(lines(*messages))

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 2}]


def test_a_column_that_the_schema_lacks_is_a_sentence_before_anything_is_sent(command, service):
    command.config["streams"] = {"orders": {**COLUMNS["orders"], "timestamp": "AT "}}

    ended = command.run(lines(SCHEMA, *(order(number) for number in range(10))))

    assert ended.code == 1
    assert "Stream 'orders' has no column `AT `, which `streams` names as its `timestamp`" in (
        ended.log
    )
    assert "Did you mean `at`?" in ended.log
    assert "Traceback" not in ended.log
    assert service.journal == []


KEYLESS = {**SCHEMA, "key_properties": []}
EQUAL = [order(1), order(1), order(2), order(1)]


def test_equal_rows_without_an_id_are_one_event_and_that_is_said(command, destination, service):
    ended = command.run(lines(KEYLESS, *EQUAL, KEYLESS, order(2)))

    assert ended.code == 0, ended.log
    assert ended.log.count("equal rows become one event") == 1
    assert command.report["notes"]["equal_rows_are_one_event"] == 3
    assert len(destination.kept(service)) == 2


def test_a_row_number_keeps_equal_rows_apart_in_every_order(command, destination, service):
    command.config["streams"] = {"orders": {**COLUMNS["orders"], "insert_id": {"row_number": True}}}

    for rows in (EQUAL, EQUAL[::-1]):
        ended = command.run(lines(KEYLESS, *rows[:2], KEYLESS, *rows[2:]))
        assert ended.code == 0, ended.log
        assert "equal rows" not in ended.log

    assert len(destination.kept(service)) == len(EQUAL)


def test_a_stream_with_a_key_gets_no_warning(command):
    ended = command.run(lines(SCHEMA, order(1), order(1)))

    assert "equal rows" not in ended.log
    assert "equal_rows_are_one_event" not in command.report["notes"]


def test_times_are_read_in_every_form_with_one_meaning_and_others_say_what_to_do(command):
    forms = [order(number, at=value) for number, (value, _) in enumerate(FORMS)]
    others = [order(100 + number, at=value) for number, value in enumerate(OTHERS)]

    ended = command.run(lines(SCHEMA, *forms, *others))

    assert ended.code == 0, ended.log
    counts = command.report["streams"]["orders"]
    assert (counts["delivered"], counts["dead"]) == (len(forms), {"no_time": len(others)})
    details = [each["_dead_letter"]["detail"] for each in command.dead_letters]
    assert all("`at` of `orders` is" in detail for detail in details)
    assert sum("name its form as `timestamp_format`" in detail for detail in details) == 3
    assert details[-1].endswith("is neither text nor a number")
