from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from singer_delivery.endpoint import Limits, Reply, Request, Verdict
from singer_delivery.errors import ServiceRefused, ServiceUnavailable, StorageError
from singer_delivery.pipeline.dispatcher import LINGER, Interrupted
from singer_delivery.pipeline.lanes import Lanes
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.queued import Queued, Ticket

from tests.singer_delivery.toys import (
    OK,
    Notes,
    PlayedClock,
    Sender,
    Stage,
    ToyEndpoint,
    numbers,
    scripted,
    toy_event,
    within,
)

UNWELL = Reply(503)


def one_at_a_time(**options: object) -> dict[str, ToyEndpoint]:
    return {"toy": ToyEndpoint(limits=Limits(1, 10_000), **options)}


class Gate:
    """Holds every request until it is opened."""

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


# What a reply leads to ----------------------------------------------------------------------


def test_what_is_accepted_is_decided_in_one_request():
    with Stage(Sender()) as stage:
        stage.deliver(*(toy_event(n) for n in range(3)))
    assert stage.sender.sent == [[0, 1, 2]]
    assert stage.notes.verdicts() == {n: [Verdict.DELIVERED] for n in range(3)}


def test_a_refused_batch_is_halved_down_to_the_culprit():
    sender = Sender(lambda batch: Reply(400) if 5 in batch else OK)
    with Stage(sender, endpoints={"toy": ToyEndpoint(limits=Limits(8, 10_000))}) as stage:
        stage.deliver(*(toy_event(n) for n in range(8)))
    assert sender.sent[:4] == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5]]
    assert sender.sent[4:] == [[4], [5], [6, 7]]
    rejected = [n for n, of in stage.notes.verdicts().items() if of == [Verdict.REJECTED]]
    assert rejected == [5]
    assert stage.notes.attempts[5] == 4  # 8, 4, 2, 1
    assert stage.notes.attempts[0] == 2


def test_a_named_rejection_needs_no_search():
    with Stage(Sender(scripted(Reply(200, b'{"1": "rejected"}')))) as stage:
        stage.deliver(*(toy_event(n) for n in range(3)))
    assert stage.sender.sent == [[0, 1, 2]]
    assert stage.notes.verdicts()[1] == [Verdict.REJECTED]


def test_the_same_bytes_are_sent_again():
    with Stage(Sender(scripted(UNWELL, Reply(0), Reply(429)))) as stage:
        stage.deliver(toy_event(0), toy_event(1))
    assert stage.sender.sent == [[0, 1]] * 4
    assert len(set(stage.sender.bodies)) == 1
    assert stage.notes.retries == ["http 503", "http 0", "http 429"]
    assert stage.notes.attempts == {0: 4, 1: 4}


def test_what_is_postponed_in_part_is_sent_again_alone_and_after_a_wait():
    with Stage(Sender(scripted(Reply(200, b'{"1": "retriable"}')))) as stage:
        stage.deliver(*(toy_event(n) for n in range(3)))
    assert stage.sender.sent == [[0, 1, 2], [1]]
    assert sum(stage.clock.naps) >= 0.5
    assert stage.notes.verdicts() == {n: [Verdict.DELIVERED] for n in range(3)}
    assert stage.notes.retries == ["retriable"]


def test_what_is_postponed_in_part_forever_ends_the_run():
    sender = Sender(lambda _batch: Reply(200, b'{"0": "retriable"}'))
    with Stage(sender, max_retries=3) as stage:
        with pytest.raises(ServiceUnavailable):
            within(lambda: stage.deliver(toy_event(0)))
        assert sender.sent == [[0]] * 4


def test_a_service_that_takes_events_bit_by_bit_is_not_given_up():
    def answer(batch: list[int]) -> Reply:
        named = ",".join(f'"{position}": "retriable"' for position in range(1, len(batch)))
        return Reply(200, f"{{{named}}}".encode())

    endpoints = {"toy": ToyEndpoint(limits=Limits(6, 10_000))}
    with Stage(Sender(answer), endpoints=endpoints, max_retries=1) as stage:
        within(lambda: stage.deliver(*(toy_event(n) for n in range(6))))
    assert stage.notes.verdicts() == {n: [Verdict.DELIVERED] for n in range(6)}


