"""Whatever the service answers: every event is decided once, and nobody is overtaken."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.model import Event
from singer_delivery.pipeline.queued import Queued, Ticket

from tests.singer_delivery.toys import (
    Notes,
    Stage,
    ToyEndpoint,
    numbers,
    restless_threads,
    toy_event,
    within,
)

LANES = 3
PEOPLE = ("ann", "bob", "cyn", "dev", "device-1", "device-2")
WHOLE = ("ok", "network", "http 503", "http 429", "too large", "in part")


@dataclass(frozen=True)
class Mood:
    """How the service treats one request; `postpones` names positions, asked for again."""

    kind: str
    postpones: tuple[int, ...] = ()


POSITIONS = st.lists(st.integers(0, 3), max_size=3).map(tuple)
MOODS = st.lists(st.builds(Mood, st.sampled_from(WHOLE), POSITIONS), max_size=12)


@st.composite
def plays(draw: st.DrawFn) -> tuple[list[Event], frozenset[int]]:
    """Draw events of a few people, some merging another, and the numbers of the bad ones."""
    count = draw(st.integers(1, 40))
    events = []
    for number in range(count):
        person, other = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from((None, *PEOPLE)))
        endpoint = draw(st.sampled_from(("events", "events", "people")))
        padding = "x" * draw(st.integers(0, 60))
        events.append(
            toy_event(number, person, endpoint=endpoint, merges=other, body={"padding": padding})
        )
    bad = draw(st.frozensets(st.integers(0, count - 1), max_size=3))
    return events, bad


@dataclass
class Service:
    """Plays the moods in turn, then behaves; notes every breach of the order it can see."""

    events: Sequence[Event]
    bad: frozenset[int]
    moods: list[Mood]
    breaches: list[str] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    first_lane: dict[int, str] = field(default_factory=dict)
    in_the_air: dict[str, list[int]] = field(default_factory=dict)
    peak: int = 0
    notes: Notes = field(default_factory=Notes)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def send(self, request: Request) -> Reply:
        batch, lane = numbers(request), threading.current_thread().name
        with self.lock:
            self._arrive(batch, lane)
        try:
            return self._answer(batch)
        finally:
            with self.lock:
                del self.in_the_air[lane]

    def _arrive(self, batch: list[int], lane: str) -> None:
        people = {self.events[number].person for number in batch}
        for other, held in self.in_the_air.items():
            if people & {self.events[number].person for number in held}:
                self.breaches.append(f"{batch} and {held} share a person in the air")
            if other == lane:
                self.breaches.append(f"two requests of {lane}")
        if len({self.events[number].endpoint for number in batch}) > 1:
            self.breaches.append(f"{batch} mixes endpoints")
        self.in_the_air[lane] = batch
        self.peak = max(self.peak, len(self.in_the_air))
        for number in batch:
            if number not in self.first_lane:
                self._check_the_earlier(number, lane)
                self.first_lane[number] = lane

    def _check_the_earlier(self, number: int, lane: str) -> None:
        """Earlier events of the person, and of the merged one, are decided or ahead in the lane."""
        event = self.events[number]
        for earlier in self.events[:number]:
            index = earlier.body["number"]
            if earlier.person in {event.person, event.merges}:
                is_decided = index in self.notes.outcomes
                if not is_decided and self.first_lane.get(index) != lane:
                    self.breaches.append(f"{number} went before {index} was through")

    def _answer(self, batch: list[int]) -> Reply:
        with self.lock:
            mood = self.moods.pop(0) if self.moods else Mood("ok")
            if mood.kind == "network":
                return Reply(0, error="the connection was dropped")
            if mood.kind.startswith("http"):
                return Reply(int(mood.kind[5:]), headers={"Retry-After": "2"})
            if mood.kind == "too large" and len(batch) > 1:
                return Reply(413)
            if mood.kind == "in part":
                return self._answer_in_part(batch, mood)
            if self.bad & set(batch):
                return Reply(400)
            self.accepted |= set(batch)
            return Reply(200)

    def _answer_in_part(self, batch: list[int], mood: Mood) -> Reply:
        named = {position: "retriable" for position in mood.postpones if position < len(batch)}
        for position, number in enumerate(batch):
            if number in self.bad:
                named[position] = "rejected"
        self.accepted |= {n for position, n in enumerate(batch) if position not in named}
        return Reply(200, json.dumps(named).encode())


def check(events: list[Event], service: Service, stage: Stage) -> None:
    with stage:
        stage.deliver(*events)
        outcomes = service.notes.verdicts()
    assert service.breaches == []
    assert service.peak <= LANES
    assert service.accepted == {e.body["number"] for e in events} - service.bad
    assert outcomes == {
        event.body["number"]: [
            Verdict.REJECTED if event.body["number"] in service.bad else Verdict.DELIVERED
        ]
        for event in events
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plays(), MOODS, st.integers(1, 5))
def test_every_event_is_decided_once_and_nobody_is_overtaken(play, moods, max_events):
    events, bad = play
    service = Service(events, bad, list(moods))
    limits = Limits(max_events, 300)
    endpoints = {name: ToyEndpoint(name, limits) for name in ("events", "people")}

    def run() -> None:
        stage = Stage(
            service,
            listener=service.notes,
            endpoints=endpoints,
            max_in_flight=LANES,
            max_retries=len(moods) + 1,
            linger=0.001,
        )
        check(events, service, stage)

    with restless_threads():
        within(run)


def test_many_events_of_many_people_come_through_full_lanes():
    people = [f"person-{number % 97}" for number in range(3_000)]
    events = [
        toy_event(n, person, endpoint="events", merges=people[n - 40] if n % 11 == 0 else None)
        for n, person in enumerate(people)
    ]
    service = Service(
        events, frozenset({5, 1_234, 2_999}), [Mood("http 503"), Mood("in part", (1,))]
    )
    endpoints = {"events": ToyEndpoint("events", Limits(20, 100_000))}

    def run() -> None:
        stage = Stage(service, listener=service.notes, endpoints=endpoints, max_in_flight=LANES)
        check(events, service, stage)

    within(run)


def test_the_judge_of_the_order_sees_an_event_that_overtakes():
    events = [toy_event(0, "ann"), toy_event(1, "ann"), toy_event(2, "bob", merges="ann")]
    for late in (1, 2):
        service = Service(events, frozenset(), [])
        endpoint = ToyEndpoint()
        service.send(endpoint.request([endpoint.encode(events[late])]))
        assert service.breaches


def decided(service: Service, event: Event) -> None:
    queued = Queued(event, b"", Ticket(b""))
    service.notes.decided([(queued, Judgement(Verdict.DELIVERED))], 1)


def test_the_judge_of_the_order_is_content_when_the_earlier_are_decided():
    events = [toy_event(0, "ann"), toy_event(1, "bob", merges="ann")]
    service = Service(events, frozenset(), [])
    decided(service, events[0])
    endpoint = ToyEndpoint()
    service.send(endpoint.request([endpoint.encode(events[1])]))
    assert service.breaches == []
