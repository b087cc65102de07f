"""Updates that wait for the end of a run: the newest of each person, also after a cut."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from singer_delivery.endpoint import Reply
from singer_delivery.ledger.facts import UPDATES_SAVE_AFTER, Ledger
from singer_delivery.ledger.updates import Update
from singer_delivery.model import Event, Fact, Mapped
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.report import RunReport

from tests.singer_delivery.toys import OK, Sender, Stage, ToyEndpoint, within

REFUSED = Reply(200, b'{"0": "rejected"}')


class NeedsNothing:
    """A record is `{person, number, at}` and becomes one update, deferred unless it says `now`."""

    needs_keys = False

    def __call__(self, record: Any, known: Any) -> Mapped:
        person, number, at = record["person"], record["number"], record["at"]
        facts = (Fact("person", person, f"v{number}", at),)
        body, deferred = {"number": number}, not record.get("now", False)
        update = Event("toy", "person", "$set", person, at, body, facts=facts, deferred=deferred)
        return Mapped((update,))


class Desk:
    """A delivery whose requests a `Sender` answers; opening it again is the next run."""

    def __init__(self, folder: Path, answer: Reply = OK, *, keep: bool = True) -> None:
        self.dead_path = folder / "dead.singer"
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite3'}", "project", keep=keep)
        self.report = RunReport(0.0)
        self.states: list[Any] = []
        self.sender = Sender(lambda _numbers: answer)
        endpoints = {"toy": ToyEndpoint()}
        self.letters = DeadLetters(self.dead_path)
        self.outcomes = Outcomes(self.ledger, self.letters, self.report, self.states.append)
        self.delivery = Delivery(endpoints, self.ledger, self.outcomes)
        self.stage = Stage(self.sender, listener=self.outcomes, endpoints=endpoints)
        self.delivery.dispatch = self.stage.dispatcher

    def take(self, person: str, number: int, at: int, **more: Any) -> None:
        record = {"person": person, "number": number, "at": at, **more}
        message = json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode()
        self.delivery.take("people", record, message, NeedsNothing())

    def finish(self) -> None:
        within(self.delivery.finish)

    def close(self) -> None:
        self.stage.dispatcher.stop(5.0)
        self.letters.close()
        self.ledger.close()

    @property
    def sent(self) -> list[int]:
        return sorted(number for batch in self.sender.sent for number in batch)


@pytest.fixture
def run(tmp_path):
    desks: list[Desk] = []

    def open_run(answer: Reply = OK, *, keep: bool = True) -> Desk:
        desks.append(Desk(tmp_path, answer, keep=keep))
        return desks[-1]

    yield open_run
    for desk in desks:
        desk.close()


def test_only_the_newest_update_of_a_person_is_sent_and_only_at_the_end(run):
    desk = run()
    for person, number, at in (("ann", 1, 10), ("bob", 2, 10), ("ann", 3, 30), ("ann", 4, 20)):
        desk.take(person, number, at)
    assert desk.sent == []

    desk.finish()

    assert desk.sent == [2, 3]
    assert desk.report.endpoint("toy").delivered == 2


def test_what_a_cut_off_run_left_behind_the_next_one_sends(run):
    cut = run()
    cut.take("ann", 1, 10)
    cut.delivery.checkpoint({"at": 1})
    assert cut.states == [{"at": 1}]  # the update is on the disk, so STATE may pass it
    cut.close()

    following = run()
    following.finish()

    assert following.sent == [1]


def test_an_older_update_does_not_take_the_place_of_one_left_behind(run):
    cut = run()
    cut.take("ann", 1, 10)
    cut.delivery.checkpoint({"at": 1})
    cut.close()

    following = run()
    following.take("ann", 2, 5)
    following.finish()

    assert following.sent == [1]


def test_what_was_sent_is_not_sent_again(run):
    first = run()
    first.take("ann", 1, 10)
    first.finish()
    first.close()

    second = run()
    second.finish()

    assert second.sent == []
    assert second.ledger.recall("person", "ann") == Fact("person", "ann", "v1", 10)


def test_what_is_said_of_a_person_is_on_disk_together_with_the_update_and_never_before(run):
    desk = run()
    desk.take("ann", 1, 10)
    desk.outcomes.before_sending()  # saves claims; the update's facts are none
    assert run().ledger.recall("person", "ann") is None

    desk.outcomes.save()
    other = run()
    assert other.ledger.recall("person", "ann") == Fact("person", "ann", "v1", 10)
    assert [update.name for update in other.ledger.updates()] == ["ann"]


def test_a_refused_update_is_a_dead_letter_and_is_not_sent_again(run):
    desk = run(REFUSED)
    desk.take("ann", 1, 10)
    desk.finish()
    desk.close()

    (letter,) = [json.loads(line) for line in desk.dead_path.read_text().splitlines()]
    assert letter["record"]["number"] == 1
    assert letter["record"]["_dead_letter"]["endpoint"] == "toy"
    assert desk.report.endpoint("toy").dead == {"rejected": 1}
    again = run()
    again.finish()
    assert again.sent == []


def test_what_a_refused_update_said_is_forgotten_so_that_it_may_be_said_again(run):
    desk = run(REFUSED)
    desk.take("ann", 1, 10)
    desk.outcomes.save()
    desk.finish()
    assert desk.ledger.recall("person", "ann") is None
    desk.close()

    mended = run()
    assert mended.ledger.recall("person", "ann") is None
    mended.take("ann", 1, 10)
    mended.finish()
    assert mended.sent == [1]


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_sent_at_once_is_laid_over_the_update_that_waited(run, keep):
    desk = run(keep=keep)
    desk.take("ann", 1, 10)
    desk.take("bob", 2, 10)
    desk.take("ann", 3, 20, now=True)
    desk.take("ann", 5, 21, now=True)
    desk.take("ann", 4, 30)
    desk.finish()

    order = [number for batch in desk.sender.sent for number in batch]
    assert sorted(order) == [1, 2, 3, 4, 5]
    assert order.index(1) < order.index(3) < order.index(5) < order.index(4)


@pytest.mark.parametrize("saved_between", [False, True])
def test_an_update_kept_since_outlasts_what_was_sent_before_it(run, saved_between):
    desk = run()
    desk.take("ann", 1, 10, now=True)
    desk.take("ann", 2, 20)
    if saved_between:
        desk.outcomes.save()
    desk.finish()
    desk.close()

    assert run().ledger.recall("person", "ann") == Fact("person", "ann", "v2", 20)


def test_an_update_left_behind_goes_before_what_is_sent_at_once(run):
    cut = run()
    cut.take("ann", 1, 10)
    cut.delivery.checkpoint({"at": 1})
    cut.close()

    following = run()
    following.take("ann", 2, 20, now=True)
    following.finish()

    assert [number for batch in following.sender.sent for number in batch] == [1, 2]


def test_many_updates_do_not_stay_in_memory(run):
    desk = run()
    for number in range(UPDATES_SAVE_AFTER + 3):
        desk.take(f"person-{number}", number, 1)

    assert sum(1 for _ in run().ledger.updates()) >= UPDATES_SAVE_AFTER
    desk.finish()
    assert desk.sent == list(range(UPDATES_SAVE_AFTER + 3))


def test_what_was_sent_is_not_held_until_the_save_that_forgets_it(run):
    ledger, size = run().ledger, 10_000
    tracemalloc.start()
    try:
        for number in range(2_000):  # 20 MB of them
            person = f"person-{number}"
            ledger.sent(
                Update("toy", person, 1, "person", "$set", "people", b"x" * size, b"", "[]")
            )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100 * size


def test_a_dry_run_tells_of_updates_and_keeps_none(run):
    desk = run(keep=False)
    desk.take("ann", 1, 10)
    desk.finish()

    assert desk.sent == [1]
    assert list(run().ledger.updates()) == []


def test_forgetting_one_update_spares_the_newer_that_took_its_place(run):
    ledger = run().ledger
    old, new = (
        Update("toy", "ann", at, "person", "$set", "people", b"{}", b"{}", "[]") for at in (1, 2)
    )
    ledger.defer(old, ())
    ledger.save()
    ledger.defer(new, ())
    ledger.sent(old)
    ledger.save()

    assert list(run().ledger.updates()) == [new]
