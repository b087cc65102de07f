"""Parts that are compressed apart are one gzip member, with ISA-L and without."""

from __future__ import annotations

import gzip
import importlib.util
import sys
import zlib
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from singer_delivery.io import checksums, compression

from tests.examples import examples

PARTS = st.lists(
    st.binary(max_size=200) | st.binary(max_size=4).map(lambda some: some * 5_000), max_size=8
)
quick = settings(deadline=None, max_examples=examples(100))


def without_isal() -> ModuleType:
    """Return the module as it is where ISA-L has no wheel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "isal.isal_zlib", None)
        spec = importlib.util.find_spec("singer_delivery.io.compression")
        assert spec is not None
        assert spec.loader is not None
        plain = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(plain)
    assert plain.crc32_combine is checksums.crc32_combine
    assert plain.compressobj is zlib.compressobj
    return plain


@pytest.fixture(scope="module", params=["as installed", "without ISA-L"])
def compressing(request: pytest.FixtureRequest) -> ModuleType:
    return compression if request.param == "as installed" else without_isal()


def test_where_isal_has_a_wheel_it_is_used():
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    assert compression.compressobj is isal_zlib.compressobj
    assert compression.crc32_combine is isal_zlib.crc32_combine


@quick
@given(PARTS)
@example([])
@example([b"", b"", b""])
@example([b"[", b"{}" * 40_000, b",", b"{}", b"]"])
def test_parts_compressed_apart_are_one_member_that_every_reader_reads(compressing, parts):
    member = compressing.gzipped(map(compressing.deflated, parts))

    assert gzip.decompress(member) == b"".join(parts)
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert reader.decompress(member) == b"".join(parts)
    assert reader.eof, "the member ends"
    assert reader.unused_data == b"", "nothing follows it"


def test_a_part_may_stand_in_any_body_at_any_place(compressing):
    part = compressing.deflated(b'{"event":"a"},' * 100)
    other = compressing.deflated(b"other")

    for parts in ([part, other], [other, part], [part, part, other, part]):
        member = compressing.gzipped(parts)
        assert gzip.decompress(member) == b"".join(
            b'{"event":"a"},' * 100 if each is part else b"other" for each in parts
        )


def test_a_body_is_compressed_to_the_same_bytes_each_time(compressing):
    items = b",".join(b'{"event":"%d"}' % number for number in range(1_000))
    parts = [b'{"batch":[', items, b"]}"]
    body = compressing.gzipped(map(compressing.deflated, parts))

    assert compressing.gzipped(map(compressing.deflated, parts)) == body
    assert len(body) < len(items) / 2
    assert body[4:8] == bytes(4)  # RFC 1952: no modification time


def test_what_one_process_compressed_another_may_join(compressing):
    parts = [compression.deflated(b"installed"), compressing.deflated(b" or not")]
    assert gzip.decompress(compressing.gzipped(parts)) == b"installed or not"


@quick
@given(PARTS.map(b"".join))
def test_what_was_shrunk_grows_to_what_it_was(compressing, content):
    shrunk = compressing.shrunk(content)
    assert compressing.grown(shrunk) == content
    assert zlib.decompress(shrunk) == content, "another machine may read it"


def test_a_record_takes_less_room_when_it_is_shrunk(compressing):
    message = b'{"type":"RECORD","record":{' + b'"property":"value",' * 200 + b'"a":1}}'
    assert len(compressing.shrunk(message)) < len(message) / 2


# The checksum -------------------------------------------------------------------------------


@quick
@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"")
@example(b"", b"behind")
@example(b"before", b"")
def test_the_checksum_of_two_texts_is_made_of_theirs(before, behind):
    combined = checksums.crc32_combine(zlib.crc32(before), zlib.crc32(behind), len(behind))
    assert combined == zlib.crc32(before + behind)


@pytest.mark.parametrize("length", [255, 256, 65_535, 65_536, 1_000_003])
def test_the_length_of_what_is_behind_may_be_any(length):
    before, behind = b"before" * 77, bytes(range(256)) * (length // 256) + bytes(length % 256)
    assert len(behind) == length
    combined = checksums.crc32_combine(zlib.crc32(before), zlib.crc32(behind), length)
    assert combined == zlib.crc32(before + behind)


def test_the_checksum_is_that_of_isal():
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    for first, second, length in [(0, 0, 0), (1, 2, 3), (2**32 - 1, 2**31, 10**9)]:
        assert checksums.crc32_combine(first, second, length) == isal_zlib.crc32_combine(
            first, second, length
        )
