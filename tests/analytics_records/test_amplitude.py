"""What Amplitude's records say, whatever the destination."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records import devices
from analytics_records.amplitude import fields
from analytics_records.amplitude.groups import keys_by_type, properties_by_group
from analytics_records.amplitude.operations import changes
from analytics_records.amplitude.record import (
    TIME_COLUMNS,
    _believable,
    event_uuid,
    is_web,
    link_uuid,
    when_was,
)
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Note, Unmappable

from tests.pairs.walk import AT_10, T10, T11, UUID

SECOND, HOUR = 1_000_000, 3_600_000_000
UPLOADED = {"server_upload_time": "2024-03-01 10:00:05.000000"}


@pytest.mark.parametrize(
    ("times", "at", "column"),
    [
        ({"event_time": T10}, AT_10, "event_time"),
        ({"event_time": "2024-03-02 10:00:05.000000"}, AT_10 + 24 * HOUR + 5 * SECOND,
         "event_time"),
        ({"event_time": "2024-03-02 10:00:05.000001"}, AT_10 + 5 * SECOND, "server_upload_time"),
        ({"event_time": "1999-12-31 23:59:59", "client_event_time": T10}, AT_10,
         "client_event_time"),
        ({"event_time": "2000-01-01"}, 946_684_800 * SECOND, "event_time"),
        ({"event_time": "soon", "server_received_time": T10}, AT_10, "server_received_time"),
        ({"event_time": 7}, AT_10 + 5 * SECOND, "server_upload_time"),
        ({"event_time": "2030-01-01", "server_upload_time": None}, 1_893_456_000 * SECOND,
         "event_time"),
        ({"event_time": "2024-03-03", "server_upload_time": "1970-01-01",
          "server_received_time": T10}, AT_10, "server_received_time"),
    ],
)  # fmt: skip
def test_a_time_is_the_first_that_can_be_true(times: dict, at: int, column: str) -> None:
    notes: list[Note] = []
    found, said_by = when_was({**UPLOADED, **times}, notes)
    assert (found.at, said_by) == (at, column)
    assert notes == ([] if column == "event_time" else [Note("clock_fallback", column)])


TIMES = st.sampled_from([
    None, T10, T11, T10.replace(" ", "T"), "2024-03-02 10:00:00.000001", "2024-03-01",
    "1999-12-31 23:59:59.999999", "2000-01-01 00:00:00.000000", "2024-02-30 10:00:00.000000",
    "soon", 7, "2024-03-01 10:00:00.00000Z",
])  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(TIME_COLUMNS, TIMES)))
def test_the_usual_case_is_decided_as_all_others_are(times: dict) -> None:
    both = []
    for decide in (when_was, _believable):
        notes: list[Note] = []
        try:
            both.append((decide(times, notes), notes))
        except Unmappable as error:
            both.append(str(error))
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ({}, "no_time"),
        ({"event_time": "soon"}, "no_time"),
        ({"event_time": "1970-01-01"}, "time_out_of_range"),
        ({"event_time": "1970-01-01", "client_event_time": "soon"}, "time_out_of_range"),
    ],
)
def test_without_a_possible_time_there_is_no_event(times: dict, reason: str) -> None:
    with pytest.raises(Unmappable) as caught:
        when_was(times, [])
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"uuid": UUID.upper()}, UUID),
        ({"uuid": "x", "app": 1, "device_id": "d", "$insert_id": "i"},
         stable_uuid("event", "1", "d", "i")),
        ({"app": 1, "$insert_id": 7}, stable_uuid("event", "1", "null", "7")),
    ],
)  # fmt: skip
def test_the_uuid_is_the_records_or_made_of_it(ids: dict, expected: str) -> None:
    assert event_uuid(ids) == expected


def test_without_ids_the_uuid_is_of_all_that_came_from_the_source() -> None:
    one = event_uuid({"event_type": "a", "b": 1})
    assert one == event_uuid({"b": 1, "event_type": "a", "_sdc_x": 1, "_dead_letter": {}})
    assert one != event_uuid({"event_type": "a", "b": 2})


@pytest.mark.parametrize(
    ("platform", "web"), [("Web", True), (" web ", True), ("iOS", False), (None, False), (1, False)]
)
def test_only_the_web_is_the_web(platform: object, web: object) -> None:
    assert is_web({"platform": platform}) == web


def test_the_uuid_of_a_link_is_of_its_app_user_and_device() -> None:
    assert link_uuid({"app": 1}, "u", "d") == stable_uuid("link", "1", "u", "d")


def test_operations_are_read_and_those_without_counterpart_counted() -> None:
    notes: list[Note] = []
    given = {
        "a": 1,
        "nothing": "",
        "initial_gclid": "EMPTY",
        "$set": {"b": 2, "c": None},
        "$setOnce": {"d": 3, "utm_source": "EMPTY"},
        "$unset": {"e": "-"},
        "$add": {"f": 1},
    }
    assert changes(given, notes) == Changes({"a": 1, "b": 2}, {"d": 3}, ["c", "e"])
    assert notes == [Note("operations_without_counterpart", "$add")]


def test_an_operation_of_the_wrong_shape_is_counted() -> None:
    notes: list[Note] = []
    assert changes({"$set": 1, "$setOnce": [2], "$unset": "x"}, notes) == Changes()
    assert [note.example for note in notes] == ["$set", "$setOnce", "$unset"]


def test_empty_changes_are_no_operations() -> None:
    assert Changes().as_properties() == {}
    assert list(Changes({"a": 1}, {}, ["b"]).as_properties()) == ["$set", "$unset"]


@pytest.mark.parametrize(
    ("groups", "keys"),
    [
        ({"firm": ["f1", 2, None, ""]}, {"firm": ["f1", "2"]}),
        ({"firm": "f1", "": ["x"], "none": []}, {"firm": ["f1"]}),
        ([], {}),
    ],
)
def test_a_record_names_its_groups(groups: Any, keys: dict) -> None:
    assert keys_by_type(groups) == keys


@pytest.mark.parametrize(
    ("told", "by_group"),
    [
        ({"firm": {"f1": {"a": 1}}}, {("firm", "f1"): {"a": 1}}),
        ({"$set": {"a": 1}}, {("firm", "f1"): {"$set": {"a": 1}},
                              ("firm", "f2"): {"$set": {"a": 1}}}),
        ({"firm": {"": {"a": 1}, "f1": 3}, "": {"f1": {"a": 1}}, "x": 1}, {}),
        ({}, {}),
        ("x", {}),
    ],
)  # fmt: skip
def test_a_record_says_something_of_groups(told: Any, by_group: dict) -> None:
    assert properties_by_group(told, {"firm": ["f1", "f2"]}) == by_group


@pytest.mark.parametrize(
    ("convert", "given", "expected"),
    [
        (fields.app_system, "ios", "iOS"),
        (fields.app_system, "Plan 9", "Plan 9"),
        (fields.app_system, 9, 9),
        (devices.carrier, "--", None),
        (devices.carrier, "Tin Can", "Tin Can"),
        (fields.country, "Germany", "DE"),
        (fields.country, 49, None),
        (fields.attribution, "EMPTY", None),
        (fields.id_text, " u ", "u"),
        (fields.id_text, [1], [1]),
        (fields.original_if_no_object, {}, None),
        (fields.original_if_no_object, "x", "x"),
        (devices.system_of, "iphone 15", "iOS"),
        (devices.system_of, "windows phone 8", "Windows Phone"),
        (devices.system_of, "toaster", None),
    ],
)
def test_a_field_is_converted(convert: Any, given: Any, expected: Any) -> None:
    assert convert(given) == expected
