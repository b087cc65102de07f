"""Shapes in which rows come: arrays, long values, byte order marks, joined and double gzip."""

from __future__ import annotations

import gzip
import io
import json
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.io.elements import NoEvents
from singer_delivery.io.expansion import LONGEST_LINE
from singer_delivery.io.line_files import Damaged, blocks_of

BLOCK = 128 * 1024  # restated: what is read at once
ROWS = [
    {"uuid": str(n), "text": 'x]}[{,"\\ü' * (n % 7), "deep": [{"n": [n, 1.5]}, []]}
    for n in range(9)
]


def read(content: bytes) -> list[bytes]:
    stored = io.BytesIO(content)
    return [line for lines in blocks_of(stored, len(content)) for line in lines if line.strip()]


def values(content: bytes) -> list[object]:
    return [json.loads(line) for line in read(content)]


def lines_of(rows: list[dict[str, object]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


SHAPES = {
    "lines": lines_of(ROWS),
    "an array on one line": json.dumps(ROWS).encode(),
    "an array of lines": b"[\n" + b",\n".join(lines_of(ROWS).split(b"\n")) + b"\n]\n",
    "commas that begin lines": b"[\n " + b"\n,".join(lines_of(ROWS).split(b"\n")) + b"\n]",
    "a pretty array": json.dumps(ROWS, indent=2).encode(),
    "a pretty array of Windows": json.dumps(ROWS, indent=4).replace("\n", "\r\n").encode(),
    "pretty values": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
    "an array a line": b"\n".join(json.dumps([row]).encode() for row in ROWS),
    "blank lines first": b"\n\r\n  \n" + json.dumps(ROWS).encode(),
}
WRAPPINGS = {
    "plain": lambda content: content,
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "gzip": gzip.compress,
    "gzip in gzip": lambda content: gzip.compress(gzip.compress(content)),
    "a mark in gzip": lambda content: gzip.compress(b"\xef\xbb\xbf" + content),
    "padded gzip": lambda content: gzip.compress(content) + b"\0" * 512,
    "gzip of small members": lambda content: b"".join(
        gzip.compress(content[at : at + 777]) for at in range(0, len(content), 777)
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_each_shape_in_each_wrapping_is_read_as_its_rows(shape, wrap):
    assert values(wrap(shape)) == ROWS


@pytest.mark.parametrize("layers", [1, 2])
def test_members_joined_without_a_line_end_are_lines_of_their_own(layers):
    members = []
    for row in ROWS:
        member = json.dumps(row).encode()
        for _ in range(layers):
            member = gzip.compress(member)
        members.append(member)
    assert values(b"".join(members)) == ROWS


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False) | st.text(), max_size=4),
        max_size=20,
    ),
    st.none() | st.integers(0, 3),
)
def test_any_array_is_its_elements(rows, indent):
    assert values(json.dumps(rows, indent=indent).encode()) == rows


def test_an_element_keeps_its_digits_and_escapes():
    element = rb'{"n":12345678901234567890123,"f":1.0,"e":1E2,"t":"\u00fc \/","u":"'
    element += b'\xc3\xbc \xff"}'
    assert read(b"[" + element.replace(b",", b" ,\n ") + b"]") == [element]


def test_many_blocks_of_elements_arrive_in_order():
    rows = [{"n": n, "fill": "x" * random.Random(n).randrange(3000)} for n in range(1000)]
    assert values(json.dumps(rows, indent=1).encode()) == rows


def test_an_element_of_many_blocks_arrives():
    rows = [{"a": "x" * 5 * BLOCK}, {"b": 1}]
    assert values(json.dumps(rows, indent=1).encode()) == rows


@pytest.mark.parametrize(
    "content",
    [
        b'[\n{"a":1},\n{"a":\n',
        b'[{"a":1},{"a":1}} ,{"b":1}]',
        b"[\nno json\n]",
        b'{\n"a": 1\n',
        b'[{"a":1}]\nrest',
    ],
)
def test_an_array_that_breaks_off_is_no_silent_end(content):
    with pytest.raises(NoEvents, match=r"cannot be read after its first [012] elements"):
        read(content)


def test_an_element_too_long_to_be_an_event_ends_in_a_sentence():
    with pytest.raises(NoEvents, match="64 MiB"):
        read(b'[{"a":"' + b"x" * (LONGEST_LINE // 2) + b"\n" + b"x" * (LONGEST_LINE // 2))


@pytest.mark.parametrize("content", [b"[1,2]\n{}", b'"text"\n{}', b"[[1]]\n{}", b"nothing\n{}"])
def test_a_broken_first_line_is_one_among_others(content):
    assert read(content) == content.split(b"\n")


@pytest.mark.parametrize("content", [b"", b"\n", b"[]", b"[\n]\n", b"\xef\xbb\xbf"])
def test_nothing_is_no_row(content):
    assert read(content) == []


def test_an_array_takes_no_more_memory_than_a_few_blocks():
    def write(size: int) -> bytes:
        return b"[" + b",\n".join([b'{"a": "%b"}' % (b"x" * 1000)] * size) + b"]"

    def most(size: int) -> int:
        content = gzip.compress(write(size))
        tracemalloc.start()
        for _ in blocks_of(io.BytesIO(content), len(content)):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert most(20_000) < 1.5 * most(2_000)


@pytest.mark.parametrize(
    "spoil", [lambda z: z[:-3], lambda z: z[:-8] + b"\0" * 8, lambda z: z + z[:9]]
)
def test_damage_is_found_in_every_layer(spoil):
    content = spoil(gzip.compress(lines_of(ROWS)))
    for each in (content, gzip.compress(content)):
        with pytest.raises(Damaged):
            read(each)
