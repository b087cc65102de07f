from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from singer_delivery.errors import StorageError
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters

from tests.singer_delivery.disks import full_disk


def letter(record: str = '{"id":1}', stream: str = "events", **fields: Any) -> DeadLetter:
    message = f'{{"type":"RECORD","stream":"{stream}","record":{record}}}\n'.encode()
    said = {"reason": "no_identity", "detail": "it names nobody", "attempts": 0, "endpoint": ""}
    return DeadLetter(stream, message, **{**said, **fields})


def schema(stream: str = "events", **columns: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in columns.items()}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": ["id"],
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "dead.singer"


@pytest.fixture
def letters(path: Path) -> DeadLetters:
    return DeadLetters(path, now=lambda: 1_800_000_000.0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def kinds(path: Path) -> list[tuple[str, str]]:
    return [(line["type"], line["stream"]) for line in lines(path)]


def test_without_letters_there_is_no_file(letters, path):
    letters.know_schema(schema())
    letters.flush()
    letters.close()
    assert not path.exists()


def test_a_letter_is_the_record_with_its_reason(letters, path):
    letters.add(letter('{"id":1,"name":"Zoë"}', reason="refused", attempts=3, endpoint="/batch/"))
    letters.close()
    [line] = lines(path)
    assert line["type"] == "RECORD"
    assert line["stream"] == "events"
    assert line["record"] == {
        "id": 1,
        "name": "Zoë",
        "_dead_letter": {
            "reason": "refused",
            "detail": "it names nobody",
            "attempts": 3,
            "endpoint": "/batch/",
            "at": "2027-01-15T08:00:00+00:00",
        },
    }


def test_a_stream_s_schema_comes_before_its_first_letter_and_once(letters, path):
    letters.know_schema(schema("events"))
    letters.know_schema(schema("users"))
    for stream in ("events", "events", "users", "events"):
        letters.add(letter(stream=stream))
    letters.close()
    assert kinds(path) == [
        ("SCHEMA", "events"),
        ("RECORD", "events"),
        ("RECORD", "events"),
        ("SCHEMA", "users"),
        ("RECORD", "users"),
        ("RECORD", "events"),
    ]


def test_a_changed_schema_is_written_again(letters, path):
    for columns in ({"id": "integer"}, {"id": "string"}):
        letters.know_schema(schema(**columns))
        letters.add(letter())
    letters.close()
    assert [kind for kind, _ in kinds(path)] == ["SCHEMA", "RECORD"] * 2
    assert lines(path)[2]["schema"]["properties"] == {"id": {"type": "string"}}


def test_the_next_run_appends_and_says_its_schema(path):
    for _ in range(2):
        letters = DeadLetters(path)
        letters.know_schema(schema())
        letters.add(letter())
        letters.close()
    assert [kind for kind, _ in kinds(path)] == ["SCHEMA", "RECORD"] * 2


def test_numbers_survive_as_they_were(letters, path):
    letters.add(letter(f'{{"id":{2**200},"negative":-{2**64},"float":0.1}}'))
    letters.close()
    text = path.read_text()
    assert f'"id":{2**200},"negative":-{2**64},"float":0.1' in text


def test_a_letter_that_was_dead_before_carries_the_new_reason_alone(letters, path):
    letters.add(letter('{"id":1,"_dead_letter":{"reason":"old"}}', reason="new"))
    letters.close()
    assert lines(path)[0]["record"]["_dead_letter"]["reason"] == "new"


@pytest.mark.parametrize("depth", [100, 950, 1_000, 1_015])
def test_a_record_as_deep_as_can_be_read_can_be_laid_aside(letters, path, depth):
    deep = letter(f'{{"id":{"[" * depth}{"]" * depth}}}')
    assert orjson.loads(deep.message)["type"] == "RECORD"
    letters.add(deep)
    letters.close()
    line = orjson.loads(path.read_bytes())
    assert line["record"]["_dead_letter"]["reason"] == "no_identity"
    assert b"[" * depth in path.read_bytes()


def test_every_line_can_be_read_back_by_the_target_s_own_parser(letters, path):
    letters.know_schema(schema())
    letters.add(letter(r'{"id":"\u0000 \ud83e\udd86 \n","b":1e300}'))
    letters.close()
    read = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert read[1]["record"]["id"] == "\0 🦆 \n"


def test_the_file_is_for_its_owner_alone(letters, path):
    letters.add(letter())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    letters.close()


def test_a_letter_can_be_read_by_others_at_once(letters, path):
    letters.add(letter())
    assert len(lines(path)) == 1
    letters.flush()
    assert len(lines(path)) == 1
    letters.close()


def test_a_line_torn_by_a_killed_run_is_removed(path):
    letters = DeadLetters(path)
    letters.add(letter())
    letters.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"RECORD","str' + b"x" * 200_000)
    letters = DeadLetters(path)
    letters.add(letter('{"id":2}'))
    letters.close()
    assert [line["record"]["id"] for line in lines(path)] == [1, 2]
    assert path.read_bytes().startswith(whole)


def test_a_file_that_is_nothing_but_torn_is_emptied(path):
    path.parent.mkdir()
    path.write_bytes(b"x" * 200_000)
    letters = DeadLetters(path)
    letters.add(letter())
    letters.close()
    assert len(lines(path)) == 1


def test_two_runs_that_share_a_file_lose_no_letter(path):
    first, second = DeadLetters(path), DeadLetters(path)
    for number in range(10):
        first.add(letter(f'{{"id":"first {number}"}}'))
        second.add(letter(f'{{"id":"second {number}"}}'))
    first.close()
    second.close()
    expected = {f"{who} {number}" for who in ("first", "second") for number in range(10)}
    assert {line["record"]["id"] for line in lines(path)} == expected


KILLED = """
import os, sys
from pathlib import Path
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters
letters = DeadLetters(Path(sys.argv[1]))
letters.add(DeadLetter("events", b'{"type":"RECORD","record":{}}', "refused", "", 1, ""))
letters.flush()
os._exit(9)
"""


def test_a_flushed_letter_outlives_a_killed_run(path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert ended.returncode == 9
    assert len(lines(path)) == 1


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    letters = DeadLetters(tmp_path / "file" / "dead.singer")
    with pytest.raises(StorageError, match="dead_letter_path"):
        letters.add(letter())
    letters.close()


def test_a_full_disk_is_a_storage_error_that_quotes_nobody(letters, path):
    letters.add(letter())
    with full_disk(20_000), pytest.raises(StorageError) as caught:
        letters.add(letter('{"id":"someone@example.com' + "x" * 50_000 + '"}'))
    assert str(path) in str(caught.value)
    assert "someone@example.com" not in str(caught.value)
    letters.close()


def test_after_a_failure_nothing_is_promised_again(letters):
    letters.add(letter())
    with full_disk(20_000), pytest.raises(StorageError):
        letters.add(letter('{"id":"' + "x" * 50_000 + '"}'))
    with pytest.raises(StorageError):
        letters.flush()
    with pytest.raises(StorageError):
        letters.add(letter())
    letters.close()


def test_closing_on_a_full_disk_raises_nothing(letters, path):
    letters.add(letter())
    with full_disk(path.stat().st_size):
        with pytest.raises(StorageError):
            letters.add(letter('{"id":2}'))
        letters.close()


def test_the_warning_names_the_file_the_reasons_and_an_example(letters, path):
    assert letters.warning() is None
    for number in range(3):
        reason = "no_time" if number == 1 else "no_identity"
        letters.add(letter('{"id":"SECRET"}', reason=reason, detail=f"number {number}"))
    letters.close()
    assert letters.warning() == (
        f"Dead letters: 3 in {path} (no_identity 2, no_time 1). For example a record of stream "
        f"'events' (no_identity): number 0. `singer-delivery dead-letters summary {path}` says "
        "what to do for each reason; `dead-letters retry` sends them again."
    )


def test_a_letter_is_kept_to_the_byte(letters, path):
    came = '{"f":0.1000000000000000055,"e":1E400,"t":"\\u00fc","_dead_letter":{"old":1},"z":[ 1 ]}'
    letters.add(letter(came))
    letters.close()
    kept = path.read_text()
    for written in ('"f":0.1000000000000000055', '"e":1E400', '"t":"\\u00fc"', '"z":[ 1 ]'):
        assert written in kept
    assert '"old"' not in kept


def test_a_schema_is_kept_as_it_was_when_it_came(letters, path):
    message = schema(id="integer")
    letters.know_schema(message)
    message["schema"]["properties"].clear()
    letters.add(letter())
    letters.close()
    assert lines(path)[0] == schema(id="integer")
