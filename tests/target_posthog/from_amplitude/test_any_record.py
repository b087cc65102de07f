"""What holds for every record whatsoever, tried on whatever Hypothesis thinks of."""

from __future__ import annotations

import copy
import uuid
from contextlib import suppress
from itertools import chain
from typing import Any

import orjson
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from singer_delivery.model import Unmappable
from target_posthog import posthog
from target_posthog.from_amplitude import FromAmplitude
from target_posthog.from_amplitude.table import COLUMNS, COUNTED, DEAD_LETTERS, DROPPED
from target_posthog.from_columns import FromColumns
from target_posthog.settings import MappingSettings

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
from tests.target_posthog.from_amplitude.remembering import Importing

keys = sorted({
    *posthog.GUARDED_KEYS, *FromAmplitude(MappingSettings()).table.written, "amplitude_ip",
    "amplitude_title", "amplitude_amplitude_ip", "[Amplitude] Element Hierarchy", "$revenue",
    "[Amplitude] Element Attributes", "$price", "$quantity", "$currency",
})  # fmt: skip
LONG_IN_USE = Importing()
records = any_record.records(keys)
choices = st.builds(
    MappingSettings,
    link_identities=st.sampled_from(["alias", "identify", "none"]),
    person_properties=st.sampled_from(["set", "set_once", "none"]),
    person_profiles=st.sampled_from(["always", "identified_only"]),
    group_types=st.sampled_from([None, (), ("firm",)]),
    exclude_events=st.sampled_from([(), ("Play*",)]),
)


def walk_of(chosen: MappingSettings) -> Walk:
    return Walk(lambda: FromAmplitude(chosen))


@thorough
@given(records, choices)
@example({"event_type": "Played", "user_id": "u", "event_time": "2024-03-01"}, MappingSettings())
def test_any_record_becomes_events_or_says_why_not(record: dict, chosen: MappingSettings) -> None:
    result = outcome(walk_of(chosen), record)
    event("an event" if isinstance(result, Walked) else result[0])
    if not isinstance(result, Walked):
        assert result[0] in DEAD_LETTERS
        return
    assert {note.name for note in result.notes} <= COUNTED.keys()
    assert result.events or result.skipped
    for made in result.events:
        assert_posthog_takes(made.body)


def assert_posthog_takes(body: dict) -> None:
    assert_is_json(body)
    assert body["event"].strip()
    assert len(body["event"]) <= 200
    assert body["distinct_id"].strip()
    assert len(body["distinct_id"].encode()) <= 200
    assert str(uuid.UUID(body["uuid"])) == body["uuid"]
    assert body["properties"]["$geoip_disable"] is True


@thorough
@given(records, choices)
def test_the_same_record_gives_the_same_events_and_is_not_changed(
    record: dict, chosen: MappingSettings
) -> None:
    before = copy.deepcopy(record)
    first = outcome(walk_of(chosen), record)
    again = outcome(walk_of(chosen), dict(reversed(list(before.items()))))
    assert repr(record) == repr(before)
    assert repr(ordered(first)) == repr(ordered(again))


@thorough
@given(records, choices)
def test_compiled_tables_make_what_they_make_row_by_row(
    record: dict, chosen: MappingSettings
) -> None:
    outcome(walk_of(chosen), record)  # which holds one against the other


@thorough
@given(records)
def test_what_is_remembered_is_not_taken_for_another_value(record: dict) -> None:
    assert repr(outcome(LONG_IN_USE, record)) == repr(outcome(Importing(), record))


def test_compiled_tables_make_of_a_company_what_they_make_row_by_row() -> None:
    importing = Importing()
    for row in chain.from_iterable(Company(events=2_000).hours().values()):
        with suppress(Unmappable):
            importing.reads_row(orjson.loads(row))  # which holds one against the other
    assert len(importing.known.facts) > 100


@pytest.mark.parametrize(
    "column", ["user_properties", "event_properties", "new", "group_properties"]
)
def test_what_nests_deep_is_encoded_or_refused_at_every_depth(column: str) -> None:
    deep: Any = {"firm": {"f1": {"a": 1}}}
    results = set()
    for _ in range(270):
        deep = deeper(deep, column)
        result = outcome(Importing(), a_record(**{column: deep}))
        results.add(isinstance(result, Walked))
        for made in result.events if isinstance(result, Walked) else ():
            orjson.dumps(made.body)
    assert results == {True, False}


# What makes the event what it is; each has its golden cases.
OF_THE_ENVELOPE = {"uuid", "event_time", "event_type"}


@thorough
@given(
    st.dictionaries(
        st.sampled_from([*keys, "$set"]) | st.text("abc$_", min_size=1, max_size=6),
        st.none(),
        max_size=8,
    ),
    st.dictionaries(st.text("abc$_", min_size=1, max_size=6), st.none(), max_size=4),
    st.sampled_from(["Web", "iOS"]),
)
def test_no_key_vanishes(in_properties: dict, unknown: dict, platform: str) -> None:
    markers = {}
    event_properties = {key: mark(markers, "property", key) for key in in_properties}
    columns = sorted(COLUMNS - DROPPED.keys() - OF_THE_ENVELOPE - {"platform"})
    record = {key: mark(markers, "unknown", key) for key in unknown.keys() - COLUMNS}
    record |= {column: mark(markers, "column", column) for column in columns}
    record |= {"event_properties": event_properties, "platform": platform}
    mapped = Importing().reads(**record)
    sent = orjson.dumps([made.body for made in mapped.events]).decode()
    assert [what for marker, what in markers.items() if f'"{marker}"' not in sent] == [
        ("column", "event_properties")  # an object here: its keys have markers of their own
    ]


@pytest.mark.parametrize("column", sorted(COLUMNS - DROPPED.keys()))
def test_every_column_that_travels_changes_what_is_sent(column: str) -> None:
    without = Importing().reads(device_id="d0")
    record = a_record(device_id="d0") | {column: MEANINGFUL.get(column, "another value")}
    assert bodies(Importing().reads(**record)) != bodies(without)


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
    walk = Walk(lambda: FromColumns("orders", form, ["uuid"], MappingSettings()))
    for made in made_twice(walk, {"uuid": None, **record}):
        assert_posthog_takes(made.body)
