"""What holds for every record whatsoever, tried on whatever Hypothesis thinks of."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from singer_delivery.events import Mapped, Unmappable
from target_posthog.mappings import amplitude, outcomes, posthog
from target_posthog.mappings.amplitude import AmplitudeMapping
from target_posthog.mappings.amplitude_table import COLUMNS, DROPPED
from target_posthog.mappings.plain import PlainMapping
from target_posthog.mappings.settings import MappingSettings

from tests.target_posthog.mappings.remembering import Importing, Remembering, a_record

thorough = settings(deadline=None, max_examples=200)

texts = st.text(st.characters(codec=None), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from(["\0", "EMPTY"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([
    *sorted(posthog.GUARDED_KEYS), *sorted(amplitude._WRITTEN), "amplitude_ip", "amplitude_title",
    "amplitude_amplitude_ip", "$set", "$add", "[Amplitude] Element Hierarchy", "$revenue",
    "[Amplitude] Element Attributes", "$price", "$quantity", "$currency",
])  # fmt: skip
objects = st.dictionaries(keys | texts, values, max_size=6)
likely = {
    "event_type": st.sampled_from(
        ["Played", "$identify", "$groupidentify", "revenue_amount", "[Amplitude] Element Clicked"]
    ),
    "event_time": st.sampled_from(["2024-03-01 10:00:00.000000", "2099-01-01", "soon"]),
    "user_id": st.sampled_from(["u1", " u1 ", "null", 7, "x" * 300]),
    "device_id": st.sampled_from(["d1", "u1", ""]),
    "event_properties": objects,
    "user_properties": objects,
    "groups": st.dictionaries(texts, values, max_size=7),
    "group_properties": st.dictionaries(
        texts, st.dictionaries(texts, objects, max_size=2), max_size=3
    ),
}
# Most records have what makes them events, or nothing but dead letters would be tried.
NEEDED = ("event_type", "event_time", "user_id", "event_properties", "user_properties")
REST = {key: likely[key] for key in likely.keys() - NEEDED}
complete = st.fixed_dictionaries({key: likely[key] for key in NEEDED}, optional=REST)
partial = st.fixed_dictionaries({}, optional=likely)
records = st.builds(
    lambda some, others, unknown: {**unknown, **others, **some},
    st.integers(0, 3).flatmap(lambda of_four: partial if of_four == 0 else complete),
    st.dictionaries(st.sampled_from(sorted(COLUMNS)), values, max_size=8),
    st.dictionaries(texts, values, max_size=2),
)
choices = st.builds(
    MappingSettings,
    link_identities=st.sampled_from(["alias", "identify", "none"]),
    person_properties=st.sampled_from(["set", "set_once", "none"]),
    person_profiles=st.sampled_from(["always", "identified_only"]),
    group_types=st.sampled_from([None, (), ("firm",)]),
    exclude_events=st.sampled_from([(), ("Play*",)]),
)


def outcome(mapping: Any, record: dict) -> Mapped | tuple[str, str]:
    try:
        return mapping(record, Remembering())
    except Unmappable as error:
        return (error.reason, error.detail)


@thorough
@given(records, choices)
@example({"event_type": "Played", "user_id": "u", "event_time": "2024-03-01"}, MappingSettings())
def test_any_record_becomes_events_or_says_why_not(record: dict, chosen: MappingSettings) -> None:
    result = outcome(AmplitudeMapping(chosen), record)
    event("an event" if isinstance(result, Mapped) else result[0])
    if not isinstance(result, Mapped):
        assert result[0] in outcomes.DEAD_LETTERS
        return
    assert {note.name for note in result.notes} <= outcomes.COUNTED.keys()
    assert result.events or result.skipped
    for made in result.events:
        assert_posthog_takes(made.body)


def assert_posthog_takes(body: dict) -> None:
    sent = orjson.loads(orjson.dumps(body))
    assert sent == body, "not JSON as it stands: NaN, a tuple, a key that is no text"
    assert "\0" not in orjson.dumps(body).decode("unicode_escape", "replace")
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
    first = outcome(AmplitudeMapping(chosen), record)
    again = outcome(AmplitudeMapping(chosen), dict(reversed(list(before.items()))))
    assert repr(record) == repr(before)
    assert repr(ordered(first)) == repr(ordered(again))


def ordered(result: Any) -> Any:
    """Forget the order of keys, which is that of the record."""
    if not isinstance(result, Mapped):
        return result
    bodies = [orjson.dumps(made.body, option=orjson.OPT_SORT_KEYS) for made in result.events]
    return bodies, result.skipped, sorted(map(repr, result.notes))


@pytest.mark.parametrize(
    "column", ["user_properties", "event_properties", "new", "group_properties"]
)
def test_what_nests_deep_is_encoded_or_refused_at_every_depth(column: str) -> None:
    deep: Any = {"firm": {"f1": {"a": 1}}}
    results = set()
    for _ in range(270):
        deep = nested(deep, column)
        result = outcome(AmplitudeMapping(MappingSettings()), a_record(**{column: deep}))
        results.add(isinstance(result, Mapped))
        for made in result.events if isinstance(result, Mapped) else ():
            orjson.dumps(made.body)
    assert results == {True, False}


def nested(deep: Any, column: str) -> Any:
    if column == "group_properties":
        return {"firm": {"f1": {"a": [deep["firm"]["f1"]["a"]]}}}
    return {"a": [deep]} if column.endswith("properties") else [deep]


# What makes the event what it is; each has its golden cases.
OF_THE_ENVELOPE = {"uuid", "event_time", "event_type"}


@thorough
@given(
    st.dictionaries(keys | st.text("abc$_", min_size=1, max_size=6), st.none(), max_size=8),
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


def mark(markers: dict, *what: str) -> str:
    marker = f"marker-{len(markers)}"
    markers[marker] = what
    return marker


@pytest.mark.parametrize("column", sorted(COLUMNS - DROPPED.keys()))
def test_every_column_that_travels_changes_what_is_sent(column: str) -> None:
    meaningful = {
        "event_properties": {"a": 1},
        "user_properties": {"a": 1},
        "groups": {"firm": ["f1"]},
        "group_properties": {"firm": {"f1": {"a": 1}}},
        "event_time": "2024-03-01 11:00:00",
    }
    without = Importing().reads(device_id="d0")
    record = a_record(device_id="d0") | {column: meaningful.get(column, "another value")}
    assert bodies(Importing().reads(**record)) != bodies(without)


@pytest.mark.parametrize("column", sorted(DROPPED))
def test_every_column_that_is_dropped_changes_nothing(column: str) -> None:
    record = a_record() | {column: "another value"}
    assert bodies(Importing().reads(**record)) == bodies(Importing().reads())


def bodies(mapped: Mapped) -> list[dict]:
    return [made.body for made in mapped.events]


FORMS = [
    {"event": "Ordered", "distinct_id": "user_id", "timestamp": "event_time", "uuid": "uuid"},
    {"person": "user_id", "timestamp": "event_time"},
    {"group": "firm", "key": "device_id"},
]


@thorough
@given(records, st.sampled_from(FORMS))
def test_any_row_of_a_plain_stream_becomes_events_or_says_why_not(record: dict, form: dict) -> None:
    before = copy.deepcopy(record)
    result = outcome(PlainMapping("orders", form, ["uuid"], MappingSettings()), record)
    again = outcome(PlainMapping("orders", form, ["uuid"], MappingSettings()), record)
    assert repr(record) == repr(before)
    assert repr(result) == repr(again)
    for made in result.events if isinstance(result, Mapped) else ():
        assert_posthog_takes(made.body)
