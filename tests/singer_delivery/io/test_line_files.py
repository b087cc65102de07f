from __future__ import annotations

import gzip
import io

import pytest
from singer_delivery.io.expansion import Swollen
from singer_delivery.io.line_files import Damaged, blocks_of, open_lines

MIB = 1024 * 1024
LINES = [b'{"n":%d,"text":"\xc3\xbc"}' % number for number in range(20_000)]
CONTENT = b"\n".join(LINES)
PACKED = gzip.compress(CONTENT)


def flipped(content, at):
    spoilt = bytearray(content)
    spoilt[at] ^= 0xFF
    return bytes(spoilt)


@pytest.fixture
def put(tmp_path):
    def put_file(content, name="events"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put_file


@pytest.mark.parametrize("name", ["events.json", "events.json.gz", "events"])
@pytest.mark.parametrize(
    "content",
    [CONTENT, PACKED, gzip.compress(CONTENT[:999]) + gzip.compress(CONTENT[999:])],
    ids=["plain", "gzipped", "gzipped in two members"],
)
def test_the_content_tells_what_a_file_is_and_not_its_name(put, name, content):
    assert list(open_lines(put(content, name))) == LINES


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_an_empty_file_has_no_lines(put, content):
    assert list(open_lines(put(content))) == []


def test_blank_lines_count(put):
    assert list(open_lines(put(b"\na\n\n"))) == [b"", b"a", b""]


@pytest.mark.parametrize(
    "content",
    [
        PACKED[: len(PACKED) // 2],
        PACKED[:-8],
        flipped(PACKED, len(PACKED) // 2),
        flipped(PACKED, -6),
        flipped(PACKED, 2),
        PACKED + b"more",
        b"\x1f\x8b",
    ],
    ids=["cut off", "no checksum", "a byte", "checksum", "method", "a tail", "no header"],
)
def test_damage_is_told_in_words_that_go_on_after_the_name(put, content):
    with pytest.raises(Damaged, match=r"^is damaged \(.+\)\.$"):
        list(open_lines(put(content)))


def test_a_bomb_is_stopped(put):
    bomb = gzip.compress(b" " * (MIB - 1) + b"\n", 9) * 266

    with pytest.raises(Swollen, match="unpacked it is more than 256 MiB, over 500 times"):
        for _ in open_lines(put(bomb)):
            pass


def test_a_file_of_unknown_size_may_swell(put):
    content = gzip.compress(b" " * (MIB - 1) + b"\n", 9) * 266

    assert sum(map(len, blocks_of(io.BytesIO(content), 0))) == 266


def test_a_file_that_is_open_already_is_closed_at_its_end():
    stored = io.BytesIO(PACKED)

    assert [line for lines in blocks_of(stored, len(PACKED)) for line in lines] == LINES
    assert stored.closed


def test_a_file_is_closed_when_nobody_reads_on(put):
    stored = io.BytesIO(PACKED)
    blocks = blocks_of(stored, len(PACKED))
    next(blocks)

    blocks.close()

    assert stored.closed


def test_a_file_that_is_not_there_is_the_systems_affair(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(open_lines(tmp_path / "none"))
