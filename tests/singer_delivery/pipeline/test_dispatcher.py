"""When requests leave, how many at once, and how a run stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from singer_delivery.endpoint import Limits, Reply
from singer_delivery.errors import Interrupted, ServiceRefused, ServiceUnavailable, StorageError
from singer_delivery.pipeline.blocks import Block
from singer_delivery.pipeline.dispatcher import LINGER, SPREAD, WIDER, Dispatcher
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.packing import LANES, lane_of
from singer_delivery.pipeline.pieces import Piece, Place, Single

from tests.singer_delivery.pipeline.parts import requests_of
from tests.singer_delivery.pipeline.test_requests import Notes
from tests.singer_delivery.toys import (
    OK,
    PlayedClock,
    Sender,
    ToyEndpoint,
    plain,
    scripted,
    within,
)


class Gate:
    """Keeps every request until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()

    def __call__(self, _numbers: list[int]) -> Reply:
        self.reached.set()
        assert self.opened.wait(20)
        return OK


def until(condition: Callable[[], bool]) -> None:
    """Return once something is so; the caller's time limit is what ends the waiting else."""
    while not condition():
        time.sleep(0.001)


def event(number: int, person: str = "ann", endpoint: str = "toy", needs: int = 0) -> Piece:
    """Return the piece of one event."""
    body = b'{"number":%d}' % number
    single = Single("event", f"event {number}", body, Place(Block(0), 0, 0))
    piece = Piece.of_single(endpoint, single, 1 << lane_of(person))
    piece.needs = needs
    return piece


def people(count: int) -> list[str]:
    """Return people of different lanes."""
    found: dict[int, str] = {}
    for number in range(10_000):
        found.setdefault(lane_of(f"p{number}"), f"p{number}")
    return list(found.values())[:count]


class Stage:
    """A dispatcher among toys."""

    def __init__(self, sender: Any, **options: Any) -> None:
        self.endpoints = options.pop("endpoints", None) or {"toy": ToyEndpoint()}
        self.sender = sender
        self.notes = options.pop("listener", None) or Notes()
        self.clock = options.pop("clock", None) or PlayedClock()
        requests = requests_of(self.endpoints, sender, self.notes, self.clock, options)
        self.finished: list[Piece] = []
        settings = {"max_in_flight": 2, "linger": 1_000.0, **options}
        self.dispatcher = Dispatcher(self.endpoints, requests, _Finished(self.finished), **settings)

    def submit(self, *pieces: Piece) -> None:
        self.dispatcher.submit(pieces)

    def deliver(self, *pieces: Piece) -> None:
        def run() -> None:
            self.submit(*pieces)
            self.dispatcher.drain()

        within(run)


class _Finished:
    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces

    def finished(self, pieces: Any) -> None:
        self._pieces += pieces


@contextmanager
def stage_of(sender: Any, **options: Any) -> Iterator[Stage]:
    """Open a stage; leaving the block stops its threads."""
    stage = Stage(sender, **options)
    try:
        yield stage
    finally:
        stage.dispatcher.stop(5.0)


def one_at_a_time() -> dict[str, ToyEndpoint]:
    return {"toy": ToyEndpoint(limits=Limits(1, 10_000))}


# What stops a run ---------------------------------------------------------------------------


def test_a_fatal_reply_stops_the_run_with_its_words():
    with stage_of(Sender(scripted(Reply(401)))) as stage:
        with pytest.raises(ServiceRefused, match="The toy refused the key"):
            stage.deliver(event(0))
        with pytest.raises(ServiceRefused):
            stage.submit(event(1))
        with pytest.raises(ServiceRefused):
            stage.dispatcher.raise_if_over()
    assert stage.sender.sent == [[0]]
    assert stage.notes.outcomes == {}
    assert stage.finished == []


def test_when_the_tries_run_out_the_run_stops():
    with (
        stage_of(Sender(lambda _: Reply(503))) as stage,
        pytest.raises(ServiceUnavailable, match="tried 4 times"),
    ):
        stage.deliver(event(0))


