"""What holds for every record whatsoever, tried on whatever Hypothesis thinks of."""

from __future__ import annotations

import copy
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from singer_delivery.model import Unmappable
from target_mixpanel import mixpanel
from target_mixpanel.from_amplitude import FromAmplitude, table
from target_mixpanel.from_amplitude.table import COLUMNS, DROPPED
from target_mixpanel.from_columns import FromColumns

from tests.fakes.company import Company
from tests.pairs import any_record
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
from tests.pairs.walk import Walk, Walked, a_record, bodies, the
from tests.target_mixpanel.importing import (
    Importing,
    assert_mixpanel_takes,
    settings,
    years_later,
)

if TYPE_CHECKING:
    from target_mixpanel.settings import MappingSettings

TAKEN = FromAmplitude(settings()).destination._events.taken
keys = sorted({
    *TAKEN, "amplitude_ip", "firm", "amplitude_time", "amplitude_amplitude_ip", "user.plan",
    "referrer", "amplitude_overflow", "[Amplitude] Page URL",
})  # fmt: skip
LONG_IN_USE = Importing()
records = any_record.records([*keys, *mixpanel.GUARDED_PROFILE_KEYS, "email", "initial_gclid"])
choices = st.builds(
    settings,
    identity_merge=st.sampled_from(["simplified", "original"]),
    user_properties_on_events=st.booleans(),
    profiles=st.booleans(),
    groups=st.booleans(),
    group_keys=st.sampled_from([{}, {"firm": "company", "a": "company"}]),
    geolocate_ip=st.booleans(),
    skip_expired=st.booleans(),
    now=st.sampled_from([years_later(1, 0), years_later(3, 0)]),
    exclude_events=st.sampled_from([(), ("Play*",)]),
)


@thorough
@given(records, choices)
@example({"event_type": "Played", "user_id": "u", "event_time": "2024-03-01"}, settings())
def test_any_record_becomes_events_or_says_why_not(record: dict, chosen: MappingSettings) -> None:
    result = outcome(walk(chosen), record)
    event("an event" if isinstance(result, Walked) else result[0])
    if not isinstance(result, Walked):
        assert result[0] in table.DEAD_LETTERS
        return
    assert {note.name for note in result.notes} <= table.COUNTED.keys()
    assert result.events or result.skipped
    assert_rule_is_named(result.skipped)
    for made in result.events:
        assert_is_json(made.body)
        assert_mixpanel_takes(made, chosen.identity_merge)


def walk(chosen: MappingSettings) -> Walk:
    return Walk(lambda: FromAmplitude(chosen))


def assert_rule_is_named(skipped: str | None) -> None:
    rule = (skipped or "expired").partition(": ")[0]
    assert any(named.partition(": ")[0] == rule for named in table.SKIPPED)


@thorough
@given(records, choices)
def test_the_same_record_gives_the_same_events_and_is_not_changed(
    record: dict, chosen: MappingSettings
) -> None:
    before = copy.deepcopy(record)
    first = outcome(walk(chosen), record)
    again = outcome(walk(chosen), copy.deepcopy(before))
    turned = outcome(walk(chosen), dict(reversed(list(before.items()))))
    assert repr(record) == repr(before)
    assert repr(first) == repr(again)
    assert repr(ordered(first)) == repr(ordered(turned))


@thorough
@given(records)
def test_what_is_remembered_is_not_taken_for_another_value(record: dict) -> None:
    fresh = Importing()
    assert repr(outcome(LONG_IN_USE, record)) == repr(outcome(fresh, record))


def test_compiled_tables_make_of_a_company_what_they_make_row_by_row() -> None:
    importing = Importing()
    for row in chain.from_iterable(Company(events=2_000).hours().values()):
        with suppress(Unmappable):
            importing.reads_row(orjson.loads(row))  # a walk holds one against the other
    assert len(importing.known.facts) > 100


