from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Verdict
from singer_delivery.pipeline.verdicts import halves, sorted_out

ASKED = (Verdict.DELIVERED, Verdict.RETRIABLE, Verdict.REJECTED, Verdict.FATAL)
"""What is parked has left before."""

DELIVERED, RETRIABLE, REJECTED, FATAL = (Judgement(verdict, verdict.value) for verdict in ASKED)


@given(st.lists(st.integers(), min_size=2, max_size=50))
def test_halves_are_two_parts_of_it_all_in_order(events):
    left, right = halves(events)
    assert left
    assert right
    assert left + right == events
    assert abs(len(left) - len(right)) <= 1


@given(
    st.sampled_from([DELIVERED, RETRIABLE, REJECTED, FATAL]),
    st.lists(st.sampled_from([None, DELIVERED, RETRIABLE, REJECTED, FATAL]), max_size=8),
)
def test_every_event_of_a_reply_is_decided_or_open(overall, named):
    exceptions = {i: each for i, each in enumerate(named) if each is not None}
    judgement = Judgement(overall.verdict, overall.reason, exceptions=exceptions)
    decided, still_open = sorted_out(range(len(named)), judgement)
    numbers = [[number for number, _ in part] for part in (decided, still_open)]
    assert sorted(numbers[0] + numbers[1]) == list(range(len(named)))
    assert all(part == sorted(part) for part in numbers)
    covered = named.count(None)
    for number, _ in decided:
        own = named[number] or overall
        assert own.verdict in {Verdict.DELIVERED, Verdict.REJECTED}
        assert named[number] or own.verdict is Verdict.DELIVERED or covered == 1
    for number, _ in still_open:
        own = named[number] or overall
        is_search = own.verdict is Verdict.REJECTED and not named[number] and covered > 1
        assert is_search or own.verdict in {Verdict.RETRIABLE, Verdict.FATAL}
