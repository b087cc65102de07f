"""What Amplitude's records say, whatever the destination."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records.amplitude import fields
from analytics_records.amplitude.groups import keys_by_type, properties_by_group
from analytics_records.amplitude.identity import Link, link_due
from analytics_records.amplitude.operations import Changes, changes
from analytics_records.amplitude.reading import (
    TIME_COLUMNS,
    Reading,
    Who,
    _believable,
    event_uuid,
    is_web,
    link_uuid,
    read,
    when_was,
)
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Fact, Note, Unmappable

from tests.singer_delivery.sources.remembering import AT_10, T10, T11, UUID, Remembering, a_record

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


# Whose device it is -------------------------------------------------------------------------


def reading(
    user: str | None,
    device: str | None,
    *known: Fact,
    links: bool = True,
    devices_apart: bool = False,
) -> Reading:
    past = Remembering()
    past.facts = {(fact.kind, fact.name): fact for fact in known}
    return read(
        a_record(event_time=T11),
        "Played",
        past,
        lambda *_: Who(user, device, user or device or ""),
        links=links,
        devices_apart=devices_apart,
    )


OWNER = Fact("owner", "d1", "u1", AT_10)


@pytest.mark.parametrize(
    ("it", "person", "own_device"),
    [
        (reading("u1", "d1"), "u1", "d1"),
        (reading("u1", "d1", OWNER), "u1", "d1"),
        (reading("u2", "d1", OWNER), "u2", None),
        (reading(None, "d1", OWNER), "u1", None),
        (reading(None, "d1"), "d1", None),
        (reading(None, "d1", OWNER, links=False), "d1", None),
        (reading("u1", "d1", links=False), "u1", None),
        (reading("same", "same"), "same", None),
        (reading("same", "same", devices_apart=True), "same", "same"),
        (reading(None, None), "", None),
    ],
)
def test_a_record_keeps_the_order_of_its_user_or_of_the_owner_of_its_device(
    it: Reading, person: str, own_device: str | None
) -> None:
    assert (it.person, it.own_device) == (person, own_device)


def test_the_first_record_with_a_pair_claims_the_device() -> None:
    claim = OWNER._replace(at=AT_10 + HOUR)
    due = link_due(reading("u1", "d1"))
    assert due == Link(claim, (claim,))
    assert (due.device, due.user, due.told) == ("d1", "u1", claim._replace(kind="link"))


def test_a_link_that_was_not_told_is_due_as_it_was_claimed() -> None:
    assert link_due(reading("u1", "d1", OWNER)) == Link(OWNER, ())


@pytest.mark.parametrize(
    "it",
    [
        reading("u1", "d1", OWNER, OWNER._replace(kind="link")),
        reading(None, "d1", OWNER),
        reading("u1", None),
        reading("u2", "d1", OWNER),
        reading("u1", "d1", links=False),
    ],
)
def test_otherwise_no_link_is_due(it: Reading) -> None:
    assert link_due(it) is None
    is_conflict = (it.who.user, it.who.device) == ("u2", "d1")
    assert [note.name for note in it.notes] == ["identity_conflict"] * is_conflict


def test_the_uuid_of_a_link_is_of_its_app_user_and_device() -> None:
    assert link_uuid({"app": 1}, "u", "d") == stable_uuid("link", "1", "u", "d")


# Names, choice, properties ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sent_as"),
    [("Old", "New"), ("Page", "Mine"), ("Theirs", "$theirs"), ("$x", "p_x"), ("Any", "Any")],
)
def test_an_event_is_called_as_the_user_says_else_as_there_else_as_it_is(
    name: str, sent_as: str
) -> None:
    renamed, theirs = {"Old": "New", "Page": "Mine"}, {"Page": "$page", "Theirs": "$theirs"}
    names = EventNames(renamed, theirs, lambda name: name.replace("$", "p_"), 10, "Elsewhere")
    assert names.sent_as(name) == sent_as
    with pytest.raises(Unmappable, match="has 11 characters, Elsewhere takes 10") as caught:
        names.sent_as("n" * 11)
    assert caught.value.reason == "event_name_too_long"


@pytest.mark.parametrize(
    ("include", "exclude", "name", "rule"),
    [
        ((), (), "Paused", None),
        (("Play*",), (), "Played", None),
        (("Play*",), (), "Paused", "not included: Paused"),
        (("played",), (), "Played", "not included: Played"),
        ((), ("[Amplitude] *",), "[Amplitude] Page", None),
        ((), ("[Amplitude] Page",), "[Amplitude] Page", "excluded: [Amplitude] Page"),
        ((), ("P?used", "Other"), "Other", "excluded: Other"),
        (("P*",), ("Pa*",), "Paused", "excluded: Paused"),
    ],
)
def test_events_are_chosen_by_name(
    include: tuple, exclude: tuple, name: str, rule: str | None
) -> None:
    assert Choice(include, exclude).leaves_out(name) == rule


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
    assert changes(given, notes) == Changes({"a": 1, "b": 2}, {"d": 3}, ["e"])
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
        (fields.carrier, "--", None),
        (fields.carrier, "Tin Can", "Tin Can"),
        (fields.country, "Germany", "DE"),
        (fields.country, 49, None),
        (fields.attribution, "EMPTY", None),
        (fields.id_text, " u ", "u"),
        (fields.id_text, [1], [1]),
        (fields.original_if_no_object, {}, None),
        (fields.original_if_no_object, "x", "x"),
        (fields.system_of, "iphone 15", "iOS"),
        (fields.system_of, "windows phone 8", "Windows Phone"),
        (fields.system_of, "toaster", None),
    ],
)
def test_a_field_is_converted(convert: Any, given: Any, expected: Any) -> None:
    assert convert(given) == expected
