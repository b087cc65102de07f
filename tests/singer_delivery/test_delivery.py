from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.errors import StorageError
from singer_delivery.ledger.facts import Ledger
from singer_delivery.model import Fact
from singer_delivery.pipeline import chapters
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.queued import Queued
from singer_delivery.pipeline.report import RunReport

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.toys import (
    OK,
    Sender,
    Stage,
    ToyEndpoint,
    fact,
    mapping,
    numbers,
    scripted,
    within,
)

DELIVERED = Judgement(Verdict.DELIVERED)
REFUSED = Judgement(Verdict.REJECTED, "refused", "The toy refused it.")


class Held:
    """A dispatch that decides only when it is told to."""

    def __init__(self) -> None:
        self.queued: dict[int, Queued] = {}

    def submit(self, queued: Iterable[Queued]) -> None:
        self.queued.update((int(each.event.name.split()[-1]), each) for each in queued)

    def drain(self) -> None:
        assert not self.queued

    def raise_if_over(self) -> None:
        return None


class Desk:
    """A delivery with its files, whose outcomes the test decides."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ledger.sqlite3'}"
        self.dead_path = folder / "dead.singer"
        self.ledger = Ledger(self.url, "project")
        self.letters = DeadLetters(self.dead_path)
        self.report = RunReport(0.0)
        self.states: list[Any] = []
        self.on_state: Callable[[], None] = lambda: None
        self.dispatch = Held()
        self.endpoints = {"toy": ToyEndpoint(limits=Limits(2, 10_000))}
        self.outcomes = Outcomes(self.ledger, self.letters, self.report, self._take_state)
        self.delivery = Delivery(self.endpoints, self.ledger, self.outcomes)
        self.delivery.dispatch = self.dispatch

    def take(self, **record: Any) -> None:
        message = json.dumps({"type": "RECORD", "stream": "events", "record": record}).encode()
        self.delivery.take("events", record, message, mapping)

    def decide(self, *numbered: int, judgement: Judgement = DELIVERED) -> None:
        batch = [(self.dispatch.queued.pop(number), judgement) for number in numbered]
        self.outcomes.decided(batch, 2)

    def dead(self) -> list[dict[str, Any]]:
        if not self.dead_path.exists():
            return []
        return [json.loads(line)["record"] for line in self.dead_path.read_bytes().splitlines()]

    def on_disk(self, kind: str, name: str) -> Fact | None:
        other = Ledger(self.url, "project")
        try:
            return other.recall(kind, name)
        finally:
            other.close()

    @property
    def counts(self) -> dict[str, Any]:
        return self.report.stream("events").as_dict()

    def close(self) -> None:
        self.letters.close()
        self.ledger.close()

    def _take_state(self, state: Any) -> None:
        self.on_state()
        self.states.append(state)


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


# What records come to -----------------------------------------------------------------------


def test_a_record_is_delivered_when_all_its_events_are(desk):
    desk.take(events=[1, 2])
    desk.decide(1)
    assert desk.counts["undecided"] == 1
    desk.decide(2)
    assert desk.counts == {"read": 1, "delivered": 1, "skipped": {}, "dead": {}, "undecided": 0}
    assert desk.report.kinds == {"event": 2}


def test_a_record_whose_events_are_refused_is_dead_once(desk):
    desk.take(events=[1, 2, 3])
    desk.decide(1)
    desk.decide(2, 3, judgement=REFUSED)
    assert desk.counts["dead"] == {"refused": 1}
    assert desk.counts["delivered"] == 0
    [record] = desk.dead()
    assert record["_dead_letter"] == {
        "reason": "refused",
        "detail": "The toy refused it.",
        "attempts": 2,
        "endpoint": "toy",
    }


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_record_with_one_refused_event_is_dead_in_whichever_order_it_is_decided(desk, order):
    desk.take(events=[1, 2])
    for number in order:
        desk.decide(number, judgement=REFUSED if number == 2 else DELIVERED)
    assert desk.counts == {
        "read": 1,
        "delivered": 0,
        "skipped": {},
        "dead": {"refused": 1},
        "undecided": 0,
    }


@pytest.mark.parametrize("trouble", [{"unmappable": "no_identity"}, {"unsayable": 1}])
def test_what_cannot_be_mapped_or_encoded_is_dead_and_sends_nothing(desk, trouble):
    desk.take(events=[1, 2], **trouble)
    assert desk.dispatch.queued == {}
    reason = trouble.get("unmappable", "unsayable")
    assert desk.counts["dead"] == {reason: 1}
    assert desk.dead()[0]["_dead_letter"]["attempts"] == 0
    assert desk.ledger.recall("person", "person-1") is None


def test_a_skipped_record_counts_as_skipped_even_when_events_go_with_it(desk):
    desk.take(skipped="excluded: Heartbeat")
    desk.take(skipped="excluded: Heartbeat", events=[1])
    assert desk.counts["skipped"] == {"excluded: Heartbeat": 1}
    desk.decide(1)
    assert desk.counts["skipped"] == {"excluded: Heartbeat": 2}
    assert desk.counts["delivered"] == 0


def test_a_skipped_record_whose_event_is_refused_is_dead(desk):
    desk.take(skipped="excluded: Heartbeat", events=[1])
    desk.decide(1, judgement=REFUSED)
    assert desk.counts["dead"] == {"refused": 1}
    assert desk.counts["skipped"] == {}


def test_notes_are_counted_with_their_examples(desk):
    desk.take(odd=["a", "b", "a", None])
    assert desk.report.notes == {"odd": 4}
    assert desk.report.examples == {"odd": ["a", "b"]}


# What is remembered -------------------------------------------------------------------------


def test_the_next_record_knows_what_the_one_before_it_said(desk):
    desk.take(events=[1], claims=["device"])
    assert desk.ledger.recall("person", "person-1") == fact(1)
    assert desk.ledger.recall("owner", "device") == Fact("owner", "device", "ann", 1)


def test_a_refused_event_takes_its_facts_back(desk):
    desk.take(events=[1])
    desk.decide(1, judgement=REFUSED)
    assert desk.ledger.recall("person", "person-1") is None
    desk.outcomes.save()
    assert desk.on_disk("person", "person-1") is None


def test_a_delivered_event_s_facts_last(desk):
    desk.take(events=[1, 2])
    desk.decide(1)
    desk.outcomes.save()
    assert desk.on_disk("person", "person-1") == fact(1)
    assert desk.on_disk("person", "person-2") is None


def test_claims_are_on_disk_before_sending(desk):
    desk.take(events=[1], claims=["device"])
    desk.outcomes.before_sending()
    assert desk.on_disk("owner", "device") == Fact("owner", "device", "ann", 1)


# STATE --------------------------------------------------------------------------------------


def test_state_leaves_at_once_when_nothing_is_undecided(desk):
    desk.delivery.checkpoint({"at": 0})
    desk.take(skipped="excluded")
    desk.take(unmappable="no_identity")
    desk.delivery.checkpoint({"at": 1})
    desk.delivery.rest()
    assert desk.states == [{"at": 0}, {"at": 1}]


def test_while_more_keeps_coming_state_leaves_once_in_a_while(desk, monkeypatch):
    desk.delivery.checkpoint({"at": 0})
    desk.delivery.checkpoint({"at": 1})
    desk.take(skipped="excluded")
    assert desk.states == [{"at": 0}]
    monkeypatch.setattr(chapters, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 1))
    desk.delivery.checkpoint({"at": 2})
    assert desk.states == [{"at": 0}, {"at": 1}, {"at": 2}]


def test_when_the_input_rests_state_leaves_at_once(desk):
    desk.delivery.checkpoint({"at": 0})
    for number in (1, 2, 3):
        desk.take(events=[number])
        desk.delivery.checkpoint({"at": number})
    desk.decide(1)
    assert desk.states == [{"at": 0}]
    desk.delivery.rest()
    assert desk.states == [{"at": 0}, {"at": 1}]
    desk.decide(2)
    assert desk.states == [{"at": 0}, {"at": 1}, {"at": 2}]
    desk.delivery.checkpoint({"at": 4})
    desk.decide(3)
    assert desk.states == [{"at": 0}, {"at": 1}, {"at": 2}]


def test_state_waits_for_every_record_before_it(desk):
    desk.take(events=[1])
    desk.take(events=[2, 3])
    desk.delivery.checkpoint({"at": 1})
    desk.take(events=[4])
    for number in (1, 4, 3):
        desk.decide(number)
        assert desk.states == []
    desk.decide(2)
    assert desk.states == [{"at": 1}]


def test_states_leave_in_the_order_they_came(desk):
    for number in (1, 2, 3):
        desk.take(events=[number])
        desk.delivery.checkpoint({"at": number})
    desk.decide(3)
    desk.decide(2)
    assert desk.states == []
    desk.decide(1)
    assert desk.states == [{"at": 1}, {"at": 2}, {"at": 3}]


def test_what_comes_after_the_last_state_moves_nothing(desk):
    desk.delivery.checkpoint({"at": 0})
    desk.take(events=[1])
    desk.decide(1)
    desk.delivery.finish()
    assert desk.states == [{"at": 0}]
    assert desk.on_disk("person", "person-1") == fact(1)


def test_when_state_leaves_the_dead_letter_and_the_ledger_are_on_disk(desk):
    seen = []

    def look() -> None:
        seen.append((len(desk.dead()), desk.on_disk("person", "person-1")))
        assert not desk.letters._dirty

    desk.on_state = look
    desk.take(events=[1])
    desk.take(events=[2])
    desk.delivery.checkpoint({"at": 1})
    desk.decide(2, judgement=REFUSED)
    desk.decide(1)
    assert seen == [(1, fact(1))]


def test_a_state_whose_dead_letter_cannot_be_written_stays(desk):
    desk.take(events=[1], padding="x" * 50_000)
    desk.take(events=[2])
    desk.delivery.checkpoint({"at": 1})
    with full_disk(20_000), pytest.raises(StorageError):
        desk.decide(1, judgement=REFUSED)
    with pytest.raises(StorageError):
        desk.decide(2, judgement=REFUSED)
    assert desk.states == []
    assert desk.counts["undecided"] == 2


def test_a_state_whose_facts_could_not_be_saved_leaves_only_when_they_are(desk):
    desk.take(events=[*range(1, 400)])
    desk.delivery.checkpoint({"at": 1})
    desk.take(events=[400])
    desk.delivery.checkpoint({"at": 2})
    with full_disk(1_000), pytest.raises(StorageError):
        desk.decide(*range(1, 400))
    assert desk.states == []
    desk.on_state = lambda: seen.append(desk.on_disk("person", "person-1"))
    seen: list[Fact | None] = []
    desk.decide(400)  # another lane's reply, the disk has room again
    assert desk.states == [{"at": 1}, {"at": 2}]
    assert seen == [fact(1)] * 2


def test_a_state_that_could_not_be_given_back_is_not_passed_over(desk):
    def broken_pipe() -> None:
        raise BrokenPipeError

    desk.on_state = broken_pipe
    desk.take(events=[1])
    desk.delivery.checkpoint({"at": 1})
    with pytest.raises(BrokenPipeError):
        desk.decide(1)
    desk.on_state = lambda: None
    desk.delivery.checkpoint({"at": 2})
    assert desk.states == [{"at": 1}, {"at": 2}]


# All together -------------------------------------------------------------------------------

RECORDS = st.lists(
    st.one_of(
        st.builds(lambda n: {"events": n}, st.integers(0, 4)),
        st.just({"unmappable": "no_identity"}),
        st.just({"unsayable": 1, "events": 1}),
        st.builds(lambda n: {"skipped": "excluded", "events": n}, st.integers(0, 2)),
        st.just("STATE"),
    ),
    max_size=25,
)


def numbered(records: Sequence[Any]) -> list[Any]:
    """Give every event of the records a number of its own."""
    count = iter(range(1_000))
    return [
        each
        if each == "STATE"
        else {**each, "events": [next(count) for _ in range(each.get("events", 0))]}
        for each in records
    ]


def expected_counts(records: Sequence[Any], bad: frozenset[int]) -> dict[str, int]:
    """Count where each record must end, by the rules alone."""
    ends = {"read": 0, "delivered": 0, "skipped": 0, "dead": 0}
    for record in records:
        if record == "STATE":
            continue
        ends["read"] += 1
        is_dead = {"unmappable", "unsayable"} & record.keys() or bad & set(record["events"])
        ends["dead" if is_dead else "skipped" if "skipped" in record else "delivered"] += 1
    return ends


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDS, st.frozensets(st.integers(0, 40), max_size=4))
def test_the_outcomes_add_up_and_every_state_comes_back_in_order(tmp_path_factory, records, bad):
    records = numbered(records)
    desk = Desk(tmp_path_factory.mktemp("desk"))
    sender = Sender(lambda batch: Reply(400) if bad & set(batch) else OK)

    def run() -> None:
        with Stage(sender, listener=desk.outcomes, endpoints=desk.endpoints) as stage:
            desk.delivery.dispatch = stage.dispatcher
            for index, record in enumerate(records):
                if record == "STATE":
                    desk.delivery.checkpoint({"at": index})
                else:
                    desk.take(**record)
            desk.delivery.finish()

    within(run)
    counts = desk.counts
    ends = expected_counts(records, bad)
    assert counts["undecided"] == 0
    assert counts["read"] == ends["read"]
    assert counts["delivered"] == ends["delivered"]
    assert sum(counts["skipped"].values()) == ends["skipped"]
    assert sum(counts["dead"].values()) == ends["dead"] == len(desk.dead())
    assert desk.states == [{"at": n} for n, each in enumerate(records) if each == "STATE"]
    desk.close()


class Claims:
    """A sender that looks into the ledger's file before it answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.missing: list[int] = []

    def send(self, request: Request) -> Reply:
        for number in numbers(request):
            if self.desk.on_disk("owner", f"device-{number}") is None:
                self.missing.append(number)
        return OK


def test_no_request_leaves_before_its_claims_are_on_disk(desk):
    sender = Claims(desk)

    def run() -> None:
        with Stage(sender, listener=desk.outcomes, endpoints=desk.endpoints) as stage:
            desk.delivery.dispatch = stage.dispatcher
            for number in range(12):
                desk.take(events=[number], claims=[f"device-{number}"])
            desk.delivery.finish()

    within(run)
    assert sender.missing == []
    assert desk.counts["delivered"] == 12


def test_requests_and_retries_are_counted(desk):
    sender = Sender(scripted(Reply(503), Reply(429)))

    def run() -> None:
        with Stage(sender, listener=desk.outcomes, endpoints=desk.endpoints) as stage:
            desk.delivery.dispatch = stage.dispatcher
            desk.take(events=[1, 2])
            desk.delivery.finish()

    within(run)
    counts = desk.report.endpoint("toy")
    assert counts.requests == 3
    assert counts.retries == {"http 503": 1, "http 429": 1}
    assert counts.bytes_sent == sum(map(len, sender.bodies))
