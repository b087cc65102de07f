"""Events of an id that the service takes later: they wait on disk, in order, and others go on."""

from __future__ import annotations

import json
import logging
import random
from itertools import pairwise

import pytest
from singer_delivery.endpoint import Hold
from singer_delivery.errors import EventsWait, ServiceUnavailable

from tests.examples import first_of
from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.pipeline.hot import (
    Heat,
    HotScene,
    HotService,
    finish,
    give,
    in_order,
    left_waiting,
)
from tests.singer_delivery.pipeline.runs import lines_of, take
from tests.singer_delivery.toys import events_in, within

FOREVER = 10**9


@pytest.fixture
def service():
    with HotService() as service:
        yield service


@pytest.fixture
def scene(tmp_path, service) -> HotScene:
    return HotScene(tmp_path, service)


@pytest.mark.parametrize("processes", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("ids", "places"), [(True, True), (True, False), (False, True)], ids=["both", "ids", "places"]
)
def test_a_throttled_id_waits_and_keeps_its_order_while_others_go_on(
    scene, service, ids, places, processes
):
    service.hot["ann"] = Heat(3, names_ids=ids, names_places=places)
    run = scene.run(processes=processes)
    begun = scene.clock.now()
    give(run, *["ann", "bob", "cid"] * 10)
    run.checkpoint({"at": 30})
    finish(run)

    assert sorted(service.numbers) == [*range(30)]
    for person in ("ann", "bob", "cid"):
        assert in_order(service.of(person))
    assert service.numbers.index(0) > service.numbers.index(29), "bob and cid did not wait for ann"
    assert 15 + 30 <= scene.clock.now() - begun < 120
    assert scene.counts == {"read": 30, "delivered": 30, "skipped": {}, "dead": {}, "undecided": 0}
    assert scene.states == [{"at": 30}]
    assert scene.report()["outcome"] == "complete"


def test_pauses_double_from_15_seconds_to_5_minutes(scene, service):
    service.hot["ann"] = Heat(8)
    run, times = scene.run(), []
    answer = service.answer

    def timed(exchange, body):
        times.append(scene.clock.now())
        return answer(exchange, body)

    service.answer = timed
    give(run, "ann")
    finish(run)
    pauses = [round(later - sooner) for sooner, later in pairwise(times)]
    assert pauses == [15, 30, 60, 120, 240, 300, 300, 300]