def raise_lookup_error(_numbers: list[int]) -> Reply:
    msg = "someone@example.com"
    raise LookupError(msg)


def test_an_error_of_ours_in_a_thread_stops_the_run_and_is_not_quoted(caplog):
    with stage_of(Sender(raise_lookup_error)) as stage, pytest.raises(LookupError):
        within(lambda: stage.deliver(event(0)))
    assert "LookupError" in caplog.text
    assert "raise_lookup_error" in caplog.text
    assert "someone@example.com" not in caplog.text


class FullDisk(Notes):
    def before_sending(self) -> None:
        msg = "The disk is full."
        raise StorageError(msg)


def test_nothing_is_sent_when_the_claims_cannot_be_saved():
    with stage_of(Sender(), listener=FullDisk()) as stage, pytest.raises(StorageError):
        stage.deliver(event(0))
    assert stage.sender.sent == []


def test_what_cannot_be_written_down_stops_the_run():
    with stage_of(Sender()) as stage:

        def fail(_pieces: Any) -> None:
            raise BrokenPipeError

        stage.dispatcher._listener.finished = fail  # type: ignore[method-assign]
        with pytest.raises(BrokenPipeError):
            stage.deliver(event(0))


def test_the_pace_is_kept_by_all_threads_together():
    clock = PlayedClock()
    with stage_of(Sender(), endpoints=one_at_a_time(), pace=Pace(10, clock), clock=clock) as stage:
        before = clock.now()
        stage.deliver(*(event(n, f"p{n}") for n in range(11)))
        assert clock.now() - before >= 1.0 - 1e-6


# When a request leaves ----------------------------------------------------------------------


def test_a_part_of_a_request_leaves_by_itself_after_a_while():
    with stage_of(Sender(), linger=0.005) as stage:
        stage.submit(event(0))
        within(lambda: until(lambda: 0 in stage.notes.outcomes))


def test_a_part_of_a_request_waits_for_more():
    with stage_of(Sender(), linger=LINGER * 1_000) as stage:
        stage.submit(event(0), event(1))
        assert stage.sender.sent == []
        stage.submit(event(2))
        within(lambda: until(lambda: 2 in stage.notes.outcomes))
    assert stage.sender.sent == [[0, 1, 2]]


def test_drain_leaves_nothing_undecided_however_long_it_may_linger():
    with stage_of(Sender(), linger=1_000) as stage:
        stage.deliver(*(event(n, f"p{n}") for n in range(20)))
        assert len(stage.notes.outcomes) == 20
        stage.deliver(event(20))
        assert len(stage.notes.outcomes) == 21
        assert stage.dispatcher.undecided == 0


def test_drain_of_nothing_returns():
    with stage_of(Sender()) as stage:
        within(stage.dispatcher.drain)


def test_what_is_hurried_leaves_at_once_whatever_its_endpoints():
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    plan = ["events", "people", "events", "people", "events"]
    with stage_of(Sender(), endpoints=endpoints, linger=1_000, max_in_flight=1) as stage:
        stage.submit(*(event(n, f"p{n}", each) for n, each in enumerate(plan)))
        stage.dispatcher.hurry()
        within(lambda: until(lambda: len(stage.notes.outcomes) == len(plan)))
        stage.submit(event(len(plan), endpoint="events"))
        time.sleep(0.02)
        assert len(stage.notes.outcomes) == len(plan)  # what comes later may linger


def test_a_request_holds_events_of_one_endpoint():
    endpoints = {"events": ToyEndpoint("events"), "people": plain("people")}
    with stage_of(Sender(), endpoints=endpoints, max_in_flight=1) as stage:
        stage.deliver(*(event(n, f"p{n}", "people" if n % 2 else "events") for n in range(6)))
    assert sorted(stage.sender.sent) == [[0, 2, 4], [1, 3, 5]]


