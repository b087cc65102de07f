"""What holds for every record of every pair, tried on whatever Hypothesis thinks of.

`tests.pairs.walk` holds more: each record is mapped in another process's way, and by tables that
are not compiled, to the same events.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from itertools import chain
from typing import Any

import orjson
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from singer_delivery.model import Unmappable

from tests.fakes.company import Company
from tests.pairs import amplitude_to_amplitude, amplitude_to_mixpanel, amplitude_to_posthog
from tests.pairs.any_record import (
    FORMS,
    MEANINGFUL,
    assert_is_json,
    deeper,
    made_twice,
    mark,
    ordered,
    outcome,
    thorough,
)
from tests.pairs.pair import PairUnderTest
from tests.pairs.walk import Walk, Walked, a_record, bodies, the

PAIRS = [amplitude_to_mixpanel.PAIR, amplitude_to_posthog.PAIR, amplitude_to_amplitude.PAIR]
CARRYING = [pair for pair in PAIRS if not pair.is_copy]
"""Those that give the source's properties the names of another vendor."""

pairs = pytest.mark.parametrize("pair", PAIRS, ids=repr)
data = st.data()


def with_each(pick: Any) -> Any:
    """Parametrize by each pair and each of what is picked of it."""
    cases = [pytest.param(pair, each, id=f"{pair}-{each}") for pair in PAIRS for each in pick(pair)]
    return pytest.mark.parametrize(("pair", "column"), cases)


def travelling(pair: PairUnderTest) -> list[str]:
    return sorted(pair.columns - pair.table.DROPPED.keys() - pair.silent)


@pairs
@thorough
@given(data)
def test_any_record_becomes_events_or_says_why_not(
    pair: PairUnderTest, data: st.DataObject
) -> None:
    chosen = data.draw(pair.choices)
    result = outcome(pair.walk(chosen), data.draw(pair.records))
    event("an event" if isinstance(result, Walked) else result[0])
    if not isinstance(result, Walked):
        assert result[0] in pair.table.DEAD_LETTERS
        return
    assert {note.name for note in result.notes} <= pair.table.COUNTED.keys()
    assert result.events or result.skipped
    if result.skipped is not None:
        assert_rule_is_named(result.skipped, pair)
    for made in result.events:
        assert_is_json(made.body)
        pair.takes(made, chosen)


def assert_rule_is_named(skipped: str, pair: PairUnderTest) -> None:
    rule = skipped.partition(": ")[0]
    named = {each.partition(": ")[0] for each in pair.table.SKIPPED}
    assert rule in named | pair.table.COUNTED.keys()


@pairs
def test_a_record_with_what_every_event_has_becomes_one(pair: PairUnderTest) -> None:
    record = {"event_type": "Played", "user_id": "u", "event_time": "2024-03-01"}
    (made,) = pair.walk().walks(record).events
    pair.takes(made, pair.settings())


@pairs
@thorough
@given(data)
def test_the_same_record_gives_the_same_events_and_is_not_changed(
    pair: PairUnderTest, data: st.DataObject
) -> None:
    chosen, record = data.draw(pair.choices), data.draw(pair.records)
    before = copy.deepcopy(record)
    first = outcome(pair.walk(chosen), record)
    again = outcome(pair.walk(chosen), copy.deepcopy(before))
    turned = outcome(pair.fresh(chosen), dict(reversed(list(before.items()))))
    assert repr(record) == repr(before)
    assert repr(first) == repr(again)
    assert repr(ordered(first)) == repr(ordered(turned))


@pairs
@thorough
@given(data)
def test_what_is_remembered_is_not_taken_for_another_value(
    pair: PairUnderTest, data: st.DataObject
) -> None:
    record = data.draw(pair.records)
    fresh = outcome(pair.fresh(pair.settings()), record)
    assert repr(outcome(pair.walk(), record)) == repr(fresh)


@pairs
def test_a_company_is_mapped_alike_by_every_way_of_mapping(pair: PairUnderTest) -> None:
    walk = pair.walk()
    for row in chain.from_iterable(Company(events=2_000).hours().values()):
        with suppress(Unmappable):
            walk.reads_row(orjson.loads(row))  # which holds one against the other
    assert len(walk.known.facts) > 100


