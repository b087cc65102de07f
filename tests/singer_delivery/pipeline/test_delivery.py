"""From closed blocks to pieces: room, order, updates, and records that are sent together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Limits, Reply, Request
from singer_delivery.errors import ServiceRefused, ServiceUnavailable

from tests.examples import examples
from tests.singer_delivery.pipeline.parts import flat, opened
from tests.singer_delivery.toys import (
    OK,
    Sender,
    ToyEndpoint,
    numbers,
    plain,
    scripted,
    toy_event,
    within,
)

REFUSED_KEY = Reply(401)
UNWELL = Reply(503)
COUNTED: dict[str, Any] = {"skipped": {}, "dead": {}}


# Room ---------------------------------------------------------------------------------------


def test_a_block_waits_until_there_is_room(pipelines):
    pipeline = pipelines(Sender(), room=1)

    def run() -> None:
        for number in range(5):
            pipeline.send(events=[number])
            assert pipeline.checkpoints.size == 0

    within(run)
    assert flat(pipeline.dispatcher._requests._sender.sent) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("processes", [1, 2])
def test_room_is_made_though_other_processes_have_more_blocks_than_fit(pipelines, processes):
    sender = Sender()
    pipeline = pipelines(sender, processes=processes, room=1)

    def run() -> None:
        for number in range(8):
            pipeline.take(events=[number])
            pipeline.delivery.close_block()
        pipeline.finish()

    within(run)
    assert sorted(flat(sender.sent)) == [*range(8)]


# The end of a run ---------------------------------------------------------------------------


def table(number: int = 99, stream: str = "table") -> tuple[str, Any]:
    return stream, toy_event(number, "tables")


ENDPOINTS = {"toy": ToyEndpoint(), "tables": plain("tables")}


@pytest.fixture
def opened_with(pipelines):
    return lambda *replies: pipelines(Sender(scripted(*replies)), endpoints=ENDPOINTS)


def hold(pipeline: Any, count: int, stream: str = "table") -> None:
    for _ in range(count):
        pipeline.take(stream=stream, events=[1], gathered=True)


def finish(pipeline: Any, *last: tuple[str, Any]) -> list[list[int]]:
    within(lambda: pipeline.finish(last))
    sent: list[list[int]] = pipeline.dispatcher._requests._sender.sent
    return sent


def test_records_are_delivered_with_the_event_that_is_made_of_them(opened_with):
    pipeline = opened_with()
    hold(pipeline, 3)
    pipeline.state(1)
    assert pipeline.counts("table") == {"read": 3, "delivered": 0, "undecided": 3, **COUNTED}
    assert pipeline.states == []

    assert finish(pipeline, table()) == [[99]]

    assert pipeline.states == [{"at": 1}]
    assert pipeline.counts("table") == {"read": 3, "delivered": 3, "undecided": 0, **COUNTED}
    assert pipeline.report.endpoint("tables").delivered == 1


def test_it_goes_after_all_events(opened_with):
    pipeline = opened_with()
    hold(pipeline, 1)
    pipeline.send(events=[5])
    pipeline.send(events=[6])
    sent = finish(pipeline, table())
    assert sent[-1] == [99]
    assert sorted(flat(sent[:-1])) == [5, 6]


def test_events_are_through_before_updates_leave_and_updates_before_the_last(pipeline):
    pipeline.endpoints = pipeline.delivery._endpoints = ENDPOINTS
    pipeline.send(events=[1], person="ann", order="ann", value="v", at=1, deferred=True)
    pipeline.send(events=[5])
    hold(pipeline, 1)
    by_hand = pipeline.by_hand
    by_hand.drain = lambda: (pipeline.decide(*by_hand.waiting), by_hand.asked.append("drain"))
    pipeline.finish([table()])
    assert by_hand.asked == ["event 5", "drain", "event 1", "drain", "event 99", "drain"]


def test_the_last_events_are_made_only_when_the_others_are_through(opened_with):
    pipeline = opened_with()
    hold(pipeline, 1)
    pipeline.send(events=[5])
    seen: list[int] = []

    def last():
        seen.append(len(pipeline.dispatcher._requests._sender.sent))
        yield table()

    within(lambda: pipeline.finish(last()))
    assert seen == [1]


@pytest.mark.parametrize(
    ("replies", "error"), [([REFUSED_KEY], ServiceRefused), ([UNWELL] * 9, ServiceUnavailable)]
)
def test_where_it_is_not_taken_the_run_stops_before_its_state(opened_with, replies, error):
    pipeline = opened_with(*replies)
    hold(pipeline, 2)
    pipeline.state(1)
    with pytest.raises(error):
        finish(pipeline, table())
    assert pipeline.states == []
    assert pipeline.counts("table") == {"read": 2, "delivered": 0, "undecided": 2, **COUNTED}


def test_it_is_not_sent_when_an_event_stopped_the_run(opened_with):
    pipeline = opened_with(REFUSED_KEY)
    hold(pipeline, 1)
    pipeline.send(events=[5])
    with pytest.raises(ServiceRefused):
        finish(pipeline, table())
    assert pipeline.dispatcher._requests._sender.sent == [[5]]
    assert pipeline.counts("table")["undecided"] == 1


def test_it_is_tried_again_like_an_event(opened_with):
    pipeline = opened_with(UNWELL)
    hold(pipeline, 1)
    pipeline.state(1)
    assert finish(pipeline, table()) == [[99], [99]]
    assert pipeline.states == [{"at": 1}]
    assert pipeline.report.endpoint("tables").retries == {"http 503": 1}


def test_each_stream_is_decided_by_its_own(opened_with):
    pipeline = opened_with()
    hold(pipeline, 2)
    hold(pipeline, 1, "other")
    pipeline.state(1)
    finish(pipeline, table())
    assert pipeline.counts("table")["delivered"] == 2
    assert pipeline.counts("other")["undecided"] == 1
    assert pipeline.states == []


def test_a_record_of_which_nothing_can_be_made_is_a_dead_letter_at_once(opened_with):
    pipeline = opened_with()
    pipeline.take(stream="table", gathered=True, unmappable="no_key")
    hold(pipeline, 1)
    pipeline.state(1)
    assert pipeline.counts("table")["dead"] == {"no_key": 1}
    finish(pipeline, table())
    assert pipeline.states == [{"at": 1}]
    assert pipeline.counts("table")["delivered"] == 1


# All together -------------------------------------------------------------------------------

RECORDS = st.lists(
    st.one_of(
        st.builds(lambda n: {"events": n}, st.integers(0, 4)),
        st.just({"unmappable": "no_identity"}),
        st.sampled_from([{"unsayable": 1, "events": 1}, {"late": "late", "events": 2}]),
        st.builds(lambda n: {"skipped": "excluded", "events": n}, st.integers(0, 2)),
        st.sampled_from(["STATE", "flush"]),
    ),
    max_size=25,
)


def numbered(records: Sequence[Any]) -> list[Any]:
    """Give every event of the records a number of its own."""
    count = iter(range(1_000))
    return [
        each
        if isinstance(each, str)
        else {**each, "events": [next(count) for _ in range(each.get("events", 0))]}
        for each in records
    ]


def expected_counts(records: Sequence[Any], bad: frozenset[int]) -> dict[str, int]:
    """Count where each record must end, by the rules alone."""
    ends = {"read": 0, "delivered": 0, "skipped": 0, "dead": 0}
    for record in records:
        if isinstance(record, str):
            continue
        ends["read"] += 1
        is_dead = {"unmappable", "unsayable", "late"} & record.keys() or bad & {*record["events"]}
        ends["dead" if is_dead else "skipped" if "skipped" in record else "delivered"] += 1
    return ends


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDS, st.frozensets(st.integers(0, 40), max_size=4), st.booleans())
def test_the_outcomes_add_up_and_every_state_comes_back_in_order(
    tmp_path_factory, records, bad, is_packed
):
    records = numbered(records)
    sender = Sender(lambda batch: Reply(400) if bad & set(batch) else OK)
    limits = Limits(2, 10_000)
    endpoint = ToyEndpoint(limits=limits) if is_packed else plain(limits=limits)
    folder = tmp_path_factory.mktemp("pipeline")
    with opened(folder, sender, endpoints={"toy": endpoint}) as pipeline:

        def run() -> None:
            for index, record in enumerate(records):
                if record == "STATE":
                    pipeline.state(index)
                elif record == "flush":
                    pipeline.delivery.flush()
                else:
                    pipeline.take(**record)
            pipeline.finish()

        within(run)
        counts, ends = pipeline.counts(), expected_counts(records, bad)
        assert counts["undecided"] == 0
        assert counts["read"] == ends["read"]
        assert counts["delivered"] == ends["delivered"]
        assert sum(counts["skipped"].values()) == ends["skipped"]
        assert sum(counts["dead"].values()) == ends["dead"] == len(pipeline.files.dead())
        assert pipeline.states == [{"at": n} for n, each in enumerate(records) if each == "STATE"]


class Claims:
    """A sender that looks into the ledger's file before it answers."""

    def __init__(self) -> None:
        self.files: Any = None
        self.missing: list[int] = []

    def send(self, request: Request) -> Reply:
        for number in numbers(request):
            if self.files.on_disk("owner", f"device-{number}") is None:
                self.missing.append(number)
        return OK


def test_no_request_leaves_before_its_claims_are_on_disk(pipelines):
    sender = Claims()
    pipeline = pipelines(sender)
    sender.files = pipeline.files

    def run() -> None:
        for number in range(12):
            pipeline.take(events=[number], claims=[f"device-{number}"])
            if number % 5 == 0:
                pipeline.delivery.flush()
        pipeline.finish()

    within(run)
    assert sender.missing == []
    assert pipeline.counts()["delivered"] == 12