def run_one_by_one(plan: str, waited: Sequence[float]) -> list[list[int]]:
    """Let a single thread send what `plan` has for each endpoint, all of it ready to leave."""
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    gate = Gate()
    sender = Sender(lambda batch: gate(batch) if batch == [99] else OK)
    with stage_of(sender, endpoints=endpoints, max_in_flight=1) as stage:
        stage.submit(*(event(99, "gate", "events") for _ in range(1)))
        stage.dispatcher.hurry()
        assert gate.reached.wait(20)
        names = people(len(plan.split()))
        stage.submit(*(event(n, names[n], each) for n, each in enumerate(plan.split())))
        with stage.dispatcher._lock:
            for lanes in stage.dispatcher._lanes.values():
                for piece in lanes._waiting:
                    assert piece.single is not None
                    piece.since -= waited[int(piece.single.name.split()[-1])]
        stage.dispatcher.hurry()
        gate.opened.set()
        within(lambda: until(lambda: len(stage.notes.outcomes) == 1 + len(plan.split())))
    return sender.sent[1:]


@pytest.mark.parametrize(
    ("plan", "waited", "expected"),
    [
        pytest.param("people events events", (0, 0, 0), [[1, 2], [0]], id="the most"),
        pytest.param("people events events", (2_000, 0, 0), [[0], [1, 2]], id="it has lingered"),
        pytest.param(
            "people events events", (2_000, 3_000, 3_000), [[1, 2], [0]], id="longest of all"
        ),
        pytest.param("events people", (0, 0), [[0], [1]], id="as many"),
    ],
)
def test_of_what_waits_the_most_leaves_first_unless_another_has_lingered(plan, waited, expected):
    assert run_one_by_one(plan, waited) == expected


# How many requests --------------------------------------------------------------------------


def test_there_are_as_many_requests_in_flight_as_there_may_be():
    gate = Gate()
    sender = Sender(gate)
    names = people(8)
    with stage_of(sender, endpoints=one_at_a_time(), max_in_flight=4) as stage:
        stage.submit(*(event(n, names[n]) for n in range(4)))
        within(lambda: until(lambda: sender.in_flight == 4))
        stage.submit(*(event(n, names[n]) for n in range(4, 8)))
        assert sender.in_flight == 4
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert sender.peak == 4


def test_a_person_s_events_do_not_hold_up_another_person():
    gate = Gate()
    sender = Sender(lambda batch: gate(batch) if 0 in batch else OK)
    with stage_of(sender, endpoints=one_at_a_time()) as stage:
        stage.submit(event(0, "ann"))
        assert gate.reached.wait(20)
        stage.submit(event(1, "bob"), event(2, "bob"), event(3, "ann"))
        within(lambda: until(lambda: {1, 2} <= stage.notes.outcomes.keys()))
        assert 3 not in stage.notes.outcomes
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert sender.sent.index([3]) > sender.sent.index([0])


def test_what_merges_waits_for_what_was_postponed_though_a_later_event_was_taken():
    gate = Gate()
    seen: list[bool] = []

    def answer(batch: list[int]) -> Reply:
        if batch == [1, 2]:
            return Reply(200, b'{"0": "retriable"}')
        if batch == [1]:
            return gate(batch)
        seen.append(1 in stage.notes.outcomes)
        return OK

    endpoints = {"toy": plain(limits=Limits(2, 10_000))}
    with stage_of(Sender(answer), endpoints=endpoints, linger=0.005) as stage:
        stage.submit(event(1, "ann"), event(2, "ann"))
        assert gate.reached.wait(20)
        stage.submit(event(3, "bob", needs=1 << lane_of("ann")))
        time.sleep(0.02)
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert seen == [True]


def test_people_are_spread_wider_while_requests_wait_for_each_other():
    gate, most = Gate(), SPREAD + 2
    with stage_of(Sender(gate), endpoints=one_at_a_time(), max_in_flight=most) as stage:
        spreads = [stage.dispatcher.spread]
        for number in range(most):
            stage.submit(event(number, people(most)[number]))
            within(lambda number=number: until(lambda: stage.sender.in_flight == number + 1))
            stage.submit(event(100 + number, people(most)[number]))
            spreads.append(stage.dispatcher.spread)
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert spreads == [SPREAD] * SPREAD + [WIDER * SPREAD] * 3
    assert max(spreads) <= LANES


