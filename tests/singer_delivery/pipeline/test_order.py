"""Whatever the service answers: every event is decided once, and nobody is overtaken.

Records go the way from their decision to the requests; people and endpoints are few, so that all of
them meet. An endpoint receives what concerns one person in the order in which it was read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Limits, Reply, Request

from tests.examples import examples
from tests.singer_delivery.pipeline.parts import Pipeline, opened
from tests.singer_delivery.toys import (
    ToyEndpoint,
    numbers,
    plain,
    restless_threads,
    within,
)

MOST = 3
PEOPLE = ("ann", "bob", "cyn", "dev", "device-1", "device-2")
KINDS = ("ok", "network", "http 503", "http 429", "too large", "in part")

Record = dict[str, Any]


@dataclass(frozen=True)
class Mood:
    """How the service treats one request; `postpones` names positions, asked for again."""

    kind: str
    postpones: tuple[int, ...] = ()


POSITIONS = st.lists(st.integers(0, 3), max_size=3).map(tuple)
MOODS = st.lists(st.builds(Mood, st.sampled_from(KINDS), POSITIONS), max_size=12)


@st.composite
def plays(draw: st.DrawFn) -> tuple[list[Record], frozenset[int]]:
    """Draw records of a few people, some merging another, and the numbers of the bad ones."""
    count = draw(st.integers(1, 40))
    records = []
    for number in range(count):
        other = draw(st.sampled_from((None, *PEOPLE)))
        record = {
            "events": [number],
            "person": draw(st.sampled_from(PEOPLE)),
            "endpoint": draw(st.sampled_from(("events", "events", "people"))),
            "padding": "x" * draw(st.integers(0, 60)),
            "closes": draw(st.sampled_from((False, False, False, True))),
            "spread": draw(st.sampled_from((None, None, None, 1, 4, 64))),
        }
        records.append(record if other is None else {**record, "merges": other})
    return records, draw(st.frozensets(st.integers(0, count - 1), max_size=3))


@dataclass
class Service:
    """Plays the moods in turn, then behaves; notes every breach of the order it can see."""

    records: Sequence[Record]
    bad: frozenset[int]
    moods: list[Mood]
    breaches: list[str] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    decided: set[int] = field(default_factory=set)
    first_sent_by: dict[int, str] = field(default_factory=dict)
    in_flight: dict[str, list[int]] = field(default_factory=dict)
    peak: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def send(self, request: Request) -> Reply:
        batch, thread = numbers(request), threading.current_thread().name
        with self.lock:
            self._arrive(batch, thread)
        try:
            return self._answer(batch)
        finally:
            with self.lock:
                del self.in_flight[thread]

    def who(self, number: int) -> tuple[str, str]:
        record = self.records[number]
        return record["endpoint"], record["person"]

    def _arrive(self, batch: list[int], thread: str) -> None:
        for others in self.in_flight.values():
            if set(map(self.who, batch)) & set(map(self.who, others)):
                self.breaches.append(f"{batch} and {others} share a person")
        if len({endpoint for endpoint, _ in map(self.who, batch)}) > 1:
            self.breaches.append(f"{batch} mixes endpoints")
        self.in_flight[thread] = batch
        self.peak = max(self.peak, len(self.in_flight))
        for number in batch:
            if number not in self.first_sent_by:
                self._check_the_earlier(number, thread)
                self.first_sent_by[number] = thread

    def _check_the_earlier(self, number: int, thread: str) -> None:
        """Earlier events of the person, and of the merged one, are decided or travel along."""
        record = self.records[number]
        for earlier, other in enumerate(self.records[:number]):
            is_theirs = other["person"] in {record["person"], record.get("merges")}
            if is_theirs and other["endpoint"] == record["endpoint"]:
                is_along = self.first_sent_by.get(earlier) == thread
                if earlier not in self.decided and not is_along:
                    self.breaches.append(f"{number} went before {earlier} was through")

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
                return self._refuse(batch)
            self._decide(batch, accepted=batch)
            return Reply(200)

    def _refuse(self, batch: list[int]) -> Reply:
        if len(batch) == 1:
            self._decide(batch, accepted=[])
        return Reply(400)

    def _answer_in_part(self, batch: list[int], mood: Mood) -> Reply:
        named = {position: "retriable" for position in mood.postpones if position < len(batch)}
        for position, number in enumerate(batch):
            if number in self.bad:
                named[position] = "rejected"
        accepted = [n for position, n in enumerate(batch) if position not in named]
        refused = [n for position, n in enumerate(batch) if named.get(position) == "rejected"]
        self._decide([*accepted, *refused], accepted=accepted)
        return Reply(200, json.dumps(named).encode())

    def _decide(self, batch: list[int], accepted: list[int]) -> None:
        self.decided |= set(batch)
        self.accepted += accepted


def send_all(pipeline: Pipeline, records: Sequence[Record]) -> None:
    for record in records:
        if record.get("spread") is not None and pipeline.dispatcher is not None:
            pipeline.dispatcher.spread = record["spread"]
        pipeline.take(**record)
        if record.get("closes"):
            pipeline.delivery.close_block()
    pipeline.finish()


def check(records: list[Record], service: Service, folder: Path, **options: Any) -> None:
    with opened(folder, service, max_in_flight=MOST, **options) as pipeline:
        within(lambda: send_all(pipeline, records))
        counts = pipeline.counts()
    assert service.breaches == []
    assert service.peak <= MOST
    assert sorted(service.accepted) == sorted(set(range(len(records))) - service.bad)
    assert counts["delivered"] == len(records) - len(service.bad)
    assert sum(counts["dead"].values()) == len(service.bad)
    assert counts["undecided"] == 0


@settings(
    max_examples=examples(150),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # threads do not repeat themselves
    suppress_health_check=[HealthCheck.too_slow],
)
@given(plays(), MOODS, st.integers(1, 5), st.booleans())
def test_every_event_is_decided_once_and_nobody_is_overtaken(
    tmp_path_factory, play, moods, max_events, is_packed
):
    records, bad = play
    service = Service(records, bad, list(moods))
    limits = Limits(max_events, 300)
    events = ToyEndpoint("events", limits) if is_packed else plain("events", limits)
    endpoints = {"events": events, "people": plain("people", limits)}
    folder = tmp_path_factory.mktemp("order")
    with restless_threads():
        check(
            records,
            service,
            folder,
            endpoints=endpoints,
            max_retries=len(moods) + 1,
            linger=0.001,
            room=20_000,
        )


def test_many_events_of_many_people_come_through_full_lanes(tmp_path):
    people = [f"person-{number % 97}" for number in range(3_000)]
    records: list[Record] = []
    for number, person in enumerate(people):
        record = {"events": [number], "person": person, "endpoint": "events"}
        records.append({**record, "merges": people[number - 40]} if number % 11 == 0 else record)
    moods = [Mood("http 503"), Mood("in part", (1,))]
    service = Service(records, frozenset({5, 1_234, 2_999}), moods)
    check(
        records, service, tmp_path, endpoints={"events": ToyEndpoint("events", Limits(20, 9_999))}
    )


# The judge itself ---------------------------------------------------------------------------


def three() -> list[Record]:
    plan = (("ann", None), ("ann", None), ("bob", "ann"))
    return [
        {"events": [n], "person": person, "merges": merges, "endpoint": "toy"}
        for n, (person, merges) in enumerate(plan)
    ]


def request_of(number: int) -> Request:
    return Request("toy", b'[{"number":%d}]' % number)


def test_the_judge_of_the_order_sees_an_event_that_overtakes():
    for late in (1, 2):
        service = Service(three(), frozenset(), [])
        service.send(request_of(late))
        assert service.breaches


def test_the_judge_of_the_order_is_content_when_the_earlier_are_decided():
    service = Service(three(), frozenset(), [])
    for number in range(3):
        service.send(request_of(number))
    assert service.breaches == []
