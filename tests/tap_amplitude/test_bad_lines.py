from __future__ import annotations

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from singer_delivery.mapping.json_lines import reason_to_refuse
from singer_delivery.tap.bad_lines import sound_keys
from tap_amplitude.order import keys_of_sound

from tests.examples import examples
from tests.fakes.company import Company

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


def are_sound(lines: list[bytes]) -> bool:
    return sound_keys(lines, keys_of_sound) is not None


AT_ONCE = 10
"""Lines of one example: drawing the object takes longer than damaging it."""


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """Draw a JSON object as lines in which a few bytes were replaced, put in or taken out."""
    drawn = draw(objects)
    texts = [json.dumps(drawn, ensure_ascii=ascii_only) for ascii_only in (True, False)]
    lines = [text.encode("utf-8", "surrogatepass") for text in texts]
    chance = draw(st.randoms(use_true_random=False))
    return [_damaged(chance, chance.choice(lines)) for _ in range(AT_ONCE)]


def _damaged(chance: random.Random, whole: bytes) -> bytes:
    line = bytearray(whole)
    for _ in range(chance.randint(0, 3)):
        place = chance.randint(0, len(line))
        what = chance.choice([b"", chance.randbytes(1), chance.randbytes(2), *TROUBLE])
        line[place : place + chance.randint(0, 2)] = what
    return bytes(line).strip()


TROUBLE = (b"1e999", b"\\ud83d", b"[", b"NaN")


@settings(max_examples=examples(2_000 // AT_ONCE), deadline=None)
@given(damaged())
@example([b'{"a":"\xff"}'])
@example([b'{"a":"\xed\xa0\xbd"}'])
@example([b'{"uuid":"\xff"}'])
@example([b'{"a":1e999}'])
@example([b'{"a":\xc3\xbc}'])
@example([b'{"a":' + b"[" * 990 + b"]" * 990 + b"}"])
def test_no_line_is_passed_over_that_would_be_refused(lines: list[bytes]) -> None:
    for line in lines:
        if are_sound([line]):
            assert reason_to_refuse(line) is None


@given(objects)
def test_objects_are_passed_over(record: dict[str, Any]) -> None:
    try:
        line = orjson.dumps(record)
    except TypeError:  # integers beyond 64 bits
        line = json.dumps(record).encode()
    assert are_sound([line]) or b"\\u0000" in line


def test_so_are_the_lines_of_an_export() -> None:
    rows = [row for _, rows in Company(seed=3, events=500).stream() for row in rows]
    sound = [row.strip() for row in rows if reason_to_refuse(row.strip()) is None]
    assert len(sound) > 450
    assert are_sound(sound)


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":',
        b"",
        b"[1]",
        b"1",
        b'{"a":"\\ud83d"}',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"a":"\\u0000"}',
    ],
)
def test_one_line_that_is_refused_is_found_among_many(line: bytes) -> None:
    good = [b'{"a":1}', b"{}", b'{"a":"\xc3\xbc"}'] * 3
    assert are_sound(good)
    assert are_sound([])
    assert not are_sound([*good, line, *good])
