"""How events share requests: sizes as Mixpanel counts them, and what becomes of refused ones."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Limits, Verdict
from singer_delivery.io.transport import Transport
from singer_delivery.model import Event
from singer_delivery.pipeline.batcher import first_batch
from singer_delivery.pipeline.queued import Queued, Ticket
from target_mixpanel.account import Account
from target_mixpanel.endpoints import MAX_BYTES, MAX_EVENTS, ImportEndpoint, ProfileEndpoint

from tests.fakes.http.server import LoseReply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel
from tests.singer_delivery.toys import Stage

TIME_MS = 1_709_294_400_123
LIMITS = Limits(MAX_EVENTS, MAX_BYTES)


class Outcomes:
    """A listener that writes down what became of each event."""

    def __init__(self) -> None:
        self.of: dict[str, list[Verdict]] = {}
        self.details: list[str] = []
        self.retries: Counter[str] = Counter()

    def before_sending(self) -> None:
        return

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        self.retries[retry_reason] += 1

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        for queued, judgement in batch:
            self.of.setdefault(queued.event.name, []).append(judgement.verdict)
            self.details += [judgement.detail] if judgement.detail else []


def event(number: int, event_name: str = "Played", **properties: Any) -> Event:
    base = {"time": TIME_MS, "$insert_id": f"event-{number}", "$user_id": "ann", "ip": 0}
    body = {"event": event_name, "properties": {**base, **properties}}
    return Event("/import", "event", f"event-{number}", f"person-{number % 7}", None, body)


def deliver(
    mixpanel: FakeMixpanel, *events: Event, limits: Limits = LIMITS, lanes: int = 1
) -> Outcomes:
    """Send events over HTTP with all that delivery does; return what became of them."""
    account = Account(mixpanel.url, mixpanel.credentials.token)
    endpoints = {
        "/import": ImportEndpoint(account, limits),
        "/engage": ProfileEndpoint("/engage", account),
    }
    outcomes, transport = Outcomes(), Transport("test")
    options: dict[str, Any] = {"endpoints": endpoints, "listener": outcomes, "max_in_flight": lanes}
    with Stage(transport, **options) as stage:
        stage.deliver(*events)
    transport.close()
    return outcomes


def sizes(mixpanel: FakeMixpanel) -> list[int]:
    """Bytes of each request's list, before compression."""
    return [len(gzip.decompress(exchange.body)) for exchange in mixpanel.journal]


def ids(mixpanel: FakeMixpanel) -> list[str]:
    return sorted(stored["insert_id"] for stored in mixpanel.arrivals)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=20),
    st.integers(140, 700),
    st.integers(1, 6),
)
def test_no_request_is_larger_than_its_limit_and_none_leaves_room_for_one_more(
    fillings, max_bytes, max_events
):
    endpoint = ImportEndpoint(Account("http://127.0.0.1", "t"), Limits(max_events, max_bytes))
    waiting = []
    for number, filling in enumerate(fillings):
        each = event(number, x="x" * filling)
        waiting.append(Queued(each, endpoint.encode(each), Ticket(b"")))
    while waiting:
        batch = first_batch(waiting, endpoint.limits)
        body = gzip.decompress(endpoint.request([queued.encoded for queued in batch]).body)
        assert len(batch) == 1 or (len(body) <= max_bytes and len(batch) <= max_events)
        waiting = waiting[len(batch) :]
        if waiting and len(batch) < max_events:
            assert len(body) + 1 + waiting[0].size > max_bytes


def test_two_thousand_events_of_exactly_the_limit_are_one_request():
    each = len(json.dumps(event(1_000, x="").body, separators=(",", ":")))
    room, rest = divmod(MAX_BYTES - 2_001 - 2_000 * each, 2_000)
    events = [event(1_000 + n, x="x" * (room + (n < rest))) for n in range(2_000)]
    with FakeMixpanel(max_body_bytes=MAX_BYTES, keep_bodies=True) as mixpanel:
        deliver(mixpanel, *events)
        assert sizes(mixpanel) == [MAX_BYTES]
        assert len(mixpanel.arrivals) == 2_000


def test_one_byte_more_is_two_requests():
    each = len(json.dumps(event(1_000, x="").body, separators=(",", ":")))
    events = [event(1_000 + n, x="x" * 400) for n in range(3)]
    limit = 3 * (each + 400) + 4 - 1
    with FakeMixpanel(max_body_bytes=limit, keep_bodies=True) as mixpanel:
        outcomes = deliver(mixpanel, *events, limits=Limits(2_000, limit))
        assert [exchange.status for exchange in mixpanel.journal] == [200, 200]
        assert ids(mixpanel) == [f"event-{1_000 + n}" for n in range(3)]
    assert all(verdicts == [Verdict.DELIVERED] for verdicts in outcomes.of.values())


def test_a_lower_limit_that_mixpanel_names_is_kept_to_from_then_on():
    with FakeMixpanel(max_body_bytes=50_000, keep_bodies=True) as mixpanel:
        limits = Limits(100, MAX_BYTES)  # the first request is of 100 events, some 110,000 bytes
        deliver(mixpanel, *(event(n, x="x" * 1_000) for n in range(400)), limits=limits)
        refused = [exchange.number for exchange in mixpanel.journal if exchange.status == 413]
        assert len(refused) == 3  # the whole, and both of its halves
        assert all(size <= 50_000 for size in sizes(mixpanel)[refused[-1] :])
        assert sorted(ids(mixpanel)) == sorted(f"event-{n}" for n in range(400))


def test_the_culprit_of_a_refused_request_is_found_and_all_others_arrive():
    with FakeMixpanel() as mixpanel:
        events = [event(n, "$identify" if n == 37 else "Played") for n in range(100)]
        outcomes = deliver(mixpanel, *events)
    assert ids(mixpanel) == sorted(f"event-{n}" for n in range(100) if n != 37)
    assert outcomes.of["event-37"] == [Verdict.REJECTED]
    assert all(len(verdicts) == 1 for verdicts in outcomes.of.values())
    (detail,) = outcomes.details
    assert "identity events are not allowed" in detail


@pytest.mark.parametrize("act", [LoseReply(), RATE_LIMITED])
def test_what_is_sent_again_keeps_its_ids_and_is_stored_once(act):
    with FakeMixpanel(keep_bodies=True) as mixpanel:
        mixpanel.misbehave(act)
        outcomes = deliver(mixpanel, *(event(n) for n in range(5)))
        first, second = mixpanel.journal
        assert first.body == second.body
        assert len(mixpanel.stored()) == 5
    assert all(verdicts == [Verdict.DELIVERED] for verdicts in outcomes.of.values())


def test_updates_are_refused_one_by_one():
    def update(number: int, person: str) -> Event:
        body = {"$distinct_id": person, "$ip": 0, "$ignore_time": True, "$set": {"n": number}}
        return Event("/engage", "person", f"update-{number}", person, None, body)

    with FakeMixpanel() as mixpanel:
        outcomes = deliver(mixpanel, update(1, "ann"), update(2, "null"), update(3, "bob"))
    assert mixpanel.profiles() == {"ann": {"n": 1}, "bob": {"n": 3}}
    assert outcomes.of["update-2"] == [Verdict.REJECTED]
    assert len(mixpanel.journal) == 1
