from __future__ import annotations

from typing import Any

import orjson
from singer_delivery.pipeline import blocks
from singer_delivery.pipeline.blocks import Block, Input
from singer_delivery.pipeline.report import StreamCounts

from tests.singer_delivery.toys import ToyDecision, ToyMapping


def an_input(stream: str = "events", *, are_messages: bool = False) -> Input:
    return Input(stream, ToyMapping(), StreamCounts(), are_messages, "the toy")


class OfRecords:
    """A piece of these records."""

    def __init__(self, *places: int) -> None:
        self._places = places

    def records(self) -> Any:
        return self._places


def block_of(*inputs: Input, skipped: str | None = None) -> Block:
    block = Block(0)
    for number, of in enumerate(inputs):
        block.add(of, b'{"n":%d}' % number, ToyDecision(skipped=skipped), number, None)
    return block


def test_sections_are_records_of_one_stream_in_their_order():
    one, other = an_input(), an_input("others")
    sections = list(block_of(one, one, other, one).sections())
    assert [(each.input, each.lanes) for each in sections] == [
        (one, b"\0\1"),
        (other, b"\2"),
        (one, b"\3"),
    ]
    assert [line for each in sections for line in each.lines] == [
        b'{"n":%d}' % number for number in range(4)
    ]
    assert list(Block(0).sections()) == []


def test_a_line_is_given_back_as_a_message():
    block = Block(0)
    message = b'{"type":"RECORD","stream":"events","record":{"n":1}}\n'
    block.add(an_input('a "stream"'), b'{"n":1}', ToyDecision(), 0, None)
    block.add(an_input(are_messages=True), message, ToyDecision(), 0, None)
    block.add(an_input(), b'{"n":2}', ToyDecision(), 0, message)
    assert orjson.loads(block.message(0)) == {
        "type": "RECORD",
        "stream": 'a "stream"',
        "record": {"n": 1},
    }
    assert block.message(1) == block.message(2) == message


def test_a_block_is_complete_when_it_is_mapped_and_its_pieces_are_decided():
    block = block_of(an_input(), an_input())
    assert not block.is_complete
    assert block.undecided_records() == {0, 1}
    piece = OfRecords(1)
    block.undecided = {piece}
    assert not block.is_complete
    assert block.undecided_records() == {1}
    block.undecided.discard(piece)
    assert block.is_complete


def test_outcomes_leave_out_the_dead_and_the_undecided():
    of = an_input()
    block = block_of(of, of, of, of)
    block.unsent[of, "excluded"] += 2
    block.dead.add(1)
    assert block.outcomes() == {(of, None): 3, (of, "excluded"): 2}
    assert block.outcomes({1, 2}) == {(of, None): 2, (of, "excluded"): 2}
    skipped = block_of(of, skipped="excluded")
    assert skipped.outcomes() == {(of, "excluded"): 1}


def test_a_block_is_full_by_records_sent_or_not_and_by_bytes():
    by_records, by_bytes = Block(0), Block(1)
    of = an_input()
    by_records.left_out = blocks.MOST_RECORDS - 1
    assert not by_records.is_full
    by_records.add(of, b"{}", ToyDecision(), 0, None)
    assert by_records.is_full
    by_bytes.add(of, b"x" * (blocks.MOST_BYTES - blocks.OVERHEAD - 2), ToyDecision(), 0, None)
    assert not by_bytes.is_full
    by_bytes.add(of, b"{}", ToyDecision(), 0, b"original")
    assert by_bytes.is_full


def test_a_block_with_nothing_but_records_that_are_left_out_is_not_empty():
    block = Block(0)
    assert block.is_empty
    block.left_out += 1
    assert not block.is_empty
