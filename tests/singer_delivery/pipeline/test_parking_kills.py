"""A run is killed before and after each durable write about parked events, and simply run again."""

from __future__ import annotations

import pytest
from singer_delivery.endpoint import Hold

from tests.singer_delivery.pipeline.hot import (
    Heat,
    HotScene,
    HotService,
    finish,
    give,
    in_order,
    left_waiting,
)
from tests.singer_delivery.pipeline.runs import kill
from tests.singer_delivery.toys import within

INPUT = ("ann", "bob") * 5
FOREVER = 10**9


@pytest.fixture
def service():
    with HotService() as service:
        yield service


@pytest.fixture
def scene(tmp_path, service) -> HotScene:
    return HotScene(tmp_path, service)


def sent(run) -> None:
    """Let a run send all that it has, and hear the replies."""
    run._delivery.flush()
    within(run._dispatch.drain)


def once(service: HotService, person: str) -> list[int]:
    """Return the numbers of a person's events, as a service keeps what it tells by its id."""
    return list(dict.fromkeys(service.of(person)))


def read_again_and_checked(scene, service) -> None:
    service.hot.clear()
    run = scene.run()
    give(run, *INPUT)
    run.checkpoint({"at": 10})
    finish(run)
    assert once(service, "ann") == [0, 2, 4, 6, 8]
    assert in_order(once(service, "bob"))
    assert scene.states == [{"at": 10}]
    assert scene.run_ledger().parked() == []


def parked(scene) -> int:
    ledger = scene.run_ledger()
    try:
        return sum(each.events for each in ledger.parked())
    finally:
        ledger.close()


def test_between_the_reply_and_the_ledger(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run()
    give(run, *INPUT)
    sent(run)
    kill(run)
    assert parked(scene) == 0
    read_again_and_checked(scene, service)


def test_between_the_ledger_and_state(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run()
    give(run, *INPUT)
    sent(run)
    run.ledger.save()
    kill(run)
    assert parked(scene) == 5
    read_again_and_checked(scene, service)
    assert service.of("ann") == [0, 2, 4, 6, 8], "what was read again is what waited"


@pytest.mark.parametrize("is_saved", [False, True])
def test_between_the_reply_to_a_parked_event_and_the_ledger(scene, service, is_saved):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, *INPUT)
    run.checkpoint({"at": 10})
    left_waiting(run)
    service.hot.clear()

    run = scene.run()
    run._delivery._send_due()
    sent(run)
    if is_saved:
        run.ledger.save()
    kill(run)
    assert service.of("ann") == [0, 2, 4, 6, 8]
    assert parked(scene) == (0 if is_saved else 5)

    finish(scene.run())
    assert once(service, "ann") == [0, 2, 4, 6, 8]
    assert len(service.of("ann")) == (5 if is_saved else 10), "the same to the letter, in order"
    assert parked(scene) == 0


def test_half_of_a_queue_was_taken_when_the_run_was_killed(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, *["ann"] * 20)
    left_waiting(run)
    service.hot["ann"] = Heat(0)
    run = scene.run()
    answer = service.answer

    def two_requests(exchange, body):
        if len(service.events) >= 16:
            service.hot["ann"].left = FOREVER
        return answer(exchange, body)

    service.answer = two_requests
    run._delivery._send_due()
    sent(run)
    run.ledger.save()
    kill(run)
    assert service.of("ann") == [*range(16)]
    service.answer = answer
    service.hot.clear()
    finish(scene.run())
    assert service.of("ann") == [*range(20)]


def test_what_was_delivered_from_the_ledger_is_listed(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    for number in range(2):
        run = scene.run(max_wait_minutes=0, remember_deliveries=True)
        give(run, "ann", first=number, listed=number)
        left_waiting(run)
    service.hot.clear()
    finish(scene.run(remember_deliveries=True))

    run = scene.run(remember_deliveries=True)
    for number in range(2):
        give(run, "ann", first=number, listed=number)
    finish(run)
    assert service.of("ann") == [0, 1]
    assert scene.counts["skipped"] == {"delivered_before": 2}


def test_what_was_refused_from_the_ledger_is_not(scene, service):
    service.hot["ann"] = Heat(1)
    service.bad = frozenset({0})
    run = scene.run(remember_deliveries=True, max_dead_letters="100%")
    give(run, "ann", listed=0)
    finish(run)
    service.bad = frozenset()
    run = scene.run(remember_deliveries=True)
    give(run, "ann", listed=0)
    finish(run)
    assert service.of("ann") == [0]


@pytest.mark.parametrize("is_later", [False, True], ids=["in this run", "in the next"])
def test_what_a_refused_parked_event_would_have_told_is_told_again(scene, service, is_later):
    service.hot["ann"] = Heat(FOREVER if is_later else 1, Hold.QUOTA)
    service.bad = frozenset({0})
    run = scene.run(max_dead_letters="100%", max_wait_minutes=0 if is_later else 100)
    give(run, "ann", said=["x"])
    give(run, "bob", first=1)
    give(run, "ann", first=2, said=["y"])
    if is_later:
        left_waiting(run)
        assert scene.remembered("person", "y") is not None
        service.hot.clear()
        run = scene.run(max_dead_letters="100%")
    finish(run)
    assert service.of("ann") == [2]
    assert scene.remembered("person", "y") is not None
    assert scene.remembered("person", "x") is None
