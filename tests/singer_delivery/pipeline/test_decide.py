"""Records are decided in order, and what follows in a lane waits for what it merges."""

from __future__ import annotations

import json
from typing import Any

from singer_delivery.model import Unmappable
from singer_delivery.pipeline import blocks, decide
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.lanes import Where
from singer_delivery.pipeline.packing import lane_of

from tests.singer_delivery.toys import ToyMapping


def lanes(pipeline: Any) -> list[int]:
    """Return the lanes of the records of the open block."""
    return list(pipeline.checkpoints.last.lanes)


# One record ---------------------------------------------------------------------------------


def test_a_record_stays_in_the_open_block_with_its_decision(pipeline):
    pipeline.take(events=[1], person="ann")
    [(block, undecided)] = pipeline.checkpoints.unsettled()
    assert undecided == {0}
    assert json.loads(block.lines[0]) == {"events": [1], "person": "ann"}
    assert block.decisions[0].person == "ann"
    assert lanes(pipeline) == [lane_of("ann")]
    assert pipeline.counts()["read"] == 1


def test_records_without_a_person_are_dealt_to_lanes_in_turn(pipeline):
    for number in range(300):
        pipeline.take(events=[number], person="")
    assert len(set(lanes(pipeline))) == 256


def test_a_record_that_is_kept_for_the_end_leaves_the_next_as_it_is(pipeline):
    pipeline.take(stream="table", gathered=True)
    pipeline.take(skipped="excluded")
    pipeline.delivery.flush()
    assert pipeline.counts()["skipped"] == {"excluded": 1}
    assert pipeline.counts("table")["undecided"] == 1


class Effectless(ToyMapping):
    """Leaves the effects as they are unless a record is odd."""

    def decide(self, record: Any, facts: Any, effects: Any) -> Any:
        was_gathered = effects.is_gathered
        decision = super().decide(record, facts, effects)
        effects.is_gathered = was_gathered or "gathered" in record
        return decision


def test_no_effect_of_a_record_is_left_for_the_next(pipeline):
    counts = pipeline.report.stream("events")
    of = Input("events", Effectless(), counts, are_messages=False, service="the toy")
    for record in ({"gathered": True}, {"skipped": "excluded"}):
        pipeline.decider.take(of, json.dumps(record).encode())
    pipeline.delivery.flush()
    assert pipeline.counts()["skipped"] == {"excluded": 1}


def message(**record: Any) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "events", "record": record}).encode()


def test_a_message_and_a_line_are_one_record_in_two_forms(pipeline):
    counts = pipeline.report.stream("events")
    of = Input("events", ToyMapping(), counts, are_messages=True, service="the toy")
    pipeline.decider.take(of, message(unmappable="no_identity", id=1))
    pipeline.take(unmappable="no_identity", id=1)
    first, second = pipeline.files.dead()
    assert first == second


class Unreadable(ToyMapping):
    def observe(self, line: bytes, *, is_message: bool) -> Any:
        reason = "bad_line"
        raise Unmappable(reason, "it has no record")


def test_a_bad_line_is_a_dead_letter_of_a_file_and_of_the_pipe(pipeline):
    counts = pipeline.report.stream("events")
    rows = Input("events", Unreadable(), counts, are_messages=False, service="the toy")
    pipeline.decider.take(rows, b"torn")
    assert pipeline.counts()["dead"] == {"bad_line": 1}
    messages = Input("events", Unreadable(), counts, are_messages=True, service="the toy")
    pipeline.decider.take(messages, b"torn")
    assert pipeline.counts()["dead"] == {"bad_line": 2}
    assert pipeline.counts()["read"] == 2


def test_the_dead_letter_of_a_changed_line_is_the_message_as_it_came(pipeline):
    original = message(events=[1], was="so")
    pipeline.decider.take(pipeline.input(), b'{"events":[1],"unmappable":"x"}', original)
    pipeline.decider.take(pipeline.input(), b'{"events":[2],"late":"y"}', original)
    pipeline.delivery.flush()
    assert [record["was"] for record in pipeline.files.dead()] == ["so", "so"]