def test_retry_after_is_waited_for():
    with Stage(Sender(scripted(Reply(429, headers={"Retry-After": "120"})))) as stage:
        before = stage.clock.now()
        stage.deliver(toy_event(0))
        assert stage.clock.now() - before >= 120


def test_a_fatal_reply_stops_the_run_with_its_words():
    with Stage(Sender(scripted(Reply(401)))) as stage:
        with pytest.raises(ServiceRefused, match="The toy refused the key"):
            stage.deliver(toy_event(0))
        with pytest.raises(ServiceRefused):
            stage.submit(toy_event(1))
        with pytest.raises(ServiceRefused):
            stage.dispatcher.raise_if_over()
    assert stage.sender.sent == [[0]]
    assert stage.notes.outcomes == {}


def test_a_fatal_word_about_one_event_stops_the_run_after_the_others_are_noted():
    stage = Stage(Sender(scripted(Reply(200, b'{"1": "fatal"}'))))
    with stage, pytest.raises(ServiceRefused):
        stage.deliver(toy_event(0), toy_event(1))
    assert stage.notes.verdicts() == {0: [Verdict.DELIVERED]}


@pytest.mark.parametrize("max_retries", [0, 2])
def test_when_the_tries_run_out_the_run_stops_and_says_how_often_it_tried(max_retries: int):
    sender = Sender(lambda _batch: UNWELL)
    with Stage(sender, max_retries=max_retries) as stage:
        with pytest.raises(ServiceUnavailable, match=f"tried {max_retries + 1} times"):
            stage.deliver(toy_event(0))
        assert len(sender.sent) == max_retries + 1


def test_an_error_of_ours_in_a_lane_stops_the_run_too():
    def answer(_batch: list[int]) -> Reply:
        msg = "a bug"
        raise LookupError(msg)

    with Stage(Sender(answer)) as stage, pytest.raises(LookupError):
        within(lambda: stage.deliver(toy_event(0)))


# What happens before a request --------------------------------------------------------------


class Order(Notes):
    """Notes the order of what is put on disk and what is sent."""

    def send(self, request: Request) -> Reply:
        self.happened.append(f"sent {numbers(request)}")
        return OK


def test_claims_are_on_disk_before_the_request_leaves():
    order = Order()
    with Stage(order, listener=order, endpoints=one_at_a_time()) as stage:
        stage.deliver(toy_event(0), toy_event(1))
    assert order.happened == ["before sending", "sent [0]", "before sending", "sent [1]"]


class FullDisk(Notes):
    def before_sending(self) -> None:
        msg = "The disk is full."
        raise StorageError(msg)


def test_nothing_is_sent_when_the_claims_cannot_be_saved():
    with Stage(Sender(), listener=FullDisk()) as stage, pytest.raises(StorageError):
        stage.deliver(toy_event(0))
    assert stage.sender.sent == []


def test_the_pace_is_kept_by_all_lanes_together():
    clock = PlayedClock()
    pace = Pace(10, clock)
    with Stage(Sender(), endpoints=one_at_a_time(), pace=pace, clock=clock) as stage:
        before = clock.now()
        stage.deliver(*(toy_event(n, f"p{n}") for n in range(11)))
        assert clock.now() - before >= 1.0 - 1e-6


# When a request leaves ----------------------------------------------------------------------


def test_a_part_of_a_request_leaves_by_itself_after_a_while():
    with Stage(Sender(), linger=0.005) as stage:
        stage.submit(toy_event(0))
        within(lambda: until(lambda: 0 in stage.notes.outcomes))


def test_a_part_of_a_request_waits_for_more():
    with Stage(Sender(), linger=LINGER * 1_000) as stage:
        stage.submit(toy_event(0), toy_event(1))
        assert stage.sender.sent == []
        stage.submit(toy_event(2))
        within(lambda: until(lambda: 2 in stage.notes.outcomes))
    assert stage.sender.sent == [[0, 1, 2]]


