"""Ids that Mixpanel would take out of its analysis are noted, once each."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.model import Effects, Note, RecordMapping
from target_mixpanel.from_amplitude import FromAmplitude
from target_mixpanel.from_columns import from_columns
from target_mixpanel.hot_ids import COUNTED, LIMIT, TOO_MANY, HotIds

from tests.examples import examples
from tests.pairs.walk import Remembering, a_record
from tests.target_mixpanel.importing import settings, years_later

DAY = 24 * 3600 * 1_000_000
PAIRS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), max_size=120)


def noted(hot_ids: HotIds, pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [pair for pair in pairs if hot_ids.is_one_too_many(pair[0], pair[1] * DAY + 5)]


def test_the_limit_is_mixpanel_s():
    assert LIMIT == 200_000
    assert COUNTED >= 10_000


@hypothesis.settings(max_examples=examples(200), deadline=None)
@given(PAIRS, st.integers(1, 6))
def test_with_room_for_all_the_notes_are_those_of_a_plain_count(pairs, limit):
    counts: Counter[tuple[str, int]] = Counter()
    expected = []
    for pair in pairs:
        counts[pair] += 1
        if counts[pair] == limit + 1:
            expected.append(pair)
    assert noted(HotIds(limit, counted=24), pairs) == expected


@hypothesis.settings(max_examples=examples(200), deadline=None)
@given(PAIRS, st.integers(1, 6), st.integers(2, 8))
def test_with_little_room_no_note_is_wrong_none_comes_twice_and_memory_is_bounded(
    pairs, limit, counted
):
    hot_ids = HotIds(limit, counted)
    notes = noted(hot_ids, pairs)
    really_hot = {pair for pair, count in Counter(pairs).items() if count > limit}
    assert set(notes) <= really_hot
    assert len(notes) == len(set(notes))
    assert len(hot_ids._counts) <= counted


def test_a_busy_id_is_not_forgotten_among_many_rare_ones():
    hot_ids = HotIds(limit=100, counted=20)
    pairs = [("busy", 0)] * 5
    for number in range(500):
        pairs += [("busy", 0), (f"rare-{number}", 0)]
    assert noted(hot_ids, pairs) == [("busy", 0)]


def test_an_id_forgotten_after_its_note_is_not_noted_again():
    hot_ids = HotIds(limit=2, counted=4)
    busier = [(f"busier-{number}", 0) for number in range(4) for _ in range(2)]
    pairs = [("ann", 0)] * 3 + [pair for pair in busier for _ in range(5)] + [("ann", 0)] * 9
    assert noted(hot_ids, pairs).count(("ann", 0)) == 1


def test_forgetting_makes_room_for_many_new_pairs_at_once():
    hot_ids = HotIds(limit=9, counted=100)
    noted(hot_ids, [(str(number), 0) for number in range(101)] * 1)
    assert len(hot_ids._counts) == 50


def counted(hot_ids: HotIds, *people: str) -> list[Note]:
    notes: list[Note] = [Note("other")]
    for person in people:
        hot_ids.count(person, 5, notes)
    return notes


def test_the_first_event_too_many_is_noted_and_other_notes_stay():
    assert counted(HotIds(limit=1), "ann") == [Note("other")]
    assert counted(HotIds(limit=1), "ann", "ann", "ann") == [Note("other"), Note(TOO_MANY, "ann")]
    assert TOO_MANY == "over_200000_events_of_one_id_and_day"


def test_events_of_nobody_are_not_counted():
    assert counted(HotIds(limit=1), "", "", "") == [Note("other")]


# Where records are decided ------------------------------------------------------------------

ORDERS = {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"}


def exports(hot_ids: HotIds, **chosen: Any) -> Deciding:
    return Deciding(FromAmplitude(settings(**chosen), hot_ids))


class Deciding:
    """Decides records and does not map them: counting needs no map."""

    def __init__(self, mapping: RecordMapping) -> None:
        self.mapping = mapping

    def notes(self, **fields: Any) -> list[Note]:
        line = json.dumps(a_record(**fields)).encode()
        effects = Effects()
        self.mapping.decide(self.mapping.observe(line, is_message=False), Remembering(), effects)
        return [note for note in effects.notes if note.name == TOO_MANY]


def test_an_event_is_counted_for_the_person_decided():
    events = exports(HotIds(limit=1))
    assert [events.notes(user_id=" ann ") for _ in range(3)] == [[], [Note(TOO_MANY, "ann")], []]
    assert events.notes(user_id="ann", event_time="2024-03-02 10:00:00.000000") == []


def test_two_streams_are_counted_together():
    hot_ids = HotIds(limit=1)
    orders = Deciding(from_columns("orders", ORDERS, {}, (), settings(), hot_ids=hot_ids))
    assert exports(hot_ids).notes(user_id="ann") == []
    assert orders.notes(customer="ann", at="2024-03-01") == [Note(TOO_MANY, "ann")]


@pytest.mark.parametrize(
    ("chosen", "fields"),
    [
        ({}, {"event_type": "$identify", "user_properties": {"a": 1}}),
        ({}, {"event_type": "$groupidentify"}),
        ({}, {"user_id": None}),
        ({"exclude_events": ("Played",)}, {}),
        ({"now": years_later(3, 0), "skip_expired": True}, {}),
    ],
    ids=["a person", "a group", "nobody", "left out", "expired"],
)
def test_what_is_no_event_of_a_person_is_not_counted(chosen: dict, fields: dict):
    hot_ids = HotIds(limit=1)
    events = exports(hot_ids, **chosen)
    assert [events.notes(**fields) for _ in range(3)] == [[], [], []]
    assert hot_ids._counts == {}


def test_rows_that_update_people_are_not_counted():
    hot_ids = HotIds(limit=1)
    people = Deciding(
        from_columns("users", {"person": "customer"}, {}, (), settings(), hot_ids=hot_ids)
    )
    assert [people.notes(customer="ann", plan=plan) for plan in "ab"] == [[], []]
    assert hot_ids._counts == {}


def test_mapping_counts_nothing():
    hot_ids = HotIds(limit=1)
    mapping = FromAmplitude(settings(), hot_ids)
    observation = mapping.observe(json.dumps(a_record()).encode(), is_message=False)
    decision = mapping.decide(observation, Remembering(), Effects())
    for each in (mapping, pickle.loads(pickle.dumps(mapping))):
        assert each.map(a_record(), decision) == each.map(a_record(), decision)
    assert sum(hot_ids._counts.values()) == 1
