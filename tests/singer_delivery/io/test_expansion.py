from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.io import expansion
from singer_delivery.io.expansion import Swollen, blocks_of_lines, most_bytes

MIB = 1024 * 1024
# Restated here, on purpose.
MOST_RATIO, FREE_BYTES, LONGEST_LINE = 500, 256 * MIB, 64 * MIB
PLENTY = 1024 * MIB


@pytest.mark.parametrize(
    ("stored", "most"),
    [
        (0, FREE_BYTES),
        (1, FREE_BYTES),
        (FREE_BYTES // MOST_RATIO, FREE_BYTES),
        (MIB, MOST_RATIO * MIB),
        (4_000 * MIB, 4_000 * MOST_RATIO * MIB),
    ],
)
def test_how_far_a_file_may_swell(stored, most):
    assert most_bytes(stored) == most


@given(st.lists(st.binary(max_size=9), max_size=30), st.integers(1, 12))
def test_lines_are_those_between_newlines_however_blocks_fall(pieces, size):
    content = b"\n".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expansion, "BLOCK_BYTES", size)
        blocks = list(blocks_of_lines(io.BytesIO(content), PLENTY))

    lines = [line for block in blocks for line in block]
    assert lines == (content.removesuffix(b"\n").split(b"\n") if content else [])
    assert all(blocks)


def test_a_carriage_return_ends_no_line():
    assert list(blocks_of_lines(io.BytesIO(b"a\rb\r\nc\x0b\x1ed"), PLENTY)) == [
        [b"a\rb\r"],
        [b"c\x0b\x1ed"],
    ]


def test_a_line_may_be_as_long_as_an_upload_and_longer(monkeypatch):
    monkeypatch.setattr(expansion, "LONGEST_LINE", 3 * MIB)
    line = b"x" * 3 * MIB

    assert [*blocks_of_lines(io.BytesIO(line + b"\n" + line), PLENTY)] == [[line], [line]]
    with pytest.raises(Swollen, match="a line of more than 3 MiB"):
        list(blocks_of_lines(io.BytesIO(b"\n" + line + b"x"), PLENTY))


def test_no_line_is_longer_than_what_fits_into_memory():
    assert expansion.LONGEST_LINE == LONGEST_LINE


def test_what_swells_is_stopped_at_the_first_block_that_is_too_much():
    content = io.BytesIO(b"\n" * (3 * MIB))

    with pytest.raises(Swollen, match="unpacked it is more than 2 MiB, over 500 times"):
        for _ in blocks_of_lines(content, 2 * MIB):
            pass

    assert content.tell() <= 2 * MIB + expansion.BLOCK_BYTES
