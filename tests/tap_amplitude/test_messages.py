from __future__ import annotations

import io
import json
import signal
from contextlib import redirect_stdout

import pytest
from singer_delivery.sdk.messages import LineWriter
from singer_sdk.helpers._batch import BaseBatchFileEncoding, SDKBatchMessage
from singer_sdk.singerlib import SchemaMessage, StateMessage


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_two_writes_ends_the_program_at_once(signum):
    with pytest.raises(SystemExit) as caught:
        LineWriter().stop(signum)
    assert caught.value.code == 128 + signum


def test_lines_wait_for_each_other_and_a_state_sends_them_off_in_order():
    writer, out = LineWriter(), io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        writer.write_lines(b'{"n":1}\n')
        writer.write_lines(b'{"n":2}\n')
        assert out.buffer.getvalue() == b""
        writer.write_message(StateMessage(value={"n": 3}))
        lines = out.buffer.getvalue().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"n": 1},
        {"n": 2},
        {"type": "STATE", "value": {"n": 3}},
    ]


@pytest.mark.parametrize(
    "message",
    [
        SchemaMessage("events", {}, []),
        StateMessage({}),
        SDKBatchMessage("events", BaseBatchFileEncoding("jsonl", "gzip"), ["file:///x"]),
    ],
    ids=lambda message: message.type,
)
def test_what_is_no_record_goes_out_at_once(message):
    writer, out = LineWriter(), io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        writer.write_message(message)
        assert json.loads(out.buffer.getvalue())["type"] == message.type


def test_text_printed_before_comes_first():
    out = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        out.write("first\n")
        writer = LineWriter()
        writer.write_lines(b"second\n")
        writer.flush()
    assert out.buffer.getvalue() == b"first\nsecond\n"


def test_a_stdout_of_text_is_served_too():
    writer, out = LineWriter(), io.StringIO()
    with redirect_stdout(out):
        writer.write_lines('{"ü":1}\n'.encode())
        writer.flush()
    assert out.getvalue() == '{"ü":1}\n'