def test_drain_leaves_nothing_undecided_however_long_it_may_linger():
    with Stage(Sender(), linger=1_000) as stage:
        within(lambda: stage.deliver(*(toy_event(n, f"p{n}") for n in range(20))))
        assert len(stage.notes.outcomes) == 20
        within(lambda: stage.deliver(toy_event(20)))
        assert len(stage.notes.outcomes) == 21


def test_drain_of_nothing_returns():
    with Stage(Sender()) as stage:
        within(stage.dispatcher.drain)


def test_a_merge_hurries_the_request_it_waits_for():
    with Stage(Sender(), linger=1_000, max_in_flight=2) as stage:
        gate = Gate()
        stage.sender.answer = lambda batch: gate(batch) if 0 in batch else OK
        stage.submit(*(toy_event(n, "ann") for n in range(3)))  # a full request, now in the air
        assert gate.reached.wait(20)
        stage.submit(toy_event(3, "bob"))  # in the other lane, not full
        stage.submit(toy_event(4, "ann", merges="bob"))  # behind ann's, waits for bob's
        within(lambda: until(lambda: 3 in stage.notes.outcomes))
        assert 4 not in stage.notes.outcomes
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert stage.sender.sent == [[0, 1, 2], [3], [4]]


def test_a_merge_waits_for_what_was_postponed_though_a_later_event_was_taken():
    gate, merged = Gate(), threading.Event()
    seen_undecided: list[bool] = []

    def answer(batch: list[int]) -> Reply:
        if batch == [0]:
            return gate(batch)
        if batch == [1, 2]:
            return Reply(200, b'{"0": "retriable"}')
        if batch == [1]:  # postponed; the merge would come while this is in the air
            gate.opened.set()
            merged.wait(0.1)
        if 3 in batch:
            seen_undecided.append(1 not in stage.notes.outcomes)
            merged.set()
        return OK

    endpoints = {"toy": ToyEndpoint(limits=Limits(2, 10_000))}
    with Stage(Sender(answer), endpoints=endpoints, linger=0.005) as stage:
        stage.submit(toy_event(0, "bob"))
        assert gate.reached.wait(20)
        stage.submit(toy_event(1, "ann"))
        stage.submit(toy_event(2, "ann"), toy_event(3, "bob", merges="ann"))
        within(stage.dispatcher.drain)
    assert seen_undecided == [False]


def test_there_are_as_many_requests_in_the_air_as_there_are_lanes():
    gate = Gate()
    sender = Sender(gate)
    with Stage(sender, endpoints=one_at_a_time(), max_in_flight=4) as stage:
        stage.submit(*(toy_event(n, f"p{n}") for n in range(4)))
        within(lambda: until(lambda: sender.in_the_air == 4))
        stage.submit(*(toy_event(n, f"p{n}") for n in range(4, 8)))
        assert sender.in_the_air == 4
        gate.opened.set()
        within(stage.dispatcher.drain)
    assert sender.peak == 4


def test_what_is_hurried_leaves_whole_whatever_its_endpoints():
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    plan = ["events", "people", "events", "people", "events"]
    with Stage(Sender(), endpoints=endpoints, linger=1_000, max_in_flight=1) as stage:
        stage.submit(*(toy_event(n, f"p{n}", endpoint=each) for n, each in enumerate(plan)))
        stage.dispatcher.hurry()
        within(lambda: until(lambda: len(stage.notes.outcomes) == len(plan)))
        stage.submit(toy_event(len(plan), endpoint="events"))
        time.sleep(0.02)
        assert len(stage.notes.outcomes) == len(plan)  # what comes later may linger


def numbers_in(batch: list[Queued]) -> list[int]:
    return [queued.event.body["number"] for queued in batch]


