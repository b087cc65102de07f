"""Lines whose numbers a reader would round: written out; all others as they are."""

from __future__ import annotations

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.json_lines import exact

BIG = 2**53
"""The first whole number to which a double rounds another."""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a":18446744073709551615}', None),
        (b'{"a":18446744073709551616}', b'{"a":"18446744073709551616"}'),
        (b'{"a":-9223372036854775808}', None),
        (b'{"a":-9223372036854775809}', b'{"a":"-9223372036854775809"}'),
        (b'{"a":9007199254740993.0}', b'{"a":9007199254740993}'),
        (b'{"a":-9007199254740993.000}', b'{"a":-9007199254740993}'),
        (b'{"a":4503599627370497.0}', None),
        (b'{"a":18446744073709551616.0}', b'{"a":"18446744073709551616"}'),
        (b'{"a":9007199254740993.5}', None),
        (b'{"a":18446744073709551617e0}', None),
        (b'{"a":1.8446744073709552e19}', None),
        (b'{"a":0.30000000000000004}', None),
        (b'{"a": [1,\t18446744073709551617]}', b'{"a": [1,\t"18446744073709551617"]}'),
        (b'{"a":"18446744073709551617"}', None),
        (b'{"a":"x: 18446744073709551617, \\" 18446744073709551617"}', None),
        (b'{"1, 18446744073709551617":1}', None),
        (b'{"a":"\\\\","b":18446744073709551617}', b'{"a":"\\\\","b":"18446744073709551617"}'),
        (b'{"a":00000000000000000000001}', None),
        (b"18446744073709551617", None),
        (b"", None),
        (b"\xff: 18446744073709551617", b'\xff: "18446744073709551617"'),
    ],
)
def test_a_line_is_written_out_where_it_must_be(line: bytes, expected: bytes | None) -> None:
    made = exact(line)
    assert made == (line if expected is None else expected)


numbers = st.one_of(
    st.integers(),
    st.integers(BIG, 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(1, 2**66).map(lambda number: Decimal(f"{number}.0")),
)
texts = st.text() | st.integers(0, 2**90).map(lambda number: f'x, {number}: "{number}')
values = st.recursive(
    numbers | texts | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


def written(value: object) -> str:
    """Return JSON in which Decimals stand as their digits."""
    if isinstance(value, dict):
        members = ", ".join(f"{json.dumps(key)}: {written(of)}" for key, of in value.items())
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def expected_of(value: object) -> object:
    """Return what must be read: ground truth, from the value itself."""
    if isinstance(value, dict):
        return {key: expected_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [*map(expected_of, value)]
    if type(value) is float and value.is_integer() and "e" not in repr(value):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        value = int(value) if abs(value) >= BIG else float(value)
    if type(value) is int and not -(2**63) <= value < 2**64:
        return str(value)
    return value


@given(st.dictionaries(texts, values, max_size=4))
def test_no_digit_of_a_whole_number_is_lost(record: dict) -> None:
    line = written(record).encode("utf-8", "surrogatepass")
    read = orjson.loads(exact(line))
    truth = json.loads(json.dumps(expected_of(record)), parse_float=float)
    assert repr(_sorted(read)) == repr(_sorted(truth))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return sorted((key, _sorted(each)) for key, each in value.items())
    if isinstance(value, list):
        return [*map(_sorted, value)]
    return float(value) if type(value) is int and abs(value) < BIG else value


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (Decimal(9007199254740993), 9007199254740993),
        (Decimal("9007199254740993.0"), 9007199254740993),
        (Decimal(18446744073709551617), "18446744073709551617"),
        (Decimal("1E+23"), "1" + "0" * 23),
        (Decimal("0.1"), 0.1),
        (Decimal(7), 7.0),
    ],
)
def test_a_decimal_that_the_sdk_made_keeps_its_digits(number: Decimal, expected: object) -> None:
    made = readable({"a": number}, "Elsewhere")["a"]
    assert (made, type(made)) == (expected, type(expected))
