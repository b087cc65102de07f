"""What runs put into the books: what the service took, once, and what of the source is covered."""

from __future__ import annotations

import gzip
from collections import Counter
from contextlib import closing
from typing import Any

import pytest
from singer_delivery.endpoint import Hold
from singer_delivery.errors import ServiceUnavailable
from singer_delivery.ledger.books import Books
from singer_delivery.ledger.coverage import Covered
from singer_delivery.model import Delivery
from singer_delivery.pipeline.run import Run

from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.pipeline.hot import Heat, HotScene, HotService, finish, left_waiting
from tests.singer_delivery.pipeline.runs import kill, take
from tests.singer_delivery.toys import within

MICROS_A_DAY = 86_400_000_000  # restated
DAY = 19_800
AT = DAY * MICROS_A_DAY + 5
FOREVER = 10**9


class BookScene(HotScene):
    """Runs that keep books."""

    def run(self, **changed: Any) -> Run:
        return super().run(**{"keep_books": True, **changed})

    @property
    def counted(self) -> Counter[str]:
        """How often each name is counted."""
        with closing(Books(self.settings.ledger_url, "project")) as books:
            counts = Counter[str]()
            for cell in books.cells():
                assert cell.source_name == cell.name.replace("event", "raw")
                counts[cell.name] += cell.count
            return counts

    @property
    def covered(self) -> list[Covered]:
        """Which ranges are covered."""
        with closing(Books(self.settings.ledger_url, "project")) as books:
            return books.coverage()


@pytest.fixture
def service():
    with HotService() as service:
        yield service


@pytest.fixture
def scene(tmp_path, service) -> BookScene:
    return BookScene(tmp_path, service)


def held(service: HotService) -> Counter[str]:
    """Count what the service has, as one that tells events by their id."""
    return Counter(f"event {number}" for number in {*service.numbers})


def give(run: Run, *numbers: int, person: str = "", **more: Any) -> None:
    """Let a run take records of one event each."""
    for number in numbers:
        who = person or f"p{number}"
        take(run, events=[number], person=who, ids=[f"id:{who}"], at=AT, hour=number, **more)


@pytest.mark.parametrize("processes", [0, 1])
def test_what_runs_deliver_is_counted_once_with_its_hours(scene, service, processes):
    for numbers in (range(10), range(5, 15)):
        run = scene.run(processes=processes)
        give(run, *numbers, *numbers)
        finish(run)
    assert scene.counted == held(service) == Counter(f"event {n}" for n in range(15))
    with closing(Books(scene.settings.ledger_url, "project")) as books:
        keys = {number: Delivery.of(f"id {number}", AT).key for number in range(15)}
        assert sorted(books.keys_of(DAY)) == sorted(keys.values())
        assert books.hours_of(DAY, [keys[3], keys[14]]) == {3: 1, 14: 1}


def test_an_hour_before_1970_is_one_that_nobody_knows(scene):
    run = scene.run()
    take(run, events=[1], at=AT, hour=-1)
    finish(run)
    assert scene.counted == Counter({"event 1": 1})
    with closing(Books(scene.settings.ledger_url, "project")) as books:
        assert books.hours_of(DAY, books.keys_of(DAY)) == {0: 1}


def test_without_books_nothing_is_counted_and_a_dry_run_counts_nothing(scene):
    run = scene.run(keep_books=False)
    give(run, 1)
    finish(run)
    run = scene.run(dry_run=True)
    give(run, 2)
    finish(run)
    assert not scene.counted


def test_of_a_record_whose_other_event_is_refused_what_was_taken_counts(scene, service):
    service.bad = frozenset({2, 4})
    run = scene.run(max_dead_letters="100%")
    take(run, events=[1, 2], at=AT)
    give(run, 3, 4)
    finish(run)
    assert scene.counted == held(service) == Counter({"event 1": 1, "event 3": 1})
    service.bad = frozenset()
    run = scene.run()
    take(run, events=[1, 2], at=AT)
    finish(run)
    assert scene.counted == held(service)


def test_what_waits_in_the_ledger_counts_when_it_is_delivered(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, 1, 2, person="ann")
    give(run, 3)
    left_waiting(run)
    assert scene.counted == held(service) == Counter({"event 3": 1})
    service.hot.clear()
    finish(scene.run())
    assert scene.counted == held(service) == Counter({"event 1": 1, "event 2": 1, "event 3": 1})


def test_a_refused_event_that_waited_does_not(scene, service):
    service.hot["ann"] = Heat(1)
    service.bad = frozenset({1})
    run = scene.run(max_dead_letters="100%")
    give(run, 1, 2, person="ann")
    finish(run)
    assert scene.counted == held(service) == Counter({"event 2": 1})


def test_a_run_that_is_abandoned_counts_what_was_decided(scene, service):
    answer = service.answer
    service.answer = lambda exchange, body: (
        Answer(503) if b"19" in gzip.decompress(body) else answer(exchange, body)
    )
    run = scene.run()
    give(run, *range(20), person="ann")
    with pytest.raises(ServiceUnavailable) as stopped:
        finish(run)
    run.abandon(stopped.value)
    assert 0 < len(service.numbers) < 20, "the block is delivered in part"
    assert scene.counted == held(service)
    service.answer = answer
    run = scene.run()
    give(run, *range(20), person="ann")
    finish(run)
    assert scene.counted == held(service) == Counter(f"event {n}" for n in range(20))


def test_a_run_that_is_killed_counts_what_it_saved_and_the_next_one_the_rest(scene, service):
    run = scene.run()
    give(run, *range(4))
    within(lambda: (run._delivery.flush(), run._dispatch.drain()))
    run.ledger.save()
    give(run, *range(4, 8))
    within(lambda: (run._delivery.flush(), run._dispatch.drain()))
    kill(run)
    assert scene.counted == Counter(f"event {n}" for n in range(4))
    run = scene.run()
    give(run, *range(10))
    finish(run)
    assert scene.counted == held(service) == Counter(f"event {n}" for n in range(10))


def test_what_state_says_is_covered_is_kept_when_state_is_given_back(scene):
    first = {"bookmarks": {"events": {"covered": [["2024-03-01T00", "2024-03-01T02"]]}}}
    later = {"bookmarks": {"events": {"covered": [["2024-03-01T04", "2024-03-01T05"]]}}}
    run = scene.run()
    give(run, 1)
    run.checkpoint(first)
    run.rest()
    assert scene.covered == []
    within(run._dispatch.drain)
    take(run, gathered=True, events=[2])
    run.checkpoint(later)
    run.rest()
    within(run._dispatch.drain)
    run.ledger.save()
    assert scene.states == [first], "the later one waits for what is sent when the run ends"
    assert scene.covered == [Covered("events", "2024-03-01T00", "2024-03-01T02")]


@pytest.mark.parametrize(
    "said",
    [None, [], "2024", [["2024-03-01T00"]], [[1, 2]], [["a", "b", "c"]], {"a": 1}, 7],
)
def test_what_a_tap_says_otherwise_is_passed_over(scene, said):
    run = scene.run()
    for state in ({"bookmarks": {"events": {"covered": said}}}, {"bookmarks": []}, {}):
        give(run, 1)
        run.checkpoint(state)
    finish(run)
    assert len(scene.states) == 3
    assert scene.covered == []