@thorough
@given(records, choices)
def test_updates_of_one_record_never_take_each_others_place(
    record: dict, chosen: MappingSettings
) -> None:
    result = outcome(walk(chosen), record)
    made = result.events if isinstance(result, Walked) else ()
    places = [(update.endpoint, update.order) for update in made if update.deferred]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    "column", ["user_properties", "event_properties", "new", "group_properties"]
)
def test_what_nests_deep_is_fitted_or_refused_at_every_depth(column: str) -> None:
    deep: Any = {"firm": {"f1": {"a": 1}}}
    results = set()
    for _ in range(270):
        deep = deeper(deep, column)
        result = outcome(Importing(), a_record(**{column: deep}))
        results.add(isinstance(result, Walked))
        for made in result.events if isinstance(result, Walked) else ():
            assert_mixpanel_takes(made)
    assert results == {True, False}


# What makes the event what it is; each has its golden cases.
OF_THE_ENVELOPE = {"uuid", "event_time", "event_type"}


@thorough
@given(
    st.dictionaries(
        st.sampled_from(keys) | st.text("abc$_", min_size=1, max_size=6), st.none(), max_size=8
    ),
    st.dictionaries(st.text("abc$_", min_size=1, max_size=6), st.none(), max_size=4),
    st.sampled_from(["Web", "iOS"]),
    st.sampled_from(["simplified", "original"]),
    st.sampled_from([0, 400]),
)
def test_no_key_vanishes(
    in_properties: dict, unknown: dict, platform: str, identity_merge: str, more: int
) -> None:
    markers: dict = {}
    named = [*in_properties, *(f"more{n}" for n in range(more))]
    event_properties = {key: mark(markers, "property", key) for key in named}
    columns = sorted(COLUMNS - DROPPED.keys() - OF_THE_ENVELOPE - {"platform", "ip_address"})
    record = {key: mark(markers, "unknown", key) for key in unknown.keys() - COLUMNS}
    record |= {column: mark(markers, "column", column) for column in columns}
    record |= {"event_properties": event_properties, "platform": platform}
    record |= {"ip_address": "203.0.113.9"}  # the one that is not to be found again
    mapped = Importing(identity_merge=identity_merge).reads(**record)
    sent = orjson.dumps([made.body for made in mapped.events]).decode()
    assert "203.0.113.9" not in sent
    assert [what for marker, what in markers.items() if f'"{marker}"' not in sent] == [
        ("column", "event_properties")  # an object here: its keys have markers of their own
    ]


@pytest.mark.parametrize("column", sorted(COLUMNS - DROPPED.keys()))
def test_every_column_that_travels_changes_what_is_sent(column: str) -> None:
    chosen = {"geolocate_ip": True}
    without = Importing(**chosen).reads(device_id="d0")
    record = a_record(device_id="d0") | {column: MEANINGFUL.get(column, "another value")}
    assert bodies(Importing(**chosen).reads(**record)) != bodies(without)


@pytest.mark.parametrize("missing", sorted(COLUMNS - {"event_type", "user_id", "event_time"}))
def test_an_unknown_column_in_the_place_of_a_known_one_is_kept(missing: str) -> None:
    record = {**dict.fromkeys(COLUMNS), **a_record()}
    del record[missing]
    event = the("event", Importing().reads_row({**record, "new": "NEW", "location_lat": 1.5}))
    assert event.body["properties"]["amplitude_new"] == "NEW"
    assert 1.5 in event.body["properties"].values()


@pytest.mark.parametrize("column", sorted(DROPPED))
def test_every_column_that_is_dropped_changes_nothing(column: str) -> None:
    record = a_record() | {column: "another value"}
    assert bodies(Importing().reads(**record)) == bodies(Importing().reads())


@thorough
@given(records, st.sampled_from(FORMS))
def test_any_row_of_a_plain_stream_becomes_events_or_says_why_not(record: dict, form: dict) -> None:
    record = {"uuid": None, **record}
    walk = Walk(lambda: FromColumns("orders", form, ["uuid"], settings()))
    for made in made_twice(walk, record):
        assert_is_json(made.body)
        assert_mixpanel_takes(made)