@pairs
@thorough
@given(data)
def test_updates_of_one_record_never_take_each_others_place(
    pair: PairUnderTest, data: st.DataObject
) -> None:
    result = outcome(pair.walk(data.draw(pair.choices)), data.draw(pair.records))
    made = result.events if isinstance(result, Walked) else ()
    places = [(update.endpoint, update.order) for update in made if update.deferred]
    assert len(set(places)) == len(places)


@pairs
@pytest.mark.parametrize(
    "column", ["user_properties", "event_properties", "new", "group_properties"]
)
def test_what_nests_deep_is_taken_or_refused_at_every_depth(
    pair: PairUnderTest, column: str
) -> None:
    deep: Any = {"firm": {"f1": {"a": 1}}}
    results = set()
    for _ in range(270):
        deep = deeper(deep, column)
        result = outcome(pair.walk(), a_record(**{column: deep}))
        results.add(isinstance(result, Walked))
        for made in result.events if isinstance(result, Walked) else ():
            orjson.dumps(made.body)
            pair.takes(made, pair.settings())
    assert results == {True, False}


# What makes the event what it is; each has its golden cases.
OF_THE_ENVELOPE = {"uuid", "event_time", "event_type"}
names = st.text("abc$_", min_size=1, max_size=6)


@pairs
@thorough
@given(data, st.sampled_from(["Web", "iOS"]), st.sampled_from([0, 400]))
def test_no_key_vanishes(
    pair: PairUnderTest, data: st.DataObject, platform: str, more: int
) -> None:
    markers: dict = {}
    named = data.draw(st.lists(st.sampled_from(sorted(pair.keys)) | names, max_size=8, unique=True))
    named += [f"more{number}" for number in range(more)]
    of_the_event = {key: mark(markers, "property", key) for key in named}
    unknown = data.draw(st.sets(names, max_size=0 if pair.is_copy else 4)) - pair.columns
    record: dict = {key: mark(markers, "unknown", key) for key in sorted(unknown)}
    apart = {*OF_THE_ENVELOPE, "platform", *pair.hidden}
    for column in travelling(pair):
        if column not in apart:
            record[column] = mark(markers, "column", column)
    record |= {"event_properties": of_the_event, "platform": platform, **pair.hidden}
    mapped = pair.walk(**data.draw(st.sampled_from(pair.kept))).reads(**record)
    sent = orjson.dumps([made.body for made in mapped.events]).decode()
    assert not any(value in sent for value in pair.hidden.values())
    assert [what for marker, what in markers.items() if f'"{marker}"' not in sent] == [
        ("column", "event_properties")  # an object here: its keys have markers of their own
    ]


@with_each(travelling)
def test_every_column_that_travels_changes_what_is_sent(pair: PairUnderTest, column: str) -> None:
    without = pair.walk(**pair.revealing).reads(device_id="d0")
    record = a_record(device_id="d0") | {column: MEANINGFUL.get(column, "another value")}
    assert bodies(pair.walk(**pair.revealing).reads(**record)) != bodies(without)


@with_each(lambda pair: sorted(pair.columns - {"event_type", "user_id", "event_time"}))
def test_an_unknown_column_in_the_place_of_a_known_one_is_kept(
    pair: PairUnderTest, column: str
) -> None:
    record = {**dict.fromkeys(pair.columns), **a_record()}
    del record[column]
    place = {"location_lat": 1.5, "location_lng": 2.5}
    walked = pair.walk().reads_row({**record, "new": "NEW", **place})
    body = the("event", walked).body
    if pair.is_copy:
        assert "unknown_column" in {note.name for note in walked.notes}
    else:
        assert pair.properties_of(body)["amplitude_new"] == "NEW"
    if not {column, "location_lng"} >= {column, "location_lat"} and column not in place:
        assert 1.5 in (*body.values(), *pair.properties_of(body).values())


@with_each(lambda pair: sorted(pair.table.DROPPED))
def test_every_column_that_is_dropped_changes_nothing(pair: PairUnderTest, column: str) -> None:
    record = a_record() | {column: "another value"}
    assert bodies(pair.walk().reads(**record)) == bodies(pair.walk().reads())


@pairs
@thorough
@given(data, st.sampled_from(FORMS))
def test_any_row_of_named_columns_becomes_events_or_says_why_not(
    pair: PairUnderTest, data: st.DataObject, form: dict
) -> None:
    walk = Walk(lambda: pair.from_columns(form))
    for made in made_twice(walk, {"uuid": None, **data.draw(pair.records)}):
        assert_is_json(made.body)
        pair.takes(made, pair.settings())