def test_state_passes_while_events_wait_and_they_are_on_disk_before(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run()
    seen = []

    def emit(state):
        other = scene.run_ledger()
        seen.append((state, sum(each.events for each in other.parked())))
        other.close()

    run._checkpoints._emit = emit
    give(run, "ann", "bob", "ann")
    run.checkpoint({"at": 3})
    run.rest(hurry=True)
    within(run._dispatch.drain)
    run.rest()
    assert seen == [({"at": 3}, 2)]
    left_waiting(run)


def test_a_daily_quota_is_tried_hourly_and_ends_the_run_with_a_sentence(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    service.hot["zoe"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=130)
    begun = scene.clock.now()
    give(run, *["ann", "bob", "zoe"] * 4)
    run.checkpoint({"at": 12})

    said = left_waiting(run)

    assert str(said) == "8 events of 2 ids wait in the ledger: run again."
    assert service.numbers == [1, 4, 7, 10]
    assert 7_200 <= scene.clock.now() - begun < 7_800
    assert scene.states == [{"at": 12}]
    counts = scene.counts
    assert (counts["delivered"], counts["waiting"], counts["undecided"]) == (4, 8, 0)
    assert scene.report()["outcome"] == str(said)


def test_the_next_run_sends_them_first_and_what_it_reads_behind_them(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, *["ann", "bob"] * 3)
    left_waiting(run)
    service.hot.clear()

    run = scene.run(max_wait_minutes=0)
    give(run, *["ann", "bob"] * 3, first=6)
    finish(run)

    assert service.of("ann") == [0, 2, 4, 6, 8, 10]
    assert in_order(service.of("bob"))
    assert scene.counts["delivered"] == 6, "those that this run read"
    assert scene.run_ledger().parked() == []


def test_a_run_without_input_sends_them_too(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, "ann", "ann")
    assert str(left_waiting(run)) == "2 events of 1 id wait in the ledger: run again."
    assert str(left_waiting(scene.run(max_wait_minutes=0))).startswith("2 events of 1 id wait")
    service.hot.clear()
    finish(scene.run())
    assert service.of("ann") == [0, 1]


def test_what_comes_again_while_it_waits_is_the_one_that_waits(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    for _ in range(3):
        run = scene.run(max_wait_minutes=0)
        give(run, "ann", "bob", "ann")
        left_waiting(run)
    assert scene.counts["skipped"] == {"parked_before": 2}
    service.hot.clear()
    finish(scene.run())
    assert service.of("ann") == [0, 2]


def test_what_comes_twice_in_one_run_waits_once(scene, service):
    service.hot["ann"] = Heat(2)
    run = scene.run()
    give(run, "ann", "ann")
    give(run, "ann", "ann")
    finish(run)
    assert service.of("ann") == [0, 1]
    counts = scene.counts
    assert "waiting" not in counts
    assert (counts["delivered"], counts["skipped"]) == (2, {"parked_before": 2})
    assert counts["undecided"] == 0

    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, "ann", "ann", first=7)
    give(run, "ann", first=7)
    assert str(left_waiting(run)) == "2 events of 1 id wait in the ledger: run again."


def test_a_parked_event_that_is_refused_is_a_dead_letter_with_its_record(scene, service):
    service.hot["ann"] = Heat(1)
    service.bad = frozenset({2})
    run = scene.run(max_dead_letters="100%")
    give(run, "ann", "bob", "ann", "ann", note="as it came")
    finish(run)
    (letter,) = [each["record"] for each in lines_of(scene.folder / "dead.singer")]
    assert letter["events"] == [2]
    assert letter["note"] == "as it came"
    assert letter["_dead_letter"]["reason"] == "refused"
    assert service.of("ann") == [0, 3]
    counts = scene.counts
    assert (counts["delivered"], counts["dead"], counts["undecided"]) == (3, {"refused": 1}, 0)
    assert "waiting" not in counts


def test_a_parked_event_of_an_earlier_run_that_is_refused_is_one_too(scene, service):
    service.hot["ann"] = Heat(FOREVER, Hold.QUOTA)
    run = scene.run(max_wait_minutes=0)
    give(run, "ann", "ann", note="as it came")
    left_waiting(run)
    service.hot.clear()
    service.bad = frozenset({1})
    finish(scene.run())
    (letter,) = [each["record"] for each in lines_of(scene.folder / "dead.singer")]
    assert letter["note"] == "as it came"
    assert scene.report()["endpoints"]["toy"]["dead"] == {"refused": 1}


def test_the_log_says_once_that_ids_wait_and_names_none(scene, service, caplog):
    service.hot = {"ann": Heat(2), "zoe": Heat(2)}
    run = scene.run()
    with caplog.at_level(logging.WARNING):
        give(run, *["ann", "zoe", "bob"] * 5)
        finish(run)
    assert len([each for each in caplog.messages if "Others go on" in each]) == 1
    assert any("Waiting for 10 events of 2 ids (throttled 2)." in each for each in caplog.messages)
    assert "ann" not in caplog.text
    assert "zoe" not in caplog.text


# Ids that overlap --------------------------------------------------------------------------------


def test_a_user_that_waits_lets_the_devices_wait_on_which_its_events_keep_an_order(scene, service):
    """The user is hot; a device's later events, of nobody, must not overtake the user's there."""
    service.hot["user-event"] = Heat(2)
    run = scene.run()
    take(run, events=[0], person="d1", ids=["id:d1"])
    take(run, events=[1], person="d1", ids=["id:d1", "id:user"])
    take(run, events=[2], person="d1", ids=["id:d1"])
    take(run, events=[3], person="d2", ids=["id:d2", "id:user"])
    take(run, events=[4], person="d2", ids=["id:d2"])
    take(run, events=[5], person="d3", ids=["id:d3"])
    answer = service.answer

    def by_user(exchange, body):
        events = events_in(body)
        for event in events:
            event["person"] = "user-event" if event["number"] in (1, 3) else event["person"]
        renamed = answer(exchange, json.dumps(events).encode())
        if renamed.status == 429:
            return type(renamed)(429, renamed.body.replace(b"id:user-event", b"id:user"))
        return renamed

    service.answer = by_user
    finish(run)
    assert sorted(service.numbers) == [0, 1, 2, 3, 4, 5]
    arrived = {number: place for place, number in enumerate(service.numbers)}
    assert arrived[0] < arrived[1] < arrived[2]
    assert arrived[3] < arrived[4]
    assert arrived[5] < arrived[1], "the third device waited for nobody"


# Whatever happens --------------------------------------------------------------------------------


def finish_or_wait(run):
    try:
        finish(run)
    except EventsWait as error:
        cause = error
        within(lambda: run.abandon(cause))


@pytest.mark.parametrize("seed", first_of(range(6), 2))
def test_whatever_is_hot_and_wherever_runs_end_each_arrives_once_and_in_order(scene, service, seed):
    dice = random.Random(seed)
    people = [f"p{number}" for number in range(6)]
    for person in dice.sample(people, 4):
        service.hot[person] = Heat(
            dice.randint(1, 6),
            dice.choice([Hold.THROTTLED, Hold.QUOTA]),
            names_ids=dice.random() < 0.7,
        )
    chosen = [dice.choice(people) for _ in range(120)]
    place = 0
    while place < len(chosen) or scene.run_ledger().parked():
        run = scene.run(max_wait_minutes=dice.choice([0, 30, 200]), processes=0)
        some = chosen[place : place + dice.randint(1, 50)]
        give(run, *some, first=place)
        place += len(some)
        finish_or_wait(run)
    assert sorted(service.numbers) == [*range(120)]
    for person in people:
        assert in_order(service.of(person)), (seed, person)


def test_an_earlier_event_of_the_same_order_goes_first_however_often_it_is_tried(scene, service):
    """Behind it, in the same request, an event was parked: it must not be parked behind that."""
    answer, tries = service.answer, []

    def unwell_at_first(exchange, body):
        numbers = [event["number"] for event in events_in(body)]
        tries.append(numbers)
        if len(tries) == 1:
            return Answer(429, json.dumps({"places": [1], "ids": {"id:u": "throttled"}}).encode())
        return Answer(503) if len(tries) < 4 else answer(exchange, body)

    service.answer = unwell_at_first
    run = scene.run(max_retries=5)
    take(run, events=[0], person="d", ids=["id:d"])
    take(run, events=[1], person="d", ids=["id:d", "id:u"])
    take(run, events=[2], person="d", ids=["id:d"])
    finish(run)
    assert service.numbers == [0, 1, 2]
    assert tries[:4] == [[0, 1, 2], [0], [0], [0]]


def naming_strangers(scene, service, times: int) -> list[float]:
    """Let the next replies name nobody of their request; return when they come."""
    answer, tries = service.answer, []

    def strange(exchange, body):
        tries.append(scene.clock.now())
        if len(tries) <= times:
            named = {"places": [99], "ids": {"id:stranger": "throttled"}}
            return Answer(429, json.dumps(named).encode())
        return answer(exchange, body)

    service.answer = strange
    return tries


def test_a_reply_that_names_only_strangers_is_waited_out(scene, service):
    tries = naming_strangers(scene, service, 2)
    run = scene.run(max_retries=2)
    give(run, "ann", "bob")
    finish(run)
    assert sorted(service.numbers) == [0, 1]
    assert tries[0] < tries[1] < tries[2]


def test_replies_that_name_only_strangers_end_the_run(scene, service):
    tries = naming_strangers(scene, service, 9)
    run = scene.run(max_retries=2)
    give(run, "ann", "bob")
    with pytest.raises(ServiceUnavailable, match="names no event of the request"):
        finish(run)
    assert len(tries) == 3
