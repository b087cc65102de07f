"""Records that were delivered before are left out, however late they come again."""

from __future__ import annotations

import gzip
import logging
from dataclasses import replace

import pytest
from singer_delivery.errors import ServiceUnavailable
from singer_delivery.model import Fact
from singer_delivery.pipeline.run import Run

from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.pipeline.runs import Scene, Service, kill, lines_of, take
from tests.singer_delivery.toys import PlayedClock, within

DAY = 86_400.0
START = 1_800_000_000.0


@pytest.fixture
def service():
    with Service() as service:
        yield service


class Remembering(Scene):
    """A scene whose runs remember deliveries, at a time of their own."""

    def at(self, days: float, **changed) -> Run:
        settings = replace(self.settings, remember_deliveries=True, **changed)
        clock = PlayedClock(START + days * DAY)
        return Run(settings, self.endpoints, "project", self.emit, clock)


@pytest.fixture
def scene(tmp_path, service) -> Remembering:
    return Remembering(tmp_path, service.url)


def finish(run: Run) -> None:
    within(run.finish)


def test_a_record_read_again_months_later_is_left_out(scene, service):
    run = scene.at(0)
    for number in range(5):
        take(run, events=[number], listed=number)
    finish(run)

    run = scene.at(90)
    for number in range(7):
        take(run, events=[number], listed=number)
    run.checkpoint({"at": 7})
    finish(run)

    assert sorted(service.numbers) == [0, 1, 2, 3, 4, 5, 6]
    counts = scene.report()["streams"]["events"]
    assert (counts["delivered"], counts["skipped"]) == (2, {"delivered_before": 5})
    assert scene.states == [{"at": 7}]


def test_it_is_switched_off_by_the_setting_and_asked_of_no_other_mapping(scene, service):
    for _ in range(2):
        run = scene.open()
        take(run, events=[1], listed=1)
        finish(run)
    for days in (0, 1):
        run = scene.at(days)
        take(run, events=[2])  # it says of no event how the list knows it
        finish(run)
    assert service.numbers == [1, 1, 2, 2]


def test_what_died_is_no_delivery(scene, service):
    service.bad = frozenset({1})
    run = scene.at(0)
    for number in (1, 2):
        take(run, events=[number], listed=number)
    finish(run)
    assert len(lines_of(scene.folder / "dead.singer")) == 1

    service.bad = frozenset()
    run = scene.at(30)
    for number in (1, 2):
        take(run, events=[number], listed=number)
    finish(run)
    assert sorted(service.numbers) == [1, 2]


def test_a_record_that_a_rule_left_out_is_no_delivery(scene, service):
    run = scene.at(0)
    take(run, events=[1], listed=1, skipped="excluded: x")
    take(run, listed=2)
    finish(run)
    run = scene.at(30)
    take(run, events=[1], listed=1)
    take(run, events=[2], listed=2)
    finish(run)
    assert sorted(service.numbers) == [1, 1, 2]


def test_what_it_would_say_is_not_said_but_claims_hold(scene):
    run = scene.at(0)
    take(run, events=[1], listed=1)
    finish(run)
    run = scene.at(30)
    take(run, events=[1], listed=1, said=["ann"], claims=["d1"], odd=["x"], person="ann")
    finish(run)
    assert scene.remembered("person", "ann") is None
    assert scene.remembered("owner", "d1") == Fact("owner", "d1", "ann", 1)
    assert scene.report()["notes"] == {}


def abandon(run: Run, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        within(run.finish)
    within(lambda: run.abandon(caught.value))


def test_a_run_that_stops_lists_what_it_delivered_behind_what_it_did_not(scene, service):
    answers, unwell = service.answer, Answer(503)

    def picky(exchange, body):
        return unwell if b'"number": 1,' in gzip.decompress(body) else answers(exchange, body)

    service.answer = picky
    run = scene.at(0, max_retries=0)
    take(run, events=[1], listed=1, person="ann")
    run._delivery.close_block()
    take(run, events=[2], listed=2, person="bob")
    run._delivery.flush()
    abandon(run, ServiceUnavailable)

    service.answer = answers
    known = 2 in service.numbers
    run = scene.at(30)
    take(run, events=[1], listed=1, person="ann")
    take(run, events=[2], listed=2, person="bob")
    finish(run)
    assert sorted(service.numbers) == [1, 2]
    if known:
        assert scene.report()["streams"]["events"]["skipped"] == {"delivered_before": 1}


@pytest.mark.parametrize(("days", "is_said"), [(5.9, False), (6.1, True)])
def test_long_after_a_kill_it_says_first_what_may_count_twice(scene, caplog, days, is_said):
    run = scene.at(0)
    take(run, events=[1], listed=1)
    run._delivery.flush()
    within(run._dispatch.drain)
    run.ledger.save()
    kill(run)

    with caplog.at_level(logging.WARNING):
        finish(scene.at(days))
    said = [each for each in caplog.messages if "may count twice" in each]
    assert bool(said) == is_said
    assert not said or "2027-01-15 08:00 UTC" in said[0]

    caplog.clear()
    finish(scene.at(100))
    assert not [each for each in caplog.messages if "may count twice" in each]