@pytest.mark.parametrize(("most", "spread"), [(1, 1), (3, 3), (SPREAD, SPREAD), (99, SPREAD)])
def test_people_are_spread_over_no_more_groups_than_requests_may_be_in_flight(most, spread):
    with stage_of(Sender(), max_in_flight=most) as stage:
        assert stage.dispatcher.spread == spread


def test_a_quick_service_is_given_no_wider_spread():
    with stage_of(Sender(), max_in_flight=SPREAD + 2) as stage:
        for number in range(0, 30, 3):
            stage.submit(*(event(number + n, "ann") for n in range(3)))
            within(lambda number=number: until(lambda: number + 2 in stage.notes.outcomes))
        within(stage.dispatcher.drain)
    assert stage.dispatcher.spread == SPREAD
    assert {len(batch) for batch in stage.sender.sent} == {3}


def test_waiting_for_something_hurries_what_brings_it_about():
    with stage_of(Sender()) as stage:
        stage.submit(event(0))
        within(lambda: stage.dispatcher.wait_until(lambda: bool(stage.finished)))
        assert stage.notes.outcomes.keys() == {0}


# The end ------------------------------------------------------------------------------------


def test_an_interrupted_run_takes_nothing_more():
    with stage_of(Sender()) as stage:
        stage.dispatcher.interrupt(143)
        for call in (
            lambda: stage.submit(event(0)),
            stage.dispatcher.drain,
            stage.dispatcher.raise_if_over,
        ):
            with pytest.raises(Interrupted) as caught:
                call()
            assert caught.value.code == 143


def test_an_interrupt_frees_whoever_waits():
    gate = Gate()
    with stage_of(Sender(gate), max_in_flight=1) as stage:
        stage.submit(event(0))
        waits = threading.Timer(0.05, lambda: stage.dispatcher.interrupt(130))
        waits.start()
        with pytest.raises(Interrupted):
            within(stage.dispatcher.drain)
        gate.opened.set()


def test_stop_lets_the_request_in_flight_finish_and_be_counted():
    gate = Gate()
    with stage_of(Sender(gate), endpoints=one_at_a_time(), max_in_flight=1) as stage:
        stage.submit(event(0), event(1))
        assert gate.reached.wait(20)
        opener = threading.Timer(0.05, gate.opened.set)
        opener.start()
        within(lambda: stage.dispatcher.stop(20))
    assert stage.notes.outcomes.keys() == {0}
    assert stage.sender.sent == [[0]]


def test_stop_does_not_wait_for_a_service_that_does_not_answer_and_counts_no_late_reply():
    gate = Gate()
    with stage_of(Sender(gate), linger=0.005) as stage:
        stage.submit(event(0))
        assert gate.reached.wait(20)
        within(lambda: stage.dispatcher.stop(0.01))
        gate.opened.set()
        for thread in stage.dispatcher._threads:
            thread.join(20)
    assert stage.notes.outcomes == {}
    assert stage.finished == []


def test_stop_ends_a_wait_before_a_retry():
    sender = Sender(lambda _: Reply(503, headers={"Retry-After": "600"}))
    with stage_of(sender, max_retries=10_000, linger=0.005) as stage:
        stage.submit(event(0))
        within(lambda: until(lambda: len(sender.sent) > 2))
        within(lambda: stage.dispatcher.stop(20))
        assert not any(thread.is_alive() for thread in stage.dispatcher._threads)
        assert stage.notes.outcomes == {}


def test_after_stop_nothing_new_is_sent():
    with stage_of(Sender(), linger=1_000) as stage:
        stage.submit(event(0))
        within(lambda: stage.dispatcher.stop(20))
    assert stage.sender.sent == []
