"""When a STATE value is given back and a file removed: after everything before it, on disk."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.model import Fact
from singer_delivery.pipeline import checkpoints

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.pipeline.parts import REFUSED


def at(*numbers):
    return [{"at": number} for number in numbers]


def test_state_leaves_at_once_when_nothing_is_undecided(pipeline):
    pipeline.state(0)
    pipeline.take(skipped="excluded")
    pipeline.take(unmappable="no_identity")
    pipeline.state(1)
    pipeline.rest()
    assert pipeline.states == at(0, 1)


def test_while_more_keeps_coming_state_leaves_once_in_a_while(pipeline, monkeypatch):
    pipeline.state(0)
    pipeline.state(1)
    pipeline.take(skipped="excluded")
    assert pipeline.states == at(0)
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + checkpoints.SAVE_EVERY)
    monkeypatch.setattr(checkpoints, "time", later)
    pipeline.state(2)
    assert pipeline.states == at(0, 1, 2)


def test_when_the_input_rests_state_leaves_at_once(pipeline):
    pipeline.state(0)
    for number in (1, 2, 3):
        pipeline.send(events=[number])
        pipeline.state(number)
    pipeline.decide(1)
    assert pipeline.states == at(0)
    pipeline.rest()
    assert pipeline.states == at(0, 1)
    pipeline.decide(2)
    assert pipeline.states == at(0, 1, 2)
    pipeline.state(4)  # more has come
    pipeline.decide(3)
    assert pipeline.states == at(0, 1, 2)


def test_state_waits_for_every_record_before_it(pipeline):
    pipeline.send(events=[1])
    pipeline.send(events=[2, 3])
    pipeline.state(1)
    pipeline.send(events=[4])
    for number in (1, 4, 3):
        pipeline.decide(number)
        assert pipeline.states == []
    pipeline.decide(2)
    assert pipeline.states == at(1)


def test_state_waits_for_records_that_are_not_yet_sent(pipeline):
    pipeline.take(events=[1])
    pipeline.checkpoints.last.states.append({"at": 1})
    pipeline.checkpoints.rest()
    assert pipeline.states == []
    pipeline.delivery.flush()
    pipeline.decide(1)
    pipeline.rest()
    assert pipeline.states == at(1)


def test_states_leave_in_the_order_they_came(pipeline):
    for number in (1, 2, 3):
        pipeline.send(events=[number])
        pipeline.state(number)
    pipeline.decide(3)
    pipeline.decide(2)
    assert pipeline.states == []
    pipeline.decide(1)
    assert pipeline.states == at(1, 2, 3)


def test_what_comes_after_the_last_state_moves_nothing(pipeline):
    pipeline.state(0)
    pipeline.send(events=[1], said=["ann"])
    pipeline.decide(1)
    pipeline.finish()
    assert pipeline.states == at(0)
    assert pipeline.files.on_disk("person", "ann") == Fact("person", "ann", "v ann", 1)


def test_when_state_leaves_the_dead_letter_and_the_ledger_are_on_disk(pipeline):
    seen = []

    def look() -> None:
        seen.append((len(pipeline.files.dead()), pipeline.files.on_disk("person", "ann")))
        assert not pipeline.letters._dirty

    pipeline.on_state = look
    pipeline.take(events=[1], said=["ann"])
    pipeline.take(events=[2])
    pipeline.state(1)
    pipeline.decide(2, judgement=REFUSED)
    pipeline.decide(1)
    assert seen == [(1, Fact("person", "ann", "v ann", 1))]


def test_a_state_whose_dead_letter_cannot_be_written_stays(pipeline):
    pipeline.take(events=[1], padding="x" * 50_000)
    pipeline.take(events=[2])
    pipeline.state(1)
    with full_disk(20_000), pytest.raises(StorageError):
        pipeline.decide(1, judgement=REFUSED)
    with pytest.raises(StorageError):
        pipeline.decide(2, judgement=REFUSED)
    assert pipeline.states == []
    assert pipeline.counts()["undecided"] == 2


def test_a_state_whose_facts_could_not_be_saved_leaves_only_when_they_are(pipeline):
    pipeline.send(events=[1], said=[f"person-{number}" for number in range(400)])
    pipeline.state(1)
    pipeline.send(events=[2])
    pipeline.state(2)
    with full_disk(1_000), pytest.raises(StorageError):
        pipeline.decide(1)
    assert pipeline.states == []
    seen: list[Fact | None] = []
    pipeline.on_state = lambda: seen.append(pipeline.files.on_disk("person", "person-1"))
    pipeline.decide(2)  # another thread's reply, the disk has room again
    assert pipeline.states == at(1, 2)
    assert seen == [Fact("person", "person-1", "v person-1", 1)] * 2


def test_a_state_that_could_not_be_given_back_is_not_passed_over(pipeline):
    def broken_pipe() -> None:
        raise BrokenPipeError

    pipeline.on_state = broken_pipe
    pipeline.send(events=[1])
    pipeline.state(1)
    with pytest.raises(BrokenPipeError):
        pipeline.decide(1)
    pipeline.on_state = lambda: None
    pipeline.state(2)
    assert pipeline.states == at(1, 2)


# Files --------------------------------------------------------------------------------------


def test_a_file_is_removed_when_its_records_are_decided_and_on_disk(pipeline, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("")
    seen = []
    save = pipeline.checkpoints._save

    def saved() -> None:
        seen.append(file.exists())
        save()

    pipeline.checkpoints._save = saved
    pipeline.take(events=[1])
    pipeline.checkpoints.last.files.append(file)
    pipeline.take(events=[2])
    pipeline.delivery.flush()
    pipeline.decide(1)
    assert file.exists()
    pipeline.decide(2)
    assert not file.exists()
    assert seen == [True]


def test_a_file_stays_while_a_record_before_it_is_undecided(pipeline, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("")
    pipeline.send(events=[1])
    pipeline.send(events=[2])
    pipeline.end_of_file(file)
    pipeline.decide(2)
    pipeline.rest()
    assert file.exists()
    pipeline.decide(1)
    pipeline.rest()
    assert not file.exists()


def test_a_file_that_is_gone_is_no_error(pipeline, tmp_path):
    pipeline.checkpoints.last.files.append(tmp_path / "gone.jsonl")
    pipeline.state(1)
    assert pipeline.states == at(1)


# Records that are sent when the run ends ----------------------------------------------------


def test_state_passes_what_came_before_the_first_record_that_waits_and_no_further(pipeline):
    pipeline.send(events=[5])
    pipeline.state(1)
    pipeline.take(stream="table", gathered=True)
    pipeline.state(2)
    pipeline.send(events=[6])
    pipeline.state(3)
    pipeline.decide(5, 6)
    pipeline.finish()
    assert pipeline.states == at(1)
    assert pipeline.counts("table")["undecided"] == 1


# Blocks -------------------------------------------------------------------------------------


def test_a_block_that_settles_lets_go_of_its_records(pipeline):
    block = pipeline.checkpoints.last
    pipeline.send(events=[1], padding="x" * 1_000)
    assert pipeline.checkpoints.size > 1_000
    pipeline.decide(1)
    assert block.lines == block.decisions == block.inputs == []
    assert pipeline.checkpoints.size == 0
    assert pipeline.checkpoints.settled == block.number


def test_nothing_piles_up_while_nothing_is_sent(pipeline):
    for _ in range(3):
        for _ in range(3_000):
            pipeline.take(skipped="excluded", said=["ann"])
        pipeline.checkpoints.last.states.append({"at": 1})
    assert len(pipeline.ledger._facts._by_block.get(pipeline.checkpoints.last.number, ())) < 3_000
    assert pipeline.counts()["skipped"]["excluded"] >= 6_000