@pytest.mark.parametrize(
    ("plan", "waited", "expected"),
    [
        pytest.param("ann:people bob:events cyn:events", 0, [[1, 2], [0]], id="the most"),
        pytest.param("ann:people bob:events cyn:events", 2, [[0], [1, 2]], id="it has lingered"),
        pytest.param("ann:people ann:events ann:events", 0, [[0], [1, 2]], id="all are behind it"),
        pytest.param("ann:people ann:events cyn:events", 0, [[2], [0], [1]], id="some are"),
        pytest.param("ann:people bob:events", 0, [[0], [1]], id="as many"),
    ],
)
def test_of_what_waits_the_most_leaves_first_unless_the_first_has_lingered(plan, waited, expected):
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    with (lock := threading.RLock()):
        lanes = Lanes(1, lock, endpoints)
        [lane] = lanes.lanes
        for number, (person, endpoint) in enumerate(each.split(":") for each in plan.split()):
            event = toy_event(number, person, endpoint=endpoint)
            lanes.put(lane, Queued(event, b"{}", Ticket(b"")))
        lane.since -= waited
        taken = []
        while lane.waiting:
            taken.append(numbers_in(lanes.take(lane, 1.0)))
    assert taken == expected


def test_what_was_passed_over_does_not_wait_anew():
    endpoints = {name: ToyEndpoint(name) for name in ("events", "people")}
    with (lock := threading.RLock()):
        lanes = Lanes(1, lock, endpoints)
        [lane] = lanes.lanes
        for number, endpoint in enumerate(("events", "people", "events")):
            event = toy_event(number, f"p{number}", endpoint=endpoint)
            lanes.put(lane, Queued(event, b"{}", Ticket(b"")))
        lane.since -= 0.75
        assert numbers_in(lanes.take(lane, 1.0)) == [0, 2]
        assert lanes.patience(lane, 1.0) <= 0.25


def test_events_of_one_endpoint_travel_together_past_other_people_of_another():
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    plan = [
        ("ann", "events"),
        ("bob", "people"),
        ("bob", "events"),  # behind bob's first
        ("cyn", "events"),
        ("dev", "people"),
        ("ann", "events"),
    ]
    with Stage(Sender(), endpoints=endpoints, linger=1_000, max_in_flight=1) as stage:
        stage.deliver(*(toy_event(n, p, endpoint=e) for n, (p, e) in enumerate(plan)))
    assert stage.sender.sent == [[0, 3, 5], [1, 4], [2]]


def test_nothing_of_a_merged_person_is_passed():
    endpoints = {name: ToyEndpoint(name, Limits(6, 10_000)) for name in ("events", "people")}
    with Stage(Sender(), endpoints=endpoints, linger=1_000, max_in_flight=1) as stage:
        stage.deliver(
            toy_event(0, "cyn", endpoint="events"),
            toy_event(1, "device", endpoint="people"),
            toy_event(2, "ann", endpoint="events", merges="device"),
            toy_event(3, "bob", endpoint="people", merges="dev"),
            toy_event(4, "dev", endpoint="events"),
        )
    assert stage.sender.sent == [[0], [1, 3], [2, 4]]


def test_people_are_spread_over_more_lanes_when_all_so_far_are_in_the_air():
    lanes = Lanes(12, threading.RLock(), {"toy": ToyEndpoint()})

    def lanes_of_new_people() -> int:
        return len({id(lanes.place(toy_event(n, f"p{n}"))) for n in range(32)})

    lanes.spread()
    assert lanes_of_new_people() == 1  # nothing was in the air: no lane was missing
    for so_far, expected in ((1, 4), (4, 12), (12, 12)):
        for lane in lanes.lanes[:so_far]:
            lane.sending = True
        lanes.spread()
        for lane in lanes.lanes:
            lane.sending = False
        assert lanes_of_new_people() == expected


# Memory -------------------------------------------------------------------------------------


def test_submit_waits_while_the_memory_is_full():
    gate = Gate()
    with Stage(Sender(gate), held_bytes=1_000, max_in_flight=1) as stage:
        stage.submit(toy_event(0), message=b"x" * 2_000)
        assert gate.reached.wait(20)
        later = threading.Thread(target=stage.submit, args=(toy_event(1),), daemon=True)
        later.start()
        later.join(0.05)
        assert later.is_alive()
        gate.opened.set()
        later.join(20)
        assert not later.is_alive()


