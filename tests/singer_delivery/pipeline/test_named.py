"""Replies that name events by their own ids, and requests that say which try they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from singer_delivery.endpoint import Judgement, Reply, Request, Verdict

from tests.singer_delivery.pipeline.test_requests import LARGE, Scene
from tests.singer_delivery.toys import OK, PLAIN, Sender, ToyEndpoint

SAID = 299


class Counted(Request):
    """A request that says which try it is, and of which request it carries the rest."""

    def again(self) -> Request:
        return replace(self, headers={**self.headers, "try": self.headers["try"] + "'"})

    def continued(self, rest: Request) -> Request:
        return replace(rest, headers={**rest.headers, "try": self.headers["try"] + "+"})


def said_so(word: str) -> Judgement:
    if word == "noted":
        return Judgement(Verdict.DELIVERED, note=word)
    return Judgement(Verdict(word), word, "So it was.")


@dataclass
class ByName(ToyEndpoint):
    """Its 299 says of events, by their number, what becomes of them or what they are noted for."""

    made: int = 0

    def request(self, body: bytes) -> Request:
        self.made += 1
        return Counted(self.name, body, {"try": str(self.made)})

    def judge(self, reply: Reply, count: int) -> Judgement:
        if reply.status != SAID:
            return super().judge(reply, count)
        said = json.loads(reply.body)

        def named(events: Sequence[bytes]) -> Judgement:
            words = {i: said.get(str(json.loads(each)["number"])) for i, each in enumerate(events)}
            return Judgement(
                Verdict.DELIVERED, exceptions={i: said_so(word) for i, word in words.items()}
            )

        return Judgement(Verdict.DELIVERED, named=named)


@dataclass
class Tries(Sender):
    """Keeps which try each request said it was."""

    answers: Callable[[list[int]], Reply]
    tries: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.answers)

    def send(self, request: Request) -> Reply:
        self.tries.append(request.headers.get("try", ""))
        return super().send(request)


@pytest.fixture(params=["packed", "plain"])
def endpoint(request: pytest.FixtureRequest) -> ByName:
    if request.param == "packed":
        return ByName(limits=LARGE)
    return ByName(limits=LARGE, is_packed=False, envelope=PLAIN)


def says(**of_numbers: str) -> Reply:
    return Reply(SAID, json.dumps({name[1:]: word for name, word in of_numbers.items()}).encode())


def scene_of(endpoint: ByName, *replies: Reply) -> Scene:
    left = list(replies)
    return Scene(Tries(lambda _: left.pop(0) if left else OK), endpoint)


def test_each_event_gets_what_is_said_of_its_own_id(endpoint):
    said = says(_3="delivered", _1="rejected", _0="noted", _2="delivered")
    scene = scene_of(endpoint, said)
    scene.deliver(4)
    assert scene.sender.sent == [[0, 1, 2, 3]]
    assert scene.notes.all == {
        0: [Verdict.DELIVERED], 1: [Verdict.REJECTED],
        2: [Verdict.DELIVERED], 3: [Verdict.DELIVERED],
    }  # fmt: skip
    assert [each for each in scene.notes.happened if each == "noted"] == ["noted"]


def test_what_is_open_alone_goes_again_as_a_further_try_of_its_request(endpoint):
    scene = scene_of(endpoint, says(_0="delivered", _1="retriable", _2="retriable"), Reply(503))
    scene.deliver(3)
    assert scene.sender.sent == [[0, 1, 2], [1, 2], [1, 2]]
    assert scene.sender.tries == ["1", "1+", "1+'"]
    assert scene.notes.retries == ["retriable", "http 503"]
    assert scene.notes.all == {n: [Verdict.DELIVERED] for n in range(3)}


def test_all_that_is_open_goes_again_with_the_same_bytes(endpoint):
    scene = scene_of(endpoint, says(_0="retriable", _1="retriable"), Reply(0))
    scene.deliver(2)
    assert scene.sender.sent == [[0, 1]] * 3
    assert len(set(scene.sender.bodies)) == 1
    assert scene.sender.tries == ["1", "1'", "1''"]


def test_halves_are_requests_of_their_own(endpoint):
    scene = scene_of(endpoint, Reply(400))
    scene.deliver(2)
    assert scene.sender.sent == [[0, 1], [0], [1]]
    assert scene.sender.tries == ["1", "2", "3"]


def test_what_does_not_count_its_tries_is_the_same_each_time():
    request, other = Request("url", b"body", {"a": "b"}), Request("url", b"rest")
    assert request.again() is request
    assert request.continued(other) is other
