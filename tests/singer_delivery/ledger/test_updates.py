"""Updates that wait for the end of a run, among records: what is sent, when, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from singer_delivery.endpoint import Reply
from singer_delivery.ledger.ledger import UPDATES_SAVE_AFTER

from tests.fakes.http.server import FakeServer
from tests.singer_delivery.ledger.ledgers import fact, on_disk, waiting_on_disk
from tests.singer_delivery.pipeline.parts import Pipeline, flat
from tests.singer_delivery.pipeline.runs import Scene, lines_of, take
from tests.singer_delivery.toys import OK, Sender, plain, within

REFUSED = Reply(200, b'{"0": "rejected"}')


class Updating(Pipeline):
    """A pipeline of updates, which are deferred unless they are to be sent `now`."""

    sender: Sender

    def update(self, person: str, number: int, at: int, *, now: bool = False) -> None:
        self.take(**record(person, number, at, now=now))

    def end(self) -> list[int]:
        """Bring the run to its end; return the numbers of what was sent, in order."""
        within(self.finish)
        return self.sent

    @property
    def sent(self) -> list[int]:
        return flat(self.sender.sent)


def record(person: str, number: int, at: int, *, now: bool = False) -> dict[str, Any]:
    return {
        "events": [number],
        "person": person,
        "order": person,
        "value": f"v{number}",
        "at": at,
        "deferred": not now,
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Updating]]:
    """Begin another run on the same files; the one before is cut off unless it came to its end."""
    with ExitStack() as stack:

        def begin(answer: Reply = OK) -> Updating:
            sender = Sender(lambda _numbers: answer)
            endpoints = {"toy": plain()}
            pipeline = Updating(tmp_path, sender, endpoints=endpoints)
            pipeline.sender = sender
            stack.callback(pipeline.close)
            return pipeline

        yield begin


def test_only_the_newest_update_of_a_person_is_sent_and_only_at_the_end(run):
    first = run()
    for person, number, at in (("ann", 1, 10), ("bob", 2, 10), ("ann", 3, 30), ("ann", 4, 20)):
        first.update(person, number, at)
    first.rest()
    assert first.sent == []

    assert sorted(first.end()) == [2, 3]
    assert first.report.endpoint("toy").delivered == 2
    assert first.counts()["delivered"] == 4


def cut_off_after_an_update(run: Callable[..., Updating]) -> None:
    cut = run()
    cut.update("ann", 1, 10)
    cut.state(1)
    cut.rest()
    assert cut.states == [{"at": 1}], "the update is on disk, so STATE may pass it"
    assert cut.sent == []
    cut.close()


def test_what_a_run_left_behind_that_was_cut_off_the_next_one_sends(run):
    cut_off_after_an_update(run)
    assert run().end() == [1]


def test_an_older_update_does_not_take_the_place_of_one_left_behind(run):
    cut_off_after_an_update(run)
    following = run()
    following.update("ann", 2, 5)
    assert following.end() == [1]


def test_an_update_left_behind_goes_before_what_is_sent_at_once(run):
    cut_off_after_an_update(run)
    following = run()
    following.update("ann", 2, 20, now=True)
    assert following.end() == [1, 2]


def test_what_was_sent_is_not_sent_again(run):
    first = run()
    first.update("ann", 1, 10)
    assert first.end() == [1]
    first.close()

    second = run()
    second.update("ann", 1, 10)
    assert second.end() == []
    assert second.ledger.recall("person", "ann") == fact("ann", "v1", 10)


def test_what_is_said_of_a_person_is_on_disk_with_the_update_and_never_before(run):
    first = run()
    first.update("ann", 1, 10)
    first.delivery.flush()
    first.outcomes.before_sending()  # claims only
    assert on_disk(first.files.url) is None
    assert waiting_on_disk(first.files.url) == []

    first.outcomes.save()
    assert on_disk(first.files.url) == fact("ann", "v1", 10)
    assert [update.name for update in waiting_on_disk(first.files.url)] == ["ann"]


def test_a_refused_update_is_a_dead_letter_and_is_not_sent_again(run):
    first = run(REFUSED)
    first.update("ann", 1, 10)
    first.end()
    first.close()

    (letter,) = first.files.dead()
    assert letter["events"] == [1]
    assert letter["_dead_letter"]["endpoint"] == "toy"
    assert first.report.endpoint("toy").dead == {"rejected": 1}
    assert run().end() == []


def test_what_a_refused_update_said_is_forgotten_so_that_it_may_be_said_again(run):
    first = run(REFUSED)
    first.update("ann", 1, 10)
    first.rest()
    first.outcomes.save()
    first.end()
    assert first.ledger.recall("person", "ann") is None
    first.close()

    mended = run()
    assert mended.ledger.recall("person", "ann") is None
    mended.update("ann", 1, 10)
    assert mended.end() == [1]


def test_a_refused_record_leaves_the_update_that_waits(run):
    first = run(REFUSED)
    first.update("ann", 1, 10)
    first.state(1)
    first.rest()
    first.update("bob", 2, 10, now=True)
    first.rest()
    first.dispatch.drain()
    assert first.ledger.recall("person", "bob") is None
    assert first.ledger.recall("person", "ann") == fact("ann", "v1", 10)
    assert [update.name for update in waiting_on_disk(first.files.url)] == ["ann"]


def changes_in_turn(take_one: Callable[..., None]) -> None:
    take_one("ann", 1, 10)
    take_one("bob", 2, 10)
    take_one("ann", 3, 20, now=True)
    take_one("ann", 5, 21, now=True)
    take_one("ann", 4, 30)


def assert_laid_over_each_other(order: list[int]) -> None:
    assert sorted(order) == [1, 2, 3, 4, 5]
    assert order.index(1) < order.index(3) < order.index(5) < order.index(4)


def test_what_is_sent_at_once_is_laid_over_the_update_that_waited(run):
    first = run()
    changes_in_turn(first.update)
    assert_laid_over_each_other(first.end())


@pytest.mark.parametrize("saves", [False, True])
def test_it_is_laid_over_it_however_blocks_and_saves_fall(run, saves):
    first = run()

    def take_one(*args: Any, **more: Any) -> None:
        first.update(*args, **more)
        first.rest()
        if saves:
            first.outcomes.save()

    changes_in_turn(take_one)
    assert_laid_over_each_other(first.end())


def test_a_dry_run_lays_it_over_it_too(tmp_path):
    with FakeServer() as service:
        scene = Scene(tmp_path, service.url)
        scene.endpoints = {"toy": plain()}
        dry = scene.open(dry_run=True)
        changes_in_turn(lambda *args, **more: take(dry, **record(*args, **more)))
        dry.finish()
    order = [line["event"]["number"] for line in lines_of(scene.settings.output_path)]
    assert_laid_over_each_other(order)
    assert waiting_on_disk(scene.settings.ledger_url) == []


@pytest.mark.parametrize("saved_between", [False, True])
def test_an_update_kept_since_outlasts_what_was_sent_before_it(run, saved_between):
    first = run()
    first.update("ann", 1, 10, now=True)
    first.update("ann", 2, 20)
    if saved_between:
        first.delivery.flush()
        first.outcomes.save()
    first.end()
    first.close()

    assert run().ledger.recall("person", "ann") == fact("ann", "v2", 20)


def test_many_updates_do_not_stay_in_memory(run):
    first = run()
    for number in range(UPDATES_SAVE_AFTER + 3):
        first.update(f"person-{number}", number, 1)
    first.delivery.flush()

    assert len(waiting_on_disk(first.files.url)) >= UPDATES_SAVE_AFTER
    assert sorted(first.end()) == list(range(UPDATES_SAVE_AFTER + 3))