def test_a_long_line_of_which_nothing_can_be_made_says_nothing(pipeline):
    padding = "x" * decide.LONG_LINE
    pipeline.take(events=[1], padding=padding, unsayable=1, said=["ann"], claims=["device"])
    assert pipeline.counts()["dead"] == {"unsayable": 1}
    assert pipeline.ledger.recall("person", "ann") is None
    assert pipeline.ledger.recall("owner", "device") is None


# Blocks -------------------------------------------------------------------------------------


def test_a_block_is_closed_when_it_is_full(pipeline):
    for number in range(blocks.MOST_RECORDS):
        pipeline.take(events=[number])
    assert len(pipeline.by_hand.waiting) == blocks.MOST_RECORDS
    assert pipeline.checkpoints.last.is_empty


def test_a_block_is_closed_when_its_bytes_are_many(pipeline):
    for number in range(9):
        pipeline.take(events=[number], padding="x" * (blocks.MOST_BYTES // 8))
    assert len(pipeline.by_hand.waiting) >= 7


def test_a_block_is_closed_when_it_is_old(pipeline):
    pipeline.take(events=[0])
    pipeline.checkpoints.last.begun -= decide.OLD + 1
    for number in range(1, 70):
        pipeline.take(events=[number])
    assert pipeline.by_hand.waiting


# Links --------------------------------------------------------------------------------------


def two_in_different_lanes() -> tuple[str, str]:
    return "ann", next(f"d{n}" for n in range(9) if lane_of(f"d{n}") != lane_of("ann"))


def test_a_link_takes_over_the_lane_of_what_it_merges(pipeline):
    ann, device = two_in_different_lanes()
    pipeline.take(events=[1], person=device)
    pipeline.take(events=[2], person=ann, merges=device)
    pipeline.take(events=[3], person=ann)
    assert lanes(pipeline) == [lane_of(device)] * 3
    assert pipeline.checkpoints.last.needs == {}


def test_a_link_of_somebody_under_way_gets_a_block_that_waits(pipeline):
    ann, device = two_in_different_lanes()
    pipeline.take(events=[1], person=device)
    pipeline.take(events=[2], person=ann)
    pipeline.take(events=[3], person=ann, merges=device)
    assert sorted(pipeline.by_hand.waiting) == [1, 2]
    assert pipeline.checkpoints.last.needs == {lane_of(ann): 1 << lane_of(device)}


def test_who_has_got_a_block_of_their_own_counts_as_under_way_until_it_is_settled(pipeline):
    ann, device = two_in_different_lanes()
    other = next(f"e{n}" for n in range(9) if lane_of(f"e{n}") not in map(lane_of, (ann, device)))
    pipeline.take(events=[1], person=other)
    pipeline.take(events=[2], person=ann, merges=other)  # ann's lane is the other's from now on
    pipeline.take(events=[3], person=device)
    pipeline.take(events=[4], person=ann, merges=device)  # in a block of its own
    pipeline.decide(1, 2, 3)
    assert pipeline.checkpoints.settled == 0
    pipeline.take(events=[5], person=ann)
    assert lanes(pipeline) == [lane_of(other)] * 2


def test_the_needs_of_a_lane_add_up(pipeline):
    ann, device = two_in_different_lanes()
    other = next(f"e{n}" for n in range(9) if lane_of(f"e{n}") not in map(lane_of, (ann, device)))
    for number, person in enumerate((device, other, ann)):
        pipeline.send(events=[number], person=person)
    pipeline.take(events=[3], person=ann, merges=device)
    pipeline.take(events=[4], person=ann, merges=other)
    needs = 1 << lane_of(device) | 1 << lane_of(other)
    assert pipeline.checkpoints.last.needs == {lane_of(ann): needs}
    pipeline.delivery.flush()
    assert pipeline.by_hand.waiting[3].needs == pipeline.by_hand.waiting[4].needs == needs
    assert pipeline.decider._people._recent[ann] == Where(lane_of(ann), 3)
