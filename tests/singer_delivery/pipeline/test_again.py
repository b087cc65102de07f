"""How events are sent again, where a reply says so: at once without the named, or after a rest."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

import pytest
from singer_delivery.endpoint import AT_ONCE, Again, Judgement, Reply, Verdict

from tests.singer_delivery.pipeline.test_requests import LARGE, Scene
from tests.singer_delivery.toys import OK, PLAIN, Sender, ToyEndpoint

NAMED = 422
REST = Again(after=60.0, is_counted=False, is_for_all=True)


@dataclass
class Naming(ToyEndpoint):
    """Stores nothing of a request that it refuses; its 422 names events, its 429 nobody."""

    def judge(self, reply: Reply, count: int) -> Judgement:
        if reply.status == NAMED:
            refused = Judgement(Verdict.REJECTED, "refused", "It was named.")
            named = {int(place): refused for place in json.loads(reply.body)}
            return Judgement(Verdict.RETRIABLE, "beside", "Others.", named, AT_ONCE)
        if reply.status == 429:
            return Judgement(Verdict.RETRIABLE, "http 429", "Too much.", again=REST)
        if reply.status == 299:
            return Judgement(Verdict.DELIVERED, note="odd_number")
        return super().judge(reply, count)


@pytest.fixture(params=["packed", "plain"])
def endpoint(request: pytest.FixtureRequest) -> Naming:
    if request.param == "packed":
        return Naming(limits=LARGE)
    return Naming(limits=LARGE, is_packed=False, envelope=PLAIN)


def bad(*numbers: int, first_only: bool = False):
    """Refuse requests with one of these numbers, and name them, or the first alone."""

    def answer(batch: list[int]) -> Reply:
        places = [place for place, number in enumerate(batch) if number in numbers]
        if not places:
            return OK
        return Reply(NAMED, json.dumps(places[:1] if first_only else places).encode())

    return answer


def refused(scene: Scene) -> list[int]:
    return [n for n, of in scene.notes.all.items() if of == [Verdict.REJECTED]]


def test_the_rest_goes_again_at_once_with_the_same_content(endpoint):
    scene = Scene(Sender(bad(1, 3)), endpoint, max_retries=0)
    scene.deliver(5)
    assert scene.sender.sent == [[0, 1, 2, 3, 4], [0, 2, 4]]
    assert refused(scene) == [1, 3]
    assert scene.clock.naps == []


def test_round_after_round_finds_what_is_named_one_by_one(endpoint):
    scene = Scene(Sender(bad(*range(0, 12, 2), first_only=True)), endpoint, max_retries=0)
    scene.deliver(12)
    assert refused(scene) == [0, 2, 4, 6, 8, 10]
    assert len(scene.sender.sent) == 7


def test_after_twenty_rounds_it_goes_in_halves_in_order(endpoint):
    scene = Scene(Sender(bad(*range(30), first_only=True)), endpoint, max_retries=0)
    scene.deliver(34)
    assert refused(scene) == [*range(30)]
    sizes = [len(batch) for batch in scene.sender.sent]
    assert sizes[:21] == [*range(34, 13, -1)]  # the first request and twenty rounds
    assert sizes[21] == 6  # of the 13 that are left
    delivered = [n for batch in scene.sender.sent for n in batch if batch[0] >= 30]
    assert delivered == sorted(delivered)


def test_a_429_is_waited_out_however_often_it_comes(endpoint):
    replies = [Reply(429)] * 50
    scene = Scene(Sender(lambda _: replies.pop() if replies else OK), endpoint, max_retries=0)
    scene.deliver(2)
    assert scene.sender.sent == [[0, 1]] * 51
    assert sum(scene.clock.naps) == pytest.approx(50 * 60)
    assert len(set(scene.sender.bodies)) == 1


def test_a_longer_retry_after_is_kept(endpoint):
    replies = [Reply(429, headers={"Retry-After": "90"})]
    scene = Scene(Sender(lambda _: replies.pop() if replies else OK), endpoint)
    scene.deliver(1)
    assert sum(scene.clock.naps) == pytest.approx(90)


def test_it_lets_all_requests_wait(endpoint):
    scene = Scene(Sender(), endpoint)
    scene.requests._resumes = scene.clock.monotonic() + 60
    scene.deliver(1)
    assert sum(scene.clock.naps) == pytest.approx(60)


def test_the_rest_of_all_holds_in_every_thread():
    held = threading.Event()

    def answer(batch: list[int]) -> Reply:
        if not held.is_set():
            held.set()
            return Reply(429)
        return OK

    scene = Scene(Sender(answer), Naming(limits=LARGE))
    begun = scene.clock.now()
    scene.deliver(1)
    scene.deliver(1)
    assert scene.clock.now() - begun >= 60


def test_a_note_is_counted(endpoint):
    scene = Scene(Sender(lambda _: Reply(299)), endpoint)
    scene.deliver(2)
    assert scene.notes.happened == ["before sending", "odd_number"]
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(2)}
