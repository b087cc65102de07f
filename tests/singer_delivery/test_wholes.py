"""Records that are decided together: kept back until the run ends, then sent as one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from singer_delivery.endpoint import Reply
from singer_delivery.errors import ServiceRefused, ServiceUnavailable
from singer_delivery.ledger.facts import Ledger
from singer_delivery.model import Event, Known, Mapped, Unmappable
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.queued import Queued
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.tickets import Whole

from tests.singer_delivery.toys import (
    Sender,
    Stage,
    ToyEndpoint,
    mapping,
    scripted,
    toy_event,
    within,
)

REFUSED_KEY = Reply(401)
UNWELL = Reply(503)
COUNTED = {"skipped": {}, "dead": {}}


class Holding:
    """Holds every record back but those without a row."""

    needs_keys = False

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        if record["row"] is None:
            reason = "no_key"
            raise Unmappable(reason, "it has no key")
        return Mapped((), held=True)


class Desk:
    """A delivery whose requests a `Sender` answers."""

    def __init__(self, folder: Path, *replies: Reply) -> None:
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite3'}", "project")
        self.letters = DeadLetters(folder / "dead.singer")
        self.report = RunReport(0.0)
        self.states: list[Any] = []
        self.sender = Sender(scripted(*replies))
        endpoints = {"toy": ToyEndpoint(), "tables": ToyEndpoint("tables")}
        self.outcomes = Outcomes(self.ledger, self.letters, self.report, self.states.append)
        self.delivery = Delivery(endpoints, self.ledger, self.outcomes)
        self.stage = Stage(self.sender, listener=self.outcomes, endpoints=endpoints)
        self.delivery.dispatch = self.stage.dispatcher

    def hold(self, *rows: int | None, stream: str = "table") -> None:
        for row in rows:
            record = {"row": row}
            message = {"type": "RECORD", "stream": stream, "record": record}
            self.delivery.take(stream, record, json.dumps(message).encode(), Holding())

    def send(self, number: int) -> None:
        self.delivery.take("events", {"events": [number]}, b"{}", mapping)

    def finish(self, *wholes: Whole) -> None:
        within(lambda: self.delivery.finish(wholes))

    def counts(self, stream: str) -> dict[str, Any]:
        return self.report.stream(stream).as_dict()

    def close(self) -> None:
        self.stage.dispatcher.stop(5.0)
        self.letters.close()
        self.ledger.close()


def whole(stream: str = "table", number: int = 99) -> Whole:
    return Whole(stream, toy_event(number, f"whole-{number}", endpoint="tables"))


@pytest.fixture
def desks(tmp_path):
    opened: list[Desk] = []

    def open_desk(*replies: Reply) -> Desk:
        opened.append(Desk(tmp_path, *replies))
        return opened[-1]

    yield open_desk
    for desk in opened:
        desk.close()


def test_records_are_delivered_with_their_whole(desks):
    desk = desks()
    desk.hold(1, 2, 3)
    desk.delivery.checkpoint({"at": 1})
    assert desk.counts("table") == {"read": 3, "delivered": 0, "undecided": 3, **COUNTED}
    assert desk.states == []

    desk.finish(whole())

    assert desk.sender.sent == [[99]]
    assert desk.states == [{"at": 1}]
    assert desk.counts("table") == {"read": 3, "delivered": 3, "undecided": 0, **COUNTED}
    assert desk.report.endpoint("tables").delivered == 1


def test_the_whole_goes_after_all_events(desks):
    desk = desks()
    desk.hold(1)
    desk.send(5)
    desk.send(6)
    desk.finish(whole())
    assert desk.sender.sent[-1] == [99]
    assert sorted(desk.sender.sent[:-1]) in ([[5], [6]], [[5, 6]])


class Order:
    """A dispatch that writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def submit(self, queued: Iterable[Queued]) -> None:
        self.asked += [each.event.name for each in queued]

    def drain(self) -> None:
        self.asked.append("drain")

    def raise_if_over(self) -> None:
        return None


def deferring(record: Mapping[str, Any], known: Known) -> Mapped:
    return Mapped((Event("toy", "person", "update", "ann", 1, {"number": 1}, deferred=True),))


def test_events_are_through_before_updates_leave_and_updates_before_wholes(desks):
    desk = desks()
    desk.delivery.dispatch = order = Order()
    desk.delivery.take("people", {}, b"{}", deferring)
    desk.send(5)
    desk.hold(1)
    desk.finish(whole())
    assert order.asked == ["event 5", "drain", "update", "drain", "event 99", "drain"]


def test_wholes_are_made_only_when_the_events_are_through(desks):
    desk = desks()
    desk.send(5)
    seen: list[int] = []

    def wholes():
        seen.append(len(desk.sender.sent))
        yield whole()

    within(lambda: desk.delivery.finish(wholes()))
    assert seen == [1]


def test_state_passes_what_came_before_the_first_held_record_and_no_further(desks):
    desk = desks()
    desk.send(5)
    desk.delivery.checkpoint({"at": 1})
    desk.hold(1)
    desk.delivery.checkpoint({"at": 2})
    desk.send(6)
    desk.delivery.checkpoint({"at": 3})
    desk.finish()
    assert desk.states == [{"at": 1}]
    assert desk.counts("table")["undecided"] == 1


@pytest.mark.parametrize(
    ("replies", "error"), [([REFUSED_KEY], ServiceRefused), ([UNWELL] * 9, ServiceUnavailable)]
)
def test_a_whole_that_is_not_taken_stops_the_run_before_its_state(desks, replies, error):
    desk = desks(*replies)
    desk.hold(1, 2)
    desk.delivery.checkpoint({"at": 1})
    with pytest.raises(error):
        desk.finish(whole())
    assert desk.states == []
    assert desk.counts("table") == {"read": 2, "delivered": 0, "undecided": 2, **COUNTED}


def test_a_whole_is_not_sent_when_an_event_stopped_the_run(desks):
    desk = desks(REFUSED_KEY)
    desk.hold(1)
    desk.send(5)
    with pytest.raises(ServiceRefused):
        desk.finish(whole())
    assert desk.sender.sent == [[5]]
    assert desk.counts("table")["undecided"] == 1


def test_a_whole_is_tried_again_like_an_event(desks):
    desk = desks(UNWELL)
    desk.hold(1)
    desk.delivery.checkpoint({"at": 1})
    desk.finish(whole())
    assert desk.sender.sent == [[99], [99]]
    assert desk.states == [{"at": 1}]
    assert desk.report.endpoint("tables").retries == {"http 503": 1}


def test_each_stream_is_decided_by_its_own_whole(desks):
    desk = desks()
    desk.hold(1, 2)
    desk.hold(3, stream="other")
    desk.delivery.checkpoint({"at": 1})
    desk.finish(whole())
    assert desk.counts("table")["delivered"] == 2
    assert desk.counts("other")["undecided"] == 1
    assert desk.states == []


def test_a_record_that_cannot_be_held_is_a_dead_letter_at_once(desks):
    desk = desks()
    desk.hold(None, 1)
    desk.delivery.checkpoint({"at": 1})
    assert desk.counts("table")["dead"] == {"no_key": 1}
    desk.finish(whole())
    assert desk.states == [{"at": 1}]
    assert desk.counts("table")["delivered"] == 1
