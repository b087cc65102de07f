"""A service that takes no more events of some ids for a while, and runs that send to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from singer_delivery.endpoint import AT_ONCE, Hold, Judgement, Limits, Reply, Verdict
from singer_delivery.errors import EventsWait
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.run import Run

from tests.fakes.http.server import Exchange
from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.pipeline.runs import Scene, Service, take
from tests.singer_delivery.toys import PlayedClock, ToyEndpoint, events_in, within

HOLDS = {hold.value: hold for hold in Hold}


@dataclass
class HotEndpoint(ToyEndpoint):
    """Its 429 names places of events, and ids with what they wait for; its 422 refuses places."""

    def judge(self, reply: Reply, count: int) -> Judgement:
        if reply.status == 429:
            said = json.loads(reply.body)
            throttled = Judgement(Verdict.PARKED, "throttled")
            places = {int(place): throttled for place in said["places"]}
            parked = {id_: HOLDS[hold] for id_, hold in said["ids"].items()}
            return Judgement(
                Verdict.RETRIABLE, "throttled", "Not these.", places, AT_ONCE, parked=parked
            )
        if reply.status == 422:
            refused = Judgement(Verdict.REJECTED, "refused", "It is bad.")
            places = {int(place): refused for place in json.loads(reply.body)}
            return Judgement(Verdict.RETRIABLE, "beside", "Others.", places, AT_ONCE)
        return super().judge(reply, count)


@dataclass
class Heat:
    """How often events of a person, or of a number, are refused, and why."""

    left: int
    hold: Hold = Hold.THROTTLED
    names_ids: bool = True
    names_places: bool = True


class HotService(Service):
    """Refuses whole requests with events of hot persons, and keeps what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.hot: dict[str, Heat] = {}
        self.requests: list[list[int]] = []
        self.refused: list[list[int]] = []

    def answer(self, exchange: Exchange, body: bytes) -> Answer:
        events = events_in(body)
        numbers = [event["number"] for event in events]
        self.requests.append(numbers)
        hot = {p for event in events if (p := event["person"]) in self.hot and self.hot[p].left}
        if hot:
            self.refused.append(numbers)
            return Answer(429, json.dumps(self._named(events, hot)).encode())
        bad = [place for place, number in enumerate(numbers) if number in self.bad]
        if bad:
            return Answer(422, json.dumps(bad).encode())
        self.events += events
        return Answer(200)

    def _named(self, events: list[dict[str, Any]], hot: set[str]) -> dict[str, Any]:
        places, ids = list[int](), dict[str, str]()
        for person in sorted(hot):
            heat = self.hot[person]
            heat.left -= 1
            if heat.names_ids:
                ids[f"id:{person}"] = heat.hold.value
            if heat.names_places:
                places += [at for at, event in enumerate(events) if event["person"] == person]
        return {"places": sorted(places), "ids": ids}

    def of(self, person: str) -> list[int]:
        """Return the numbers of a person's events, in the order of arrival."""
        return [event["number"] for event in self.events if event["person"] == person]


class HotScene(Scene):
    """Runs that follow one another; each has its clock, which goes on from the last."""

    def __init__(self, folder, service: HotService) -> None:
        super().__init__(folder, service.url)
        self.endpoints = {"toy": HotEndpoint(limits=Limits(8, 100_000), url=service.url)}
        self.clock = PlayedClock()

    def run(self, **changed: Any) -> Run:
        if "max_dead_letters" in changed:
            changed["max_dead_letters"] = DeadLetterLimit.read(changed["max_dead_letters"])
        settings = replace(self.settings, **changed)
        return Run(settings, self.endpoints, "project", self.emit, self.clock)

    def run_ledger(self) -> Ledger:
        """Open the ledger as another process would."""
        return Ledger(self.settings.ledger_url, "project")

    @property
    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self.report()["streams"]["events"]
        return counts


def give(run: Run, *people: str, first: int = 0, **more: Any) -> None:
    """Let a run take an event of each of these people, numbered one after the other."""
    for number, person in enumerate(people, first):
        take(run, events=[number], person=person, ids=[f"id:{person}"], **more)


def finish(run: Run) -> None:
    within(run.finish)


def left_waiting(run: Run) -> EventsWait:
    """Finish a run whose events go on waiting, as a target does; return what it says."""
    with pytest.raises(EventsWait) as caught:
        within(run.finish)
    within(lambda: run.abandon(caught.value))
    return caught.value


def in_order(numbers: Iterable[int]) -> bool:
    """Tell whether numbers only grow."""
    numbers = list(numbers)
    return numbers == sorted(numbers)
