"""One request until each of its events is decided: what a reply leads to."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.errors import ServiceRefused, ServiceUnavailable, StorageError
from singer_delivery.pipeline.blocks import Block, Input
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.packing import Packer, Task
from singer_delivery.pipeline.pieces import Piece, Place, Single
from singer_delivery.pipeline.report import StreamCounts
from singer_delivery.pipeline.requests import Requests, Stopped

from tests.singer_delivery.pipeline.parts import number_of, requests_of
from tests.singer_delivery.toys import (
    OK,
    PLAIN,
    PlayedClock,
    Sender,
    ToyDecision,
    ToyEndpoint,
    ToyMapping,
    events_in,
    numbers,
    plain,
    scripted,
    within,
)

UNWELL = Reply(503)
LARGE = Limits(800, 1_000_000)


@dataclass
class Notes:
    """A listener that writes down what becomes of events."""

    outcomes: dict[int, list[Verdict]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    retries: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def before_sending(self) -> None:
        self.happened.append("before sending")

    def delivered(self, endpoint: str, pieces: Sequence[Piece]) -> None:
        for each in pieces:
            for _, name in each.tallies:
                self._note(int(name.split()[-1]), Verdict.DELIVERED)

    def decided(
        self, endpoint: str, events: Sequence[tuple[Single, Judgement]], attempts: int
    ) -> None:
        for single, judgement in events:
            self._note(number_of(single), judgement.verdict)
            self.attempts[number_of(single)] = attempts

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        with self.lock:
            self.retries += [retry_reason] if retry_reason else []

    def noted(self, name: str) -> None:
        self.happened.append(name)

    def _note(self, number: int, verdict: Verdict) -> None:
        with self.lock:
            self.outcomes.setdefault(number, []).append(verdict)

    @property
    def all(self) -> dict[int, list[Verdict]]:
        return dict(sorted(self.outcomes.items()))


def block_of(*lines: dict[str, Any]) -> Block:
    """Return a closed block of toy records."""
    of = Input("events", ToyMapping(), StreamCounts(), are_messages=False, service="the toy")
    block = Block(0)
    for line in lines:
        block.add(of, orjson.dumps(line), ToyDecision(str(line.get("person", ""))), 0, None)
    return block


def packed(endpoint: ToyEndpoint, block: Block) -> list[Piece]:
    """Return the pieces that a block becomes."""
    packer = Packer(1)
    for of, lines, decisions, lanes in block.sections():
        task = Task(of.mapping, {endpoint.name: endpoint}, "the toy", of.are_messages, packs=True)
        packer.add_all(task, lines, decisions, lanes)
    result = packer.result()
    of_packed = [
        Piece(name, 1, 0, len(places), body.size, tallies, body, places, block=block)
        for name, _, body, tallies, places, _ in result.packed
    ]
    singles = [
        Single(each.kind, each.name, each.encoded, Place(block, *divmod(each.place, 1 << 16)))
        for each in result.apart
    ]
    return of_packed + [Piece.of_single(endpoint.name, single, 1, block) for single in singles]


class Scene:
    """Requests among toys."""

    def __init__(self, sender: Any, endpoint: ToyEndpoint | None = None, **options: Any) -> None:
        self.endpoint = endpoint or ToyEndpoint(limits=LARGE)
        self.sender = sender
        self.notes = options.pop("listener", None) or Notes()
        self.clock = PlayedClock()
        endpoints = {"toy": self.endpoint}
        self.requests: Requests = requests_of(endpoints, sender, self.notes, self.clock, options)

    def deliver(self, count: int) -> None:
        """Deliver so many events of as many records, in one request."""
        pieces = packed(self.endpoint, block_of(*({"events": [n]} for n in range(count))))
        within(lambda: self.requests.deliver("toy", pieces))


@pytest.fixture(params=["packed", "plain"])
def endpoint(request: pytest.FixtureRequest) -> ToyEndpoint:
    return ToyEndpoint(limits=LARGE) if request.param == "packed" else plain(limits=LARGE)


# What a reply leads to ----------------------------------------------------------------------


def test_what_is_accepted_is_decided_in_one_request(endpoint):
    scene = Scene(Sender(), endpoint)
    scene.deliver(3)
    assert scene.sender.sent == [[0, 1, 2]]
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(3)}


def test_a_refused_request_is_halved_down_to_the_culprit(endpoint):
    scene = Scene(Sender(lambda batch: Reply(400) if 5 in batch else OK), endpoint)
    scene.deliver(8)
    assert scene.sender.sent[:4] == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5]]
    assert scene.sender.sent[4:] == [[4], [5], [6, 7]]
    rejected = [n for n, of in scene.notes.all.items() if of == [Verdict.REJECTED]]
    assert rejected == [5]
    assert scene.notes.attempts[5] == 4  # 8, 4, 2, 1
    assert scene.notes.attempts[0] == 2


def test_an_event_that_is_looked_at_alone_is_the_same_event(endpoint):
    scene = Scene(Sender(scripted(Reply(400))), endpoint)
    scene.deliver(4)
    first, *halves = map(events_in, scene.sender.bodies)
    assert halves == [first[:2], first[2:]]


def test_events_of_one_record_are_told_apart(endpoint):
    scene = Scene(Sender(lambda batch: Reply(400) if 2 in batch else OK), endpoint)
    block = block_of({"events": [0, 1, 2]}, {"events": [3, 4]})
    within(lambda: scene.requests.deliver("toy", packed(scene.endpoint, block)))
    rejected = [n for n, of in scene.notes.all.items() if of == [Verdict.REJECTED]]
    assert rejected == [2]
    assert sorted(scene.notes.all) == [0, 1, 2, 3, 4]


def test_a_named_rejection_needs_no_search(endpoint):
    scene = Scene(Sender(scripted(Reply(200, b'{"1": "rejected"}'))), endpoint)
    scene.deliver(3)
    assert scene.sender.sent == [[0, 1, 2]]
    assert scene.notes.all[1] == [Verdict.REJECTED]
    assert scene.notes.all[0] == scene.notes.all[2] == [Verdict.DELIVERED]


def test_the_same_bytes_are_sent_again(endpoint):
    scene = Scene(Sender(scripted(UNWELL, Reply(0), Reply(429))), endpoint)
    scene.deliver(2)
    assert scene.sender.sent == [[0, 1]] * 4
    assert len(set(scene.sender.bodies)) == 1
    assert scene.notes.retries == ["http 503", "http 0", "http 429"]


def test_what_is_postponed_in_part_is_sent_again_alone_and_after_a_wait(endpoint):
    scene = Scene(Sender(scripted(Reply(200, b'{"1": "retriable"}'))), endpoint)
    scene.deliver(3)
    assert scene.sender.sent == [[0, 1, 2], [1]]
    assert sum(scene.clock.naps) >= 0.5
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(3)}
    assert scene.notes.retries == ["retriable"]


def test_what_is_postponed_in_part_forever_ends_the_run(endpoint):
    scene = Scene(Sender(lambda _: Reply(200, b'{"0": "retriable"}')), endpoint, max_retries=3)
    with pytest.raises(ServiceUnavailable):
        scene.deliver(1)
    assert scene.sender.sent == [[0]] * 4


def test_a_service_that_takes_events_bit_by_bit_is_not_given_up(endpoint):
    def answer(batch: list[int]) -> Reply:
        named = dict.fromkeys(range(1, len(batch)), "retriable")
        return Reply(200, json.dumps(named).encode())

    scene = Scene(Sender(answer), endpoint, max_retries=1)
    scene.deliver(6)
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(6)}
    assert scene.notes.attempts[5] == 6


def test_a_place_that_no_event_has_is_not_asked_for_again(endpoint):
    scene = Scene(Sender(scripted(Reply(200, b'{"7": "retriable"}'))), endpoint)
    scene.deliver(2)
    assert scene.sender.sent == [[0, 1]]
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(2)}


@pytest.mark.parametrize("asked", ["120", "Fri, 15 Jan 2027 08:02:00 GMT"])
def test_retry_after_is_waited_for(endpoint, asked):
    scene = Scene(Sender(scripted(Reply(429, headers={"Retry-After": asked}))), endpoint)
    before = scene.clock.now()
    assert before == 1_800_000_000  # Fri, 15 Jan 2027 08:00:00 GMT
    scene.deliver(1)
    assert scene.clock.now() - before >= 120 - 1e-6


def test_a_fatal_reply_stops_the_run_with_its_words(endpoint):
    scene = Scene(Sender(scripted(Reply(401))), endpoint)
    with pytest.raises(ServiceRefused, match="The toy refused the key"):
        scene.deliver(1)
    assert scene.sender.sent == [[0]]
    assert scene.notes.outcomes == {}


def test_a_fatal_word_about_one_event_stops_the_run_after_the_others_are_noted(endpoint):
    scene = Scene(Sender(scripted(Reply(200, b'{"1": "fatal"}'))), endpoint)
    with pytest.raises(ServiceRefused, match="It was fatal"):
        scene.deliver(2)
    assert scene.notes.all == {0: [Verdict.DELIVERED]}


@pytest.mark.parametrize("max_retries", [0, 2])
def test_when_the_tries_run_out_the_run_stops_and_says_how_often_it_tried(endpoint, max_retries):
    scene = Scene(Sender(lambda _: UNWELL), endpoint, max_retries=max_retries)
    with pytest.raises(ServiceUnavailable, match=f"tried {max_retries + 1} times"):
        scene.deliver(1)
    assert len(scene.sender.sent) == max_retries + 1


# Bodies -------------------------------------------------------------------------------------


def test_packed_and_single_events_make_one_body():
    endpoint = ToyEndpoint(limits=LARGE)
    block = block_of({"events": [0]}, {"events": [1]})
    pieces = packed(endpoint, block)
    single = Single("event", "event 2", b'{"number":2}', Place(block, 0, 0))
    scene = Scene(Sender(), endpoint)
    whole = [*pieces, Piece.of_single("toy", single, 1, block), *packed(endpoint, block_of())]
    within(lambda: scene.requests.deliver("toy", whole))
    assert scene.sender.sent == [[0, 1, 2]]


def test_what_is_not_packed_is_sent_as_the_endpoint_says_whole_or_halved(endpoint):
    scene = Scene(Sender(scripted(Reply(400))), endpoint)
    scene.deliver(2)
    tokens = [event.get("token") for body in scene.sender.bodies for event in events_in(body)]
    assert tokens == [None if endpoint.is_packed else 1] * 4


def test_what_is_packed_is_never_left_out_of_a_body_that_is_not_compressed():
    scene = Scene(Sender(), ToyEndpoint(limits=LARGE, envelope=PLAIN))
    with pytest.raises(AssertionError, match="compressed"):
        scene.deliver(1)
    assert scene.sender.sent == []


# What happens before a request --------------------------------------------------------------


class Order(Notes):
    """Notes the order of what is put on disk and what is sent."""

    def send(self, request: Request) -> Reply:
        self.happened.append(f"sent {numbers(request)}")
        return Reply(400 if len(numbers(request)) > 1 else 200)


def test_claims_are_on_disk_before_each_request_leaves():
    order = Order()
    Scene(order, listener=order).deliver(2)
    expected = [["before sending", f"sent {each}"] for each in ([0, 1], [0], [1])]
    assert order.happened == [each for pair in expected for each in pair]


class FullDisk(Notes):
    def before_sending(self) -> None:
        msg = "The disk is full."
        raise StorageError(msg)


def test_nothing_is_sent_when_the_claims_cannot_be_saved():
    scene = Scene(Sender(), listener=FullDisk())
    with pytest.raises(StorageError):
        scene.deliver(1)
    assert scene.sender.sent == []


def test_the_pace_is_kept():
    clock = PlayedClock()
    scene = Scene(Sender(), pace=Pace(10, clock))
    scene.requests._clock = clock
    before = clock.now()
    for _ in range(3):
        scene.deliver(5)
    assert clock.now() - before >= 1.0 - 1e-6


# The end ------------------------------------------------------------------------------------


def test_after_stop_nothing_new_is_sent():
    scene = Scene(Sender())
    scene.requests.stop()
    with pytest.raises(Stopped):
        scene.deliver(1)
    assert scene.sender.sent == []


def test_a_request_in_flight_counts_when_it_ends_after_stop():
    scene = Scene(Sender())

    def answer(_numbers: list[int]) -> Reply:
        scene.requests.stop()
        return OK

    scene.sender.answer = answer
    scene.deliver(1)
    assert scene.notes.all == {0: [Verdict.DELIVERED]}


def test_a_request_that_ends_when_all_is_over_counts_no_more():
    scene = Scene(Sender())

    def answer(_numbers: list[int]) -> Reply:
        scene.requests.stop()
        scene.requests.is_over = True
        return OK

    scene.sender.answer = answer
    with pytest.raises(Stopped):
        scene.deliver(1)
    assert scene.notes.all == {}


def test_what_a_reply_leaves_open_is_not_sent_after_stop():
    scene = Scene(Sender())

    def answer(_numbers: list[int]) -> Reply:
        scene.requests.stop()
        return Reply(400)

    scene.sender.answer = answer
    with pytest.raises(Stopped):
        scene.deliver(4)
    assert scene.sender.sent == [[0, 1, 2, 3]]
