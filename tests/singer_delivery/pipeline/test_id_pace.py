"""The pace of one id: a mean of 30 seconds, of those ids alone that have many events."""

from __future__ import annotations

import pytest
from singer_delivery.pipeline.id_pace import IdPace

from tests.singer_delivery.pipeline.hot import HotScene, HotService, finish, give, in_order

WINDOW = 30  # restated


@pytest.fixture
def service():
    with HotService() as service:
        yield service


@pytest.fixture
def scene(tmp_path, service) -> HotScene:
    return HotScene(tmp_path, service)


def test_no_window_has_more_than_its_share():
    pace, taken = IdPace(10), []
    for second in range(200):
        while pace.take("a", 20, second):
            taken.append((second, 20))
    assert len(taken) > 80
    for end in range(200):
        assert sum(n for at, n in taken if end - WINDOW < at <= end) <= 10 * WINDOW


def test_ids_do_not_share_it_and_without_a_limit_there_is_none():
    pace = IdPace(1)
    assert pace.take("a", 30, 0.0)
    assert not pace.take("a", 16, 1.0)
    assert pace.take("b", 30, 1.0)
    assert pace.take("a", 30, 30.0)
    assert not IdPace(0)


def test_ids_that_rested_are_forgotten():
    pace = IdPace(1)
    for number in range(5_000):
        pace.take(str(number), 16, float(number))
    assert len(pace._left) < 2_100


def test_one_id_is_held_below_its_pace_while_others_go_on(tmp_path):
    with HotService() as service:
        scene = HotScene(tmp_path, service)
        scene.endpoints["toy"].limits = type(scene.endpoints["toy"].limits)(64, 100_000)
        arrivals, answer = [], service.answer

        def timed(exchange, body):
            before = len(service.events)
            reply = answer(exchange, body)
            arrivals.extend((scene.clock.now(), event) for event in service.events[before:])
            return reply

        service.answer = timed
        run = scene.run(max_events_per_second_per_id=2)
        give(run, *["bot", "bot", "bot", "ann"] * 60)
        finish(run)

    assert sorted(service.numbers) == [*range(240)]
    assert in_order(service.of("bot"))
    assert in_order(service.of("ann"))
    times = [at for at, event in arrivals if event["person"] == "bot"]
    for at in times:
        assert sum(at - WINDOW < other <= at for other in times) <= max(2 * WINDOW, 20)
    assert times[-1] - times[0] >= 60
    last_of_ann = max(at for at, event in arrivals if event["person"] == "ann")
    assert last_of_ann - times[0] < 5


def test_few_events_in_a_request_are_never_counted(scene, service):
    run = scene.run(max_events_per_second_per_id=1)
    begun = scene.clock.now()
    give(run, *["ann", "bob"] * 100)  # requests have 8 events
    finish(run)
    assert scene.clock.now() - begun < 5
    assert len(service.numbers) == 200
