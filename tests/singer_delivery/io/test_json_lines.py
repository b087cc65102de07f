from __future__ import annotations

import orjson
import pytest
from singer_delivery.mapping.json_lines import mended, read_json, reason_to_refuse


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b' {"a" : 1, "a" : 2}\r',
        b'{"n":12345678901234567890123,"f":1.0,"g":1E2}',
        b'{"n":1e999}',
        b'{"text":"\\u00fc \\ud83d\\ude00 \xc3\xbc"}',
    ],
)
def test_an_object_passes(line):
    assert reason_to_refuse(line) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"uuid":"1"', "column 12"),
        (b'{"a":1}{"b":2}', "column 8"),
        (b'{"a":NaN}', "column 6"),
        (b'{"a":1e999,"b":NaN}', "column"),
        (b'{"a":1e999,"b":"\\ud83d"}', "column"),
        (b'{"a":1e999,"b":"\xff"}', "column"),
        (b'{"a":1e999,"b":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "column"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\\ud83d"}', "surrogate"),
        (b"", "column 1"),
        (b"[1,2]", "it is JSON, but no object"),
        (b"null", "it is JSON, but no object"),
    ],
)
def test_whatever_else_is_refused_with_its_reason(line, why):
    assert why in reason_to_refuse(line)


def test_a_number_beyond_a_double_becomes_its_text_and_the_others_stay():
    line = b'{"a":-1e999,"b":[1.5,12345678901234567890123,18446744073709551615,-0.0],"c":"1e999"}'
    read = read_json(line)
    assert read == {
        "a": "-1e999",
        "b": [1.5, 12345678901234567890123.0, 18446744073709551615, 0.0],
        "c": "1e999",
    }
    assert [type(each) for each in read["b"]] == [float, float, int, float]
    assert read_json(b'{"a":' + b"9" * 400 + b"}") == {"a": "9" * 400}


def test_what_is_no_json_is_refused_as_orjson_refuses_it():
    with pytest.raises(orjson.JSONDecodeError, match="line 1 column"):
        read_json(b'{"a":')


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (rb'{"a":"x\ud83d"}', rb'{"a":"x\ufffd"}'),
        (rb'{"a":"\uDE00y"}', rb'{"a":"\ufffdy"}'),
        (rb'{"a":"\ud83d\ud83d\ude00"}', rb'{"a":"\ufffd\ud83d\ude00"}'),
        (rb'{"a":"\\ud83d \ud83d","n":1.0}', rb'{"a":"\\ud83d \ufffd","n":1.0}'),
    ],
)
def test_half_an_emoji_is_replaced_and_nothing_else(cut, whole):
    assert mended(cut) == whole
    assert orjson.loads(whole)


@pytest.mark.parametrize(
    ("line", "strict"),
    [
        (b'{"a":NaN,"b":1}', b'{"b":1}'),
        (b'{"a":{"b":-Infinity,"c":[1,Infinity,"NaN"]}}', b'{"a":{"c":[1,"NaN"]}}'),
        (b'{"a":NaN,"n":12345678901234567890123,"m":1.50e3}',
         b'{"n":12345678901234567890123,"m":1.50e3}'),
        (b'{"a":NaN,"n":1e999}', b'{"n":1e999}'),
        (b'{"a":"x\x00y\tz"}', rb'{"a":"x\u0000y\tz"}'),
        (rb'{"a":"\ud83d","b":NaN}', '{"a":"\ufffd"}'.encode()),
        (b'{"a":NaN}', b"{}"),
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_left_out_and_bare_characters_escaped(line, strict):
    assert mended(line) == strict
    assert reason_to_refuse(strict) is None


@pytest.mark.parametrize(
    "line",
    [b'{"a":', b"[1]", rb'["\ud83d"]', b"[NaN]", b"NaN", b'{"a":nan}', b'{"a":"\xff","b":NaN}',
     b'{"b":NaN,"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"],
)  # fmt: skip
def test_what_is_broken_otherwise_is_beyond_mending(line):
    assert mended(line) is None
