from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Limits, Verdict
from singer_delivery.pipeline.batcher import first_batch, halves, sorted_out

DELIVERED, RETRIABLE, REJECTED, FATAL = (Judgement(verdict, verdict.value) for verdict in Verdict)


@dataclass(frozen=True)
class Item:
    number: int
    size: int


def items(sizes: list[int]) -> list[Item]:
    return [Item(number, size) for number, size in enumerate(sizes)]


SIZES = st.lists(st.integers(0, 40), max_size=30)
LIMITS = st.builds(Limits, st.integers(1, 8), st.integers(1, 100))


@given(SIZES, LIMITS)
def test_batch_after_batch_nothing_is_lost_and_the_order_kept(sizes, limits):
    waiting, batches = items(sizes), []
    while waiting:
        batch = first_batch(waiting, limits)
        assert batch, "a batch holds at least one event"
        batches.append(batch)
        waiting = waiting[len(batch) :]
    assert [item for batch in batches for item in batch] == items(sizes)


@given(SIZES, LIMITS)
def test_a_batch_keeps_within_the_limits_unless_it_is_a_single_event(sizes, limits):
    batch = first_batch(items(sizes), limits)
    assert len(batch) <= limits.max_events
    joined = sum(item.size for item in batch) + max(0, len(batch) - 1)  # commas between
    assert len(batch) <= 1 or joined <= limits.max_bytes


@given(SIZES, LIMITS)
def test_a_batch_stops_only_where_the_next_event_would_not_fit(sizes, limits):
    waiting = items(sizes)
    batch = first_batch(waiting, limits)
    if len(batch) < min(len(waiting), limits.max_events):
        with_next = waiting[: len(batch) + 1]
        assert sum(item.size + 1 for item in with_next) > limits.max_bytes


def test_the_comma_between_two_events_counts():
    assert len(first_batch(items([5, 5]), Limits(max_events=10, max_bytes=10))) == 1
    assert len(first_batch(items([5, 5]), Limits(max_events=10, max_bytes=12))) == 2


def test_an_event_larger_than_a_request_travels_alone():
    batch = first_batch(items([500, 1]), Limits(max_events=10, max_bytes=100))
    assert [item.size for item in batch] == [500]


def test_nothing_waiting_gives_no_batch():
    assert first_batch([], Limits(10, 100)) == []


@given(st.lists(st.integers(), min_size=2, max_size=50))
def test_halves_are_two_parts_of_the_whole_in_order(batch):
    left, right = halves(batch)
    assert left
    assert right
    assert left + right == batch
    assert abs(len(left) - len(right)) <= 1


@given(
    st.sampled_from([DELIVERED, RETRIABLE, REJECTED, FATAL]),
    st.lists(st.sampled_from([None, DELIVERED, RETRIABLE, REJECTED, FATAL]), max_size=8),
)
def test_every_event_of_a_reply_is_decided_or_open(overall, named):
    exceptions = {i: each for i, each in enumerate(named) if each is not None}
    judgement = Judgement(overall.verdict, overall.reason, exceptions=exceptions)
    decided, still_open = sorted_out(items([1] * len(named)), judgement)
    numbers = [[item.number for item, _ in part] for part in (decided, still_open)]
    assert sorted(numbers[0] + numbers[1]) == list(range(len(named)))
    assert all(part == sorted(part) for part in numbers)
    covered = named.count(None)
    for item, _ in decided:
        own = named[item.number] or overall
        assert own.verdict in {Verdict.DELIVERED, Verdict.REJECTED}
        assert named[item.number] or own.verdict is Verdict.DELIVERED or covered == 1
    for item, _ in still_open:
        own = named[item.number] or overall
        is_search = own.verdict is Verdict.REJECTED and not named[item.number] and covered > 1
        assert is_search or own.verdict in {Verdict.RETRIABLE, Verdict.FATAL}