def test_a_full_memory_sends_what_waits():
    with Stage(Sender(), held_bytes=Ticket.overhead + 1_000, linger=1_000) as stage:
        stage.submit(toy_event(0), message=b"x" * 2_000)
        within(lambda: stage.submit(toy_event(1)))
        assert stage.notes.verdicts() == {0: [Verdict.DELIVERED]}


def test_half_a_memory_sends_the_fullest_request_as_it_is():
    endpoints = {"toy": ToyEndpoint(limits=Limits(1_000, 1_000_000))}
    twenty = 20 * (Ticket.overhead + 1_000)
    with Stage(Sender(), endpoints=endpoints, held_bytes=twenty, linger=1_000) as stage:
        stage.submit(*(toy_event(n, f"p{n}") for n in range(9)), message=b"x" * 980)
        time.sleep(0.05)
        assert stage.sender.sent == []
        stage.submit(*(toy_event(n, f"p{n}") for n in range(9, 12)), message=b"x" * 980)
        within(lambda: until(lambda: bool(stage.sender.sent)))


def test_a_full_lane_does_not_hold_up_another_person():
    gate = Gate()
    sender = Sender(lambda batch: gate(batch) if 0 in batch else OK)
    with Stage(sender, endpoints=one_at_a_time()) as stage:
        stage.submit(toy_event(0, "ann"))
        assert gate.reached.wait(20)
        within(lambda: stage.submit(toy_event(1, "bob"), toy_event(2, "bob")))
        within(lambda: until(lambda: {1, 2} <= stage.notes.outcomes.keys()))
        gate.opened.set()


# The end ------------------------------------------------------------------------------------


def test_an_interrupted_run_takes_nothing_more():
    with Stage(Sender()) as stage:
        stage.dispatcher.interrupt(143)
        for call in (
            lambda: stage.submit(toy_event(0)),
            stage.dispatcher.drain,
            stage.dispatcher.raise_if_over,
        ):
            with pytest.raises(Interrupted) as caught:
                call()
            assert caught.value.code == 143


def test_an_interrupt_frees_a_submit_that_waits():
    gate = Gate()
    with Stage(Sender(gate), held_bytes=1, max_in_flight=1) as stage:
        stage.submit(toy_event(0))
        assert gate.reached.wait(20)
        stage.dispatcher.interrupt(130)
        with pytest.raises(Interrupted):
            within(lambda: stage.submit(toy_event(1)))
        gate.opened.set()


def test_stop_lets_the_request_in_the_air_finish_and_be_counted():
    gate = Gate()
    with Stage(Sender(gate), endpoints=one_at_a_time(), max_in_flight=1) as stage:
        stage.submit(toy_event(0), toy_event(1))
        assert gate.reached.wait(20)
        opener = threading.Timer(0.05, gate.opened.set)
        opener.start()
        within(lambda: stage.dispatcher.stop(20))
    assert stage.notes.verdicts() == {0: [Verdict.DELIVERED]}
    assert stage.sender.sent == [[0]]


def test_stop_does_not_wait_for_a_service_that_does_not_answer():
    gate = Gate()
    with Stage(Sender(gate), linger=0.005) as stage:
        stage.submit(toy_event(0))
        assert gate.reached.wait(20)
        within(lambda: stage.dispatcher.stop(0.01))
        gate.opened.set()


def test_stop_ends_a_wait_before_a_retry():
    sender = Sender(lambda _batch: Reply(503, headers={"Retry-After": "600"}))
    with Stage(sender, max_retries=10_000, linger=0.005) as stage:
        stage.submit(toy_event(0))
        within(lambda: until(lambda: len(sender.sent) > 2))
        within(lambda: stage.dispatcher.stop(20))
        assert not any(thread.is_alive() for thread in stage.dispatcher._threads)
        assert stage.notes.outcomes == {}


def test_after_stop_nothing_new_is_sent():
    with Stage(Sender(), linger=1_000) as stage:
        stage.submit(toy_event(0))
        within(lambda: stage.dispatcher.stop(20))
    assert stage.sender.sent == []
