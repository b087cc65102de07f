from __future__ import annotations

import io
from contextlib import contextmanager
from typing import Any

import pytest
from singer_delivery.sdk.reader import LineReader
from singer_sdk.singerlib.exceptions import InvalidInputLine

SECRET = b"someone@example.com"


def read(lines: bytes) -> tuple[LineReader, list[dict[str, Any]], Any]:
    reader, seen = LineReader(), []
    counts = reader.process_lines(io.BytesIO(lines), {"RECORD": seen.append, "STATE": seen.append})
    return reader, seen, counts


def test_messages_are_decoded_and_counted_by_type():
    _, seen, counts = read(b'{"type":"RECORD","a":1.5}\n{"type":"STATE"}\n{"type":"RECORD"}')
    assert seen == [{"type": "RECORD", "a": 1.5}, {"type": "STATE"}, {"type": "RECORD"}]
    assert counts == {"RECORD": 2, "STATE": 1}


def test_numbers_are_no_decimals():
    _, [message], _ = read(b'{"type":"RECORD","a":0.1}\n')
    assert type(message["a"]) is float


def test_blank_lines_are_passed_over():
    _, seen, counts = read(b'\n  \n{"type":"STATE"}\r\n\n')
    assert len(seen) == 1
    assert counts == {"STATE": 1}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"type":"RECORD","a":"' + SECRET, "is not valid JSON"),
        (b'["' + SECRET + b'"]', "is no JSON object"),
        (b'{"a":"' + SECRET + b'"}', "has no type"),
        (b'{"type":"' + SECRET + b'"}', "is of no known message type"),
        (b'{"type":["' + SECRET + b'"]}', "is of no known message type"),
        (b"\xff" + SECRET, "is not valid JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_number_and_not_quoted(line, what):
    with pytest.raises(InvalidInputLine) as caught:
        read(b'{"type":"STATE"}\n\n' + line + b"\n")
    assert str(caught.value).startswith(f"Line 3 of the input {what}")
    assert SECRET.decode() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_message_without_what_it_needs_says_what_is_missing():
    reader = LineReader()
    with pytest.raises(InvalidInputLine, match="has no record and no stream"):
        reader.assert_line_requires({"type": "RECORD"}, {"stream", "record", "type"})
    reader.assert_line_requires({"type": "RECORD"}, {"type"})


def test_while_a_message_is_processed_its_line_is_at_hand_and_the_reader_busy():
    reader, seen = LineReader(), []
    assert not reader.busy
    line = b'{"type":"STATE","value":1}\n'
    reader.process_lines(
        io.BytesIO(line * 2), {"STATE": lambda _message: seen.append((reader.line, reader.busy))}
    )
    assert seen == [(line.rstrip(b"\n"), True)] * 2
    assert reader.busy, "at the end nothing is waited for any more"


def test_between_messages_the_reader_is_not_busy():
    reader, seen = LineReader(), []

    def lines():
        for _ in range(2):
            seen.append(reader.busy)
            yield b'{"type":"STATE"}\n'

    reader.process_lines(lines(), {"STATE": lambda _message: None})  # type: ignore[arg-type]
    assert seen == [False, False]


def test_the_guard_learns_what_ended_the_reading():
    ended: list[BaseException] = []

    @contextmanager
    def guard():
        try:
            yield
        except BaseException as error:
            ended.append(error)
            raise

    reader = LineReader()
    reader.guard = guard
    with pytest.raises(InvalidInputLine) as caught:
        reader.process_lines(io.BytesIO(b"no json\n"), {})
    assert ended == [caught.value]
