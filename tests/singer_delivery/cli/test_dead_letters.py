"""`singer-delivery dead-letters summary|show|split`, by the words that people read."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli
from singer_delivery.cli.dead_letter_lines import Damaged, Letter, Schema, read_lines
from singer_delivery.errors import SettingsError
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters

from tests.singer_delivery.cli.letters import record, records, schema, write

BROKEN = b'{"type": "RECORD", "stream": "orders", "record": {"id": 9, "customer": "SECRET"\n'


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "dead.singer"
    letters = [
        (record(1, total="SECRET"), "no_identity"),
        (record(2), "refused"),
        (record(3), "no_identity"),
        (record(4, "users"), "no_identity"),
        (BROKEN, "bad_line"),
    ]
    write(path, letters, "orders", "users")
    return path


def run(*words):
    return CliRunner().invoke(cli, ["dead-letters", *map(str, words)], catch_exceptions=False)


def test_summary_counts_by_stream_and_reason_and_says_what_to_do(path):
    said = run("summary", path).output
    table = [line.split() for line in said.splitlines()[4:8]]
    assert [each[:3] for each in table] == [
        ["orders", "no_identity", "2"],
        ["orders", "bad_line", "1"],
        ["orders", "refused", "1"],
        ["users", "no_identity", "1"],
    ]
    assert "2024-03-17 12:00  2024-03-17 12:02" in said
    assert "no_identity (3)\n  Nothing in the record says whose it is" in said
    assert "For example: Words on refused." in said
    assert "SECRET" not in said


def test_summary_s_table_is_aligned(path):
    lines = run("summary", path).output.splitlines()[2:8]
    starts = [lines[1].index(rule) for rule in ("-  -",)]
    assert all(line[starts[0] + 1 : starts[0] + 3] == "  " for line in lines)


def test_summary_as_json(path):
    said = json.loads(run("summary", path, "--json").output)
    assert (said["letters"], said["damaged"]) == (5, 0)
    first = said["counts"][0]
    assert (first["stream"], first["reason"], first["letters"]) == ("orders", "no_identity", 2)
    assert (first["first"], first["last"]) == (
        "2024-03-17T12:00:00+00:00",
        "2024-03-17T12:02:00+00:00",
    )
    assert first["advice"]


def test_damaged_lines_are_named_and_the_others_counted(path):
    whole = path.read_bytes()
    path.write_bytes(b"SECRET\n" + whole + b'{"type":"STATE","value":{}}\n{"type":"REC')
    said = run("summary", path).output
    assert "3 lines are damaged" in said
    assert "line 1 is no Singer message" in said
    assert "is a STATE message, which has no place here" in said
    assert "is cut off" in said
    assert "5 dead letters" in said
    assert "SECRET" not in said


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path):
    with pytest.raises(SettingsError, match="nothing has become a dead letter"):
        run("summary", tmp_path / "none.singer")


def test_a_command_without_a_file_or_a_target_says_how_to_name_one():
    with pytest.raises(SettingsError, match="--target, --config"):
        run("summary")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], [1, 2, 3, 4]),
        (["--reason", "no_identity"], [1, 3, 4]),
        (["--reason", "no_identity", "--stream", "users"], [4]),
        (["--reason", "refused", "--reason", "no_identity", "--stream", "orders"], [1, 2, 3]),
        (["--limit", "2"], [1, 2]),
        (["--stream", "nobody"], []),
    ],
)
def test_show_prints_the_chosen_letters(path, options, shown):
    said = run("show", path, "--values", *options).stdout
    assert [number for number in range(1, 6) if f'"id": {number}' in said] == shown


def test_show_says_the_reason_beside_each_record(path):
    said = run("show", path, "--reason", "refused", "--values").stdout
    assert "orders · refused · 2024-03-17 12:01" in said
    assert "Words on refused." in said
    assert "_dead_letter" not in said


def test_show_quotes_nobody_into_a_pipe(path):
    said = run("show", path).stdout
    assert '"customer": "<text of 2>"' in said
    assert "SECRET" not in said
    assert "c1" not in said


def test_show_prints_the_ids_alone(path):
    said = run("show", path, "--ids-only", "--values", "--stream", "orders").stdout
    assert '"id": 1' in said
    assert "customer" not in said
    assert "SECRET" not in said


@pytest.mark.parametrize("odd", [b"1" * 5_000, b'"\xff"'])
def test_a_record_that_nobody_can_show_is_shown_as_such(path, odd):
    of = b'{"id": 6, "a": ' + odd + b', "_dead_letter": {"reason": "odd"}}'
    path.write_bytes(
        path.read_bytes() + b'{"type": "RECORD", "stream": "orders", "record": ' + of + b"}\n"
    )
    for options in ([], ["--values"], ["--ids-only"]):
        said = run("show", path, "--reason", "odd", *options).stdout
        assert "The record cannot be shown" in said
    assert "odd" in run("summary", path).output
    run("split", path)
    assert odd in path.with_name("dead.odd.singer").read_bytes()


def test_what_letters_say_does_nothing_to_the_terminal(tmp_path):
    odd, path = "\x1b[31m\x9b2J\u202e", tmp_path / "dead.singer"
    letters = DeadLetters(path)
    letters.add(DeadLetter(odd, record(1, odd, customer=odd), odd, odd, 1, odd))
    letters.close()
    said = run("summary", path).output + run("show", path, "--values").output
    assert '"id": 1' in said
    assert not {"\x1b", "\x9b", "\u202e"} & {*said}


def test_split_writes_a_file_for_each_reason_that_stands_by_itself(path):
    before = path.read_bytes()
    said = run("split", path).output
    found = {
        reason: [each["id"] for each in records(path.with_name(f"dead.{reason}.singer"))]
        for reason in ("no_identity", "refused")
    }
    assert found == {"no_identity": [1, 3, 4], "refused": [2]}
    lines = path.with_name("dead.no_identity.singer").read_bytes().splitlines()
    messages = [json.loads(line) for line in lines]
    assert [(each["type"], each["stream"]) for each in messages] == [
        ("SCHEMA", "orders"),
        ("RECORD", "orders"),
        ("RECORD", "orders"),
        ("SCHEMA", "users"),
        ("RECORD", "users"),
    ]
    assert messages[0] == schema("orders")
    assert path.read_bytes() == before
    assert "no_identity        3" in said


def test_split_overwrites_nothing_and_writes_none_then(path):
    taken = path.with_name("dead.refused.singer")
    taken.write_text("mine")
    with pytest.raises(SettingsError, match="is there already"):
        run("split", path)
    assert taken.read_text() == "mine"
    assert {each.name for each in path.parent.iterdir()} == {path.name, taken.name}


def test_split_puts_no_state_and_no_damaged_line_into_a_file(path):
    path.write_bytes(path.read_bytes() + b'{"type":"STATE","value":{}}\nno message\n')
    said = run("split", path, "--into", path.parent / "parts").output
    written = b"".join(each.read_bytes() for each in (path.parent / "parts").iterdir())
    assert b"STATE" not in written
    assert b"no message" not in written
    assert "2 lines are damaged" in said


def test_split_gives_each_letter_the_schema_of_its_time(tmp_path):
    path = tmp_path / "dead.singer"
    for number in (1, 2):
        write(path, [(record(number), "refused")])
    path.write_bytes(path.read_bytes().replace(b'"total":{}', b'"total":{"type":"string"}', 1))
    run("split", path)
    lines = path.with_name("dead.refused.singer").read_bytes().splitlines()
    assert lines == path.read_bytes().splitlines()


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"a":NaN}',
        '{"id":1,"a":1e999}',
        '{"id":1,"a":"\\ud83e"}',
        '{"id":123456789012345678901234567890}',
        '{"id":1,"a":[[[[]]]]}',
    ],
)
def test_a_letter_s_digest_is_the_same_whatever_its_mark(tmp_path, text):
    message = f'{{"type":"RECORD","stream":"orders","record":{text}}}\n'.encode()
    path = tmp_path / "dead.singer"
    write(path, [(message, "refused"), (message, "no_identity")])
    first, second = (
        line
        for line in read_lines(path.read_bytes().splitlines(keepends=True))
        if isinstance(line, Letter)
    )
    other = message.replace(b'"id":1', b'"id":2')
    write(path, [(other, "refused"), (first.content, "again")])
    *_, third, fourth = (
        line
        for line in read_lines(path.read_bytes().splitlines(keepends=True))
        if isinstance(line, Letter)
    )
    assert first.digest == second.digest == fourth.digest != third.digest


def test_lines_are_what_they_are(tmp_path):
    path = tmp_path / "dead.singer"
    write(path, [(record(1), "refused")])
    path.write_bytes(path.read_bytes() + b"\n[]\n")
    found = list(read_lines(path.read_bytes().splitlines(keepends=True)))
    assert [type(each) for each in found] == [Schema, Letter, Damaged]
    assert [each.number for each in found] == [1, 2, 4]
    assert found[-1].end == path.stat().st_size
