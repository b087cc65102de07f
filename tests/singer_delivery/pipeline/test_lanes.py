"""Which pieces may leave, against a plain model: nothing overtakes, nothing waits for ever."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Limits
from singer_delivery.pipeline import blocks, delivery
from singer_delivery.pipeline.lanes import REMEMBERED, Lanes, People, Where, lanes_of_group
from singer_delivery.pipeline.packing import LANES, lane_of
from singer_delivery.pipeline.pieces import Piece

from tests.examples import examples

ALL = (1 << LANES) - 1
LIMITS = Limits(8, 80)
DISTINCT = Limits(8, 80, distinct_ids=True)


def piece(
    lanes: int, count: int = 1, size: int = 1, needs: int = 0, ids: Collection[str] = ()
) -> Piece:
    return Piece("toy", lanes, needs, count, size, {}, ids=frozenset(ids))


def are_distinct(pieces: Iterable[Piece]) -> bool:
    """Tell whether no two pieces have an id in common."""
    return max(Counter(chain.from_iterable(each.ids for each in pieces)).values(), default=0) < 2


def waiting(*pieces: Piece) -> Lanes:
    lanes = Lanes()
    for each in pieces:
        lanes.add(each)
    return lanes


# What may leave -----------------------------------------------------------------------------


@dataclass
class Model:
    """What has not left, what is in flight, and every breach that could be seen."""

    limits: Limits
    lanes: Lanes = field(default_factory=Lanes)
    waiting: list[Piece] = field(default_factory=list)
    in_flight: list[list[Piece]] = field(default_factory=list)

    def add(self, each: Piece) -> None:
        self.waiting.append(each)
        self.lanes.add(each)

    def take(self) -> bool:
        """Take what may leave, and check it; tell whether it was anything."""
        load = self.lanes.next_load(self.limits)
        free = self.free()
        is_repeated = self.limits.distinct_ids and not are_distinct(free)
        assert load.pieces == free or self.is_too_much(free) or is_repeated
        assert load.pieces or not free, "nothing leaves though it may"
        if not load.pieces:
            return False
        self.check(load.pieces)
        self.lanes.take(load)
        self.waiting = [each for each in self.waiting if each not in load.pieces]
        self.in_flight.append(load.pieces)
        return True

    def is_too_much(self, pieces: list[Piece]) -> bool:
        count, size = sum(p.count for p in pieces), sum(p.size + 1 for p in pieces)
        return count > self.limits.max_events or size > self.limits.max_bytes

    def check(self, load: list[Piece]) -> None:
        assert load == [each for each in self.waiting if each in load], "not in their order"
        size = sum(each.size for each in load) + len(load) - 1  # commas between
        is_within = sum(each.count for each in load) <= self.limits.max_events
        assert len(load) == 1 or (is_within and size <= self.limits.max_bytes)
        assert are_distinct(load) or not self.limits.distinct_ids
        for each in load:
            before = self.waiting[: self.waiting.index(each)]
            ahead = [other for other in before if other not in load]
            ahead += [other for others in self.in_flight for other in others]
            assert not any(other.lanes & (each.lanes | each.needs) for other in ahead), "overtaken"

    def free(self) -> list[Piece]:
        """Return what waits for nothing, worked out the plain way."""
        free: list[Piece] = []
        for place, each in enumerate(self.waiting):
            blocking = [other for other in self.waiting[:place] if other not in free]
            blocking += [other for others in self.in_flight for other in others]
            if not any(other.lanes & (each.lanes | each.needs) for other in blocking):
                free.append(each)
        return free

    def complete(self, number: int) -> None:
        done = self.in_flight.pop(number % len(self.in_flight))
        self.lanes.release(done)


spreads = st.sampled_from([1, 4, 16, 64, 256])
groups = st.builds(
    lambda spread, group: lanes_of_group(group % spread, spread), spreads, st.integers(0, 255)
)
some_lanes = groups | st.integers(0, 3).map(lambda lane: 1 << lane) | st.just(0)
pieces = st.builds(
    piece,
    some_lanes,
    st.integers(1, 9),
    st.integers(1, 90),
    st.just(0) | st.integers(0, 3).map(lambda lane: 1 << lane),
    st.frozensets(st.sampled_from("abcdefgh"), max_size=2),
)
steps = st.lists(pieces | st.just("take") | st.integers(0, 9), max_size=60)


@settings(max_examples=examples(400), deadline=None)
@given(steps, st.builds(Limits, st.integers(1, 12), st.integers(1, 200), st.booleans()))
def test_whatever_completes_when_nothing_overtakes_and_all_leaves(plan, limits):
    model = Model(limits)
    for step in plan:
        if isinstance(step, Piece):
            model.add(step)
        elif step == "take":
            model.take()
        elif model.in_flight:
            model.complete(step)
    while model.waiting or model.in_flight:
        if not model.take():
            assert model.in_flight, "something waits for ever"
            model.complete(0)
    assert model.lanes.is_empty
    assert model.lanes._busy == 0


def test_an_id_that_comes_again_waits_for_the_next_request_and_so_does_what_is_behind_it():
    first, second, third, other = piece(1, ids="ab"), piece(1, ids="ca"), piece(1), piece(2)
    lanes = waiting(first, second, third, other)
    assert lanes.next_load(LIMITS).pieces == [first, second, third, other]
    load = lanes.next_load(DISTINCT)
    assert load.pieces == [first, other]
    lanes.take(load)
    lanes.release(load.pieces)
    assert lanes.next_load(DISTINCT).pieces == [second, third]


def test_what_shares_a_lane_travels_together_or_one_after_the_other():
    lanes = waiting(piece(1, 4), piece(3, 2), piece(1, 4))
    load = lanes.next_load(LIMITS)
    lanes.take(load)
    assert lanes.next_load(LIMITS).pieces == []
    lanes.release(load.pieces)
    rest = lanes.next_load(LIMITS)
    assert sum(each.count for each in load.pieces + rest.pieces) == 10


def test_what_merges_waits_for_what_is_passed_over():
    first, of_the_merged, link = piece(4, 1), piece(1, 1), piece(2, 7, needs=1)
    model = Model(LIMITS)
    for each in (first, of_the_merged, link):
        model.add(each)
    model.take()
    assert link not in model.in_flight[0]


def test_what_merges_waits_for_what_is_in_flight():
    of_the_merged, link = piece(1), piece(2, needs=1)
    lanes = waiting(of_the_merged)
    load = lanes.next_load(LIMITS)
    lanes.take(load)
    lanes.add(link)
    assert lanes.next_load(LIMITS).pieces == []
    lanes.release(load.pieces)
    assert lanes.next_load(LIMITS).pieces == [link]


def test_a_request_takes_few_lanes_so_that_others_find_free_ones():
    lanes = waiting(*(piece(1 << lane % 4, 2) for lane in range(16)))
    first = lanes.next_load(LIMITS)
    assert sum(each.count for each in first.pieces) == 8
    assert len({each.lanes for each in first.pieces}) == 1
    lanes.take(first)
    assert lanes.next_load(LIMITS).is_full


def test_a_request_is_full_a_little_before_its_limits():
    assert not waiting(piece(1, 6)).next_load(LIMITS).is_full
    assert waiting(piece(1, 7)).next_load(LIMITS).is_full
    assert waiting(piece(1, 1, 70)).next_load(LIMITS).is_full


def test_the_comma_between_two_pieces_counts():
    two = (piece(1, 1, 5), piece(1, 1, 5))
    assert len(waiting(*two).next_load(Limits(10, 10)).pieces) == 1
    assert len(waiting(*two).next_load(Limits(10, 12)).pieces) == 2


def test_a_piece_larger_than_a_request_travels_alone():
    large = piece(1, 1, 500)
    load = waiting(large, piece(1)).next_load(LIMITS)
    assert load.pieces == [large]
    assert load.is_full


def test_nothing_waiting_gives_no_load():
    load = Lanes().next_load(LIMITS)
    assert load.pieces == []
    assert not load.is_full


@pytest.mark.parametrize("spread", [1, 4, 16, 64, 256])
def test_the_groups_of_a_spread_share_out_all_lanes(spread):
    each = [lanes_of_group(group, spread) for group in range(spread)]
    assert sum(each) == ALL
    assert all(one & other == 0 for one in each for other in each if one is not other)
    assert all(each[lane % spread] >> lane & 1 for lane in range(LANES))


# Whose lane is which ------------------------------------------------------------------------


def test_a_person_s_lane_is_the_same_in_every_process():
    assert People().lane("ann", 0, -1) == zlib.crc32(b"ann") % 256


def test_whoever_merges_another_takes_over_the_lane_of_what_is_under_way():
    people = People()
    of_device = people.lane("device", 1, 0)
    assert people.linked("ann", "device", 2, 0) == (of_device, None)
    assert people.lane("ann", 3, 0) == of_device
    assert people.lane("ann", 9, 3) == lane_of("ann")  # nothing is under way any more


def test_whoever_has_events_under_way_stays_and_learns_where_the_other_s_are():
    people = People()
    of_device, own = people.lane("device", 1, 0), people.lane("ann", 1, 0)
    assert of_device != own
    assert people.linked("ann", "device", 2, 0) == (own, Where(of_device, 1))


def test_nobody_waits_for_a_person_whose_events_are_through():
    people = People()
    people.lane("device", 1, 0)
    people.lane("ann", 2, 0)
    assert people.linked("ann", "device", 3, 1) == (lane_of("ann"), None)


def test_more_people_are_remembered_than_can_be_under_way():
    smallest = blocks.OVERHEAD + 1
    assert delivery.ROOM / smallest + 2 * blocks.MOST_RECORDS < REMEMBERED


def test_people_who_were_remembered_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr("singer_delivery.pipeline.lanes.REMEMBERED", 10)
    people = People()
    for number in range(1_000):
        people.lane(f"person-{number}", number, number - 5)
    assert len(people._recent) + len(people._older) <= 20


def test_a_person_under_way_is_remembered_past_many_others(monkeypatch):
    monkeypatch.setattr("singer_delivery.pipeline.lanes.REMEMBERED", 10)
    people = People()
    lane = people.lane("device", 1, 0)
    people.linked("ann", "device", 1, 0)
    for number in range(9):
        people.lane(f"person-{number}", 2, 0)
    assert people.lane("ann", 3, 0) == lane
