"""What is observed of an Amplitude record: fast or slow, and the same either way."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from analytics_records.amplitude.groups import groups_in
from analytics_records.amplitude.source import Amplitude
from hypothesis import example, given
from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation, State
from singer_delivery.mapping.values import digest
from singer_delivery.model import Note, Unmappable

from tests.pairs.any_record import records, thorough
from tests.pairs.walk import AT_10, a_record

KEYS = ["$set", "utm_source", "initial_gclid", "plan"]
PLACE = ("city", "country")


def carefully(source: Amplitude, line: bytes) -> Observation:
    """Return what is observed when the record is read completely."""
    return source._observed_of(read(line, is_message=False, service="Elsewhere"))


def observed(source: Amplitude, line: bytes) -> Observation:
    """Observe a line, and hold it against what a message comes to."""
    message = b'{"type":"RECORD","stream":"events","record":%b}' % line
    seen = source.observe(line, is_message=False)
    assert seen == source.observe(message, is_message=True)
    return seen


def seen(**fields: Any) -> Observation:
    return observed(Amplitude("Elsewhere"), orjson.dumps(a_record(**fields)))


@thorough
@given(records(KEYS))
@example({"user_id": "u1", "amplitude_id": 12})
@example({"user_id": True, "device_id": 7, "amplitude_id": 2**63})
@example({"amplitude_id": 1.0, "event_type": 5, "event_time": 7})
@example({"user_properties": {"a": float("1e308")}, "groups": {"firm": 7}})
def test_both_ways_of_reading_a_record_come_to_the_same(record: dict) -> None:
    try:
        clean = readable(record, "Elsewhere")
    except Unmappable:
        return
    for source in (Amplitude("Elsewhere"), Amplitude("Elsewhere", PLACE)):
        line = orjson.dumps(clean)
        fast = attempt(observed, source, line)
        assert fast == attempt(carefully, source, line)
        spaced = json.dumps(clean, indent=1).replace("\n", " ").encode()
        assert attempt(observed, source, spaced) == fast


def attempt(read: Any, source: Amplitude, line: bytes) -> Any:
    """Return what is read, or why nothing is: an id that is a float others are rounded to."""
    try:
        return read(source, line)
    except Unmappable as error:
        return error.reason


@thorough
@given(records(KEYS))
def test_it_is_what_the_columns_say(record: dict) -> None:
    try:
        line = orjson.dumps(readable(record, "Elsewhere"))
    except Unmappable:
        return
    found = attempt(observed, Amplitude("Elsewhere"), line)
    if found == "inexact_id":
        return
    clean = read(line, is_message=False, service="Elsewhere")
    told = clean.get("user_properties")
    says_something = isinstance(told, dict) and bool(told)
    assert found.person.digest == (digest(told) if says_something else "")
    assert found.groups == groups_in(clean, is_call=found.name == "$groupidentify")


def test_a_usual_record_is_read_without_its_other_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Amplitude, "_observed_of")
    found = seen(device_id="d1", amplitude_id=12, city="München", user_properties={"a": "x\n"})
    assert (found.name, found.user, found.device, found.source_id) == ("Played", "u1", "d1", 12)
    assert (found.at, found.time_column, found.notes) == (AT_10, "event_time", ())


@pytest.mark.parametrize(
    "unusual",
    [
        b'{"user_id":7}',
        b'{"user_id":true}',
        b'{"amplitude_id":9223372036854775808}',
        b'{"event_type":"x\\u0000"}',
        b'{"user_properties":{"a":1e999}}',
        b'{"city":"\\ud83d"}',
        b'{"event_time":12}',
    ],
)
def test_an_unusual_record_is_read_completely(unusual: bytes) -> None:
    source = Amplitude("Elsewhere")
    assert source.observe(unusual, is_message=False) == carefully(source, unusual)


@pytest.mark.parametrize("line", [b"[1]", b"", b'{"user_id":"\xff"}', b'{"a":NaN'])
def test_a_line_that_is_no_record_is_refused_whatever_column_is_wrong(line: bytes) -> None:
    source = Amplitude("Elsewhere")
    for text, is_message in ((line, False), (b'{"record":%b}' % line, True)):
        with pytest.raises(Unmappable) as caught:
            source.observe(text, is_message=is_message)
        assert caught.value.reason == "bad_line"


@pytest.mark.parametrize("column", ["user_properties", "groups", "group_properties"])
def test_what_nests_too_deep_for_a_digest_is_refused(column: str) -> None:
    deep = b"[" * 300 + b"1" + b"]" * 300
    if column == "group_properties":
        deep = b'{"firm":{"f1":{"a":%b}}}' % deep
    line = b'{"%b":{"a":%b}}' % (column.encode(), deep)
    with pytest.raises(Unmappable, match="Elsewhere cannot read it") as caught:
        Amplitude("Elsewhere").observe(line, is_message=False)
    assert caught.value.reason == "nested_too_deep"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (None, NOTHING),
        ({}, NOTHING),
        ("x", NOTHING),
        ([1], NOTHING),
        ({"a": None}, State(digest({"a": None}), unsets=True)),
        ({"initial_gclid": None}, State(digest({"initial_gclid": None}))),
        ({"$clearAll": "-"}, State(digest({"$clearAll": "-"}), is_partial=True, clears=True)),
        ({"utm_source": "EMPTY", "b": ""}, State(digest({"utm_source": "EMPTY", "b": ""}))),
        ({"a": "EMPTY"}, State(digest({"a": "EMPTY"}), sets=True)),
        ({"a": 1}, State(digest({"a": 1}), sets=True)),
        ({"$unset": {"a": 1}}, State(digest({"$unset": {"a": 1}}), is_partial=True, unsets=True)),
        (
            {"$setOnce": {"a": 1}, "$add": {"b": 1}},
            State(
                digest({"$setOnce": {"a": 1}, "$add": {"b": 1}}),
                is_partial=True,
                sets_once=True,
                notes=(Note("operations_without_counterpart", "$add"),),
            ),
        ),
    ],
)
def test_the_state_of_a_person_is_what_its_properties_change(told: Any, state: State) -> None:
    assert seen(user_properties=told).person == state


def test_the_state_may_count_columns_beside_the_properties() -> None:
    source = Amplitude("Elsewhere", PLACE)
    found = observed(source, orjson.dumps(a_record(user_properties={"a": 1}, city="Bonn")))
    assert found.person.digest == digest([{"a": 1}, "Bonn", None])
    assert orjson.loads(found.person.json) == {"a": 1}


def test_key_order_and_spaces_make_no_other_state() -> None:
    source = Amplitude("Elsewhere")
    one = source.observe(b'{"user_properties":{"a":1,"b":{"c":2,"d":3}}}', is_message=False)
    other = source.observe(b'{"user_properties": {"b":{"d":3, "c":2},"a":1}}', is_message=False)
    assert one.person.digest == other.person.digest
    assert one.person.digest == digest({"a": 1, "b": {"c": 2, "d": 3}})


def test_a_call_about_groups_also_speaks_of_those_it_only_names() -> None:
    groups = {"firm": ["f1"]}
    assert seen(groups=groups).groups.snapshots == ()
    (snapshot,) = seen(groups=groups, event_type="$groupidentify").groups.snapshots
    assert (snapshot.group, snapshot.properties) == (("firm", "f1"), {})
    assert seen().groups is NO_GROUPS


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ({"event_time": None, "server_upload_time": None}, "no_time"),
        ({"event_time": "1970-01-01", "server_upload_time": None}, "time_out_of_range"),
    ],
)
def test_a_record_without_a_time_says_why(times: dict, reason: str) -> None:
    found = seen(**times)
    assert (found.at, found.time_column) == (0, "")
    assert found.refused is not None
    assert found.refused[0] == reason


def test_a_time_of_another_column_is_counted() -> None:
    found = seen(event_time="soon", client_event_time="2024-03-01 10:00:00")
    assert (found.at, found.time_column) == (AT_10, "client_event_time")
    assert found.notes == (Note("clock_fallback", "client_event_time"),)
