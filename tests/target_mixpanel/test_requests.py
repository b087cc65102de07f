"""How events share requests: sizes as Mixpanel counts them, and what becomes of refused ones."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Limits
from singer_delivery.model import Decision, Effects, Event, Facts, Mapped
from singer_delivery.pipeline.run import Run
from singer_delivery.pipeline.settings import RunSettings
from target_mixpanel.account import Account
from target_mixpanel.endpoint import MAX_BYTES, MAX_EVENTS, ImportEndpoint, ProfileEndpoint

from tests.examples import examples
from tests.fakes.http.server import LoseReply, Reply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel
from tests.target_mixpanel.sending import body_of

TIME_MS = 1_709_294_400_123
LIMITS = Limits(MAX_EVENTS, MAX_BYTES)


class AsGiven:
    """Takes records that are the body of an event already."""

    decision_type: ClassVar[type[Decision]] = Decision

    def observe(self, line: bytes, *, is_message: bool) -> Any:
        assert not is_message
        return json.loads(line)

    def decide(self, observation: Any, facts: Facts, effects: Effects) -> Decision:
        properties = observation.get("properties", observation)
        return Decision(properties.get("$user_id") or properties["$distinct_id"])

    def map(self, record: Any, decision: Decision) -> Mapped:
        is_event = "event" in record
        endpoint, kind = ("/import", "event") if is_event else ("/engage", "person")
        return Mapped((Event(endpoint, kind, record.get("event", "$set"), None, dict(record)),))


@dataclass(frozen=True)
class Ended:
    """What became of events: how many were delivered; of each other one the record and why."""

    delivered: int
    dead: list[tuple[Any, str]]


def event(number: int, event_name: str = "Played", **properties: Any) -> dict[str, Any]:
    user = f"person-{number % 7}"
    base = {"time": TIME_MS, "$insert_id": f"event-{number}", "$user_id": user, "ip": 0}
    return {"event": event_name, "properties": {**base, **properties}}


def size_of(body: dict[str, Any]) -> int:
    return len(json.dumps(body, separators=(",", ":")))


def deliver(
    folder: Path, mixpanel: FakeMixpanel, *bodies: dict[str, Any], limits: Limits = LIMITS
) -> Ended:
    """Send events over HTTP with all that a run does; return what became of them."""
    account = Account(mixpanel.url, mixpanel.credentials.token)
    endpoints = {
        "/import": ImportEndpoint(account, limits),
        "/engage": ProfileEndpoint("/engage", account),
    }
    dead = folder / "dead.singer"
    options = RunSettings(
        user_agent="test",
        max_in_flight=1,
        max_retries=3,
        max_events_per_second=0,
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
        dead_letter_path=dead,
        report_path=None,
        dry_run=False,
        output_path=folder / "dry-run.jsonl",
        first_wait=0.0,
    )
    run = Run(options, endpoints, "test", lambda _state: None)
    given_events = run.input("given", AsGiven(), are_messages=False)
    for body in bodies:
        run.take(given_events, json.dumps(body).encode())
    run.finish()
    letters = dead.read_bytes().splitlines() if dead.exists() else []
    records = [m["record"] for m in map(json.loads, letters) if m["type"] == "RECORD"]
    refused = [(record, record["_dead_letter"]["detail"]) for record in records]
    counts = run.report.stream("given")
    assert counts.read == len(bodies) == counts.delivered + len(refused)
    return Ended(counts.delivered, refused)


def sizes(mixpanel: FakeMixpanel) -> list[int]:
    """Bytes of each request's list, before compression."""
    return [len(gzip.decompress(exchange.body)) for exchange in mixpanel.journal]


def ids(mixpanel: FakeMixpanel) -> list[str]:
    return sorted(stored["insert_id"] for stored in mixpanel.arrivals)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.integers(140, 5_000))
def test_a_body_is_within_mixpanel_s_limit_when_its_events_and_commas_are_within_ours(
    fillings: list[int], max_bytes: int
):
    endpoint = ImportEndpoint(Account("http://127.0.0.1", "t"), Limits(MAX_EVENTS, max_bytes))
    encoded = [json.dumps(event(n, x="x" * f)).encode() for n, f in enumerate(fillings)]
    counted = sum(len(each) + 1 for each in encoded)
    body = gzip.decompress(body_of(endpoint, encoded))
    assert (counted <= endpoint.limits.max_bytes) == (len(body) <= max_bytes)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=20),
    st.integers(140, 700),
    st.integers(1, 6),
)
def test_no_request_is_larger_than_its_limit(
    tmp_path_factory: pytest.TempPathFactory,
    fillings: list[int],
    max_bytes: int,
    max_events: int,
):
    events = [event(number, x="x" * filling) for number, filling in enumerate(fillings)]
    with FakeMixpanel(keep_bodies=True) as mixpanel:
        folder = tmp_path_factory.mktemp("run")
        ended = deliver(folder, mixpanel, *events, limits=Limits(max_events, max_bytes))
        bodies = [json.loads(gzip.decompress(exchange.body)) for exchange in mixpanel.journal]
        for body, size in zip(bodies, sizes(mixpanel), strict=True):
            assert len(body) == 1 or (size <= max_bytes and len(body) <= max_events)
    assert sum(map(len, bodies)) == ended.delivered == len(events)


