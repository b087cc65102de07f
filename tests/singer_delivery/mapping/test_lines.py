"""A line as its clean record, or why it is none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from singer_delivery.mapping.lines import read
from singer_delivery.model import Unmappable


def both(record: bytes) -> list[Any]:
    """Return what a record is read as: in a line of its own, and in a message."""
    message = b'{"type":"RECORD","stream":"s","record":%b}' % record
    return [attempt(record, is_message=False), attempt(message, is_message=True)]


def attempt(line: bytes, *, is_message: bool) -> Any:
    try:
        return read(line, is_message=is_message, service="Elsewhere")
    except Unmappable as error:
        return (error.reason, error.detail)


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'{"a":"x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'{"a":"\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a":1e999}', {"a": "1e999"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b"{}", {}),
    ],
)
def test_a_line_and_a_message_are_read_alike(line: bytes, record: dict[str, Any]) -> None:
    assert both(line) == [record, record]


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"a":"x\\ud83d"}', {"a": "x\ufffd"}),
        (b'{"a":"x\x00y"}', {"a": "x\ufffdy"}),
        (b'{"a":NaN,"b":{"c":-Infinity,"d":1}}', {"b": {"d": 1}}),
        (b'{"a":NaN,"b":"\\u0000","c":1e999}', {"b": "\ufffd", "c": "1e999"}),
    ],
)
def test_what_no_strict_json_holds_is_mended_in_a_line_and_in_a_message(
    line: bytes, record: dict[str, Any]
) -> None:
    assert both(line) == [record, record]


def test_what_nests_too_deep_is_refused_with_the_name_of_the_service() -> None:
    refused = ("nested_too_deep", "a value nests deeper than 200 levels; Elsewhere cannot read it")
    assert both(b'{"a":%b}' % (b"[" * 300 + b"1" + b"]" * 300)) == [refused] * 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[1]", "it is JSON, but no object"),
        (b"7", "it is JSON, but no object"),
        (b'{"a":', "column"),
        (b'{"a":nan}', "column"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b"", "column"),
    ],
)
def test_a_line_that_is_no_record_says_why(line: bytes, words: str) -> None:
    with pytest.raises(Unmappable, match=words) as caught:
        read(line, is_message=False, service="Elsewhere")
    assert caught.value.reason == "bad_line"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type":"RECORD"}', "it has no record"),
        (b'{"record":null}', "it has no record"),
        (b'{"record":[{}]}', "it has no record"),
        (b"[]", "it is JSON, but no object"),
        (b'{"record":', "column"),
    ],
)
def test_a_message_without_a_record_says_so(line: bytes, words: str) -> None:
    with pytest.raises(Unmappable, match=words) as caught:
        read(line, is_message=True, service="Elsewhere")
    assert caught.value.reason == "bad_line"


def test_a_clean_record_is_what_json_says() -> None:
    record = {"a": [1, 2.5, None, {"b": "ü"}], "c": True}
    assert both(orjson.dumps(record)) == [record, record]