def test_two_thousand_events_of_exactly_the_limit_are_one_request(tmp_path):
    each = size_of(event(1_000, x=""))
    room, rest = divmod(MAX_BYTES - 2_001 - 2_000 * each, 2_000)
    events = [event(1_000 + n, x="x" * (room + (n < rest))) for n in range(2_000)]
    with FakeMixpanel(max_body_bytes=MAX_BYTES, keep_bodies=True) as mixpanel:
        deliver(tmp_path, mixpanel, *events)
        assert sizes(mixpanel) == [MAX_BYTES]
        assert len(mixpanel.arrivals) == 2_000


def test_one_byte_more_is_two_requests(tmp_path):
    events = [event(1_000 + n, x="x" * 400, **{"$user_id": "ann"}) for n in range(3)]
    limit = sum(map(size_of, events)) + 4 - 1
    with FakeMixpanel(max_body_bytes=limit, keep_bodies=True) as mixpanel:
        ended = deliver(tmp_path, mixpanel, *events, limits=Limits(2_000, limit))
        assert [exchange.status for exchange in mixpanel.journal] == [200, 200]
        assert ids(mixpanel) == [f"event-{1_000 + n}" for n in range(3)]
    assert ended == Ended(3, [])


def test_a_lower_limit_that_mixpanel_names_is_kept_to_from_then_on(tmp_path):
    with FakeMixpanel(max_body_bytes=50_000, keep_bodies=True) as mixpanel:
        limits = Limits(100, MAX_BYTES)  # the first request is of 100 events, some 110,000 bytes
        events = [event(n, x="x" * 1_000) for n in range(400)]
        ended = deliver(tmp_path, mixpanel, *events, limits=limits)
        refused = [exchange.number for exchange in mixpanel.journal if exchange.status == 413]
        assert len(refused) == 3  # all of it, and both of its halves
        assert all(size <= 50_000 for size in sizes(mixpanel)[refused[-1] :])
        assert sorted(ids(mixpanel)) == sorted(f"event-{n}" for n in range(400))
    assert ended == Ended(400, [])


def test_the_culprit_of_a_refused_request_is_found_and_all_others_arrive(tmp_path):
    odd = Reply(400, b'{"code":400,"failed_records":["some records are odd"]}')

    with FakeMixpanel(keep_bodies=True) as mixpanel:
        mixpanel.misbehave_always(
            odd, when=lambda exchange: b'"event-37"' in gzip.decompress(exchange.body)
        )
        ended = deliver(tmp_path, mixpanel, *(event(n) for n in range(100)))
    assert ids(mixpanel) == sorted(f"event-{n}" for n in range(100) if n != 37)
    ((record, detail),) = ended.dead
    assert record["properties"]["$insert_id"] == "event-37"
    assert "some records are odd" in detail


@pytest.mark.parametrize("act", [LoseReply(), RATE_LIMITED])
def test_what_is_sent_again_keeps_its_ids_and_is_stored_once(tmp_path, act):
    with FakeMixpanel(keep_bodies=True) as mixpanel:
        mixpanel.misbehave(act)
        ended = deliver(tmp_path, mixpanel, *(event(n) for n in range(5)))
        first, second = mixpanel.journal
        assert first.body == second.body
        assert len(mixpanel.stored()) == 5
    assert ended == Ended(5, [])


def test_updates_are_refused_one_by_one(tmp_path):
    def update(number: int, person: str) -> dict[str, Any]:
        return {"$distinct_id": person, "$ip": 0, "$ignore_time": True, "$set": {"n": number}}

    with FakeMixpanel() as mixpanel:
        sent = [update(1, "ann"), update(2, "null"), update(3, "bob")]
        ended = deliver(tmp_path, mixpanel, *sent)
    assert mixpanel.profiles() == {"ann": {"n": 1}, "bob": {"n": 3}}
    assert [record["$set"] for record, _ in ended.dead] == [{"n": 2}]
    assert len(mixpanel.journal) == 1
