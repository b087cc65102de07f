"""Whose an event is in PostHog, and which links are sent: each once, into the user."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.analytics_records.mixpanel.rows import UUID, tapped
from tests.pairs.walk import note_names
from tests.target_posthog.from_mixpanel.importing import Importing, event_of, links_of

A_UUID = "18cf5f53-1f3a-4d0b-9a53-3a3a3a3a3a3a"
BEFORE = "__distinct_id_before_identity"


def at(minute: int) -> str:
    return f"2024-03-01T10:{minute:02}:00.000Z"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"__user_id": "ann", "__device_id": "d", "distinct_id": "ann"}, "ann"),
        ({"__device_id": "d", "distinct_id": "$device:d"}, "d"),
        ({"distinct_id": " $device:d "}, "d"),
        ({"__device_id": "d", "distinct_id": "ann", BEFORE: "$device:d"}, "d"),
        ({"__device_id": "d", "distinct_id": "ann", "__user_id": "ann", BEFORE: "$device:d"}, "d"),
        ({"distinct_id": "ann", BEFORE: "b1"}, "b1"),
        ({"distinct_id": "ann"}, "ann"),
        ({"distinct_id": 12345678901234567890}, "12345678901234567890"),
        ({"distinct_id": A_UUID}, A_UUID),
        ({}, f"mixpanel:{UUID}"),
        ({"distinct_id": "undefined", "__user_id": "0"}, f"mixpanel:{UUID}"),
    ],
)
@pytest.mark.parametrize("mode", ["simplified", "original", None])
def test_an_event_goes_under_the_id_as_ingested(
    properties: dict[str, Any], expected: str, mode: str | None
) -> None:
    assert event_of(Importing().row(mode=mode, **properties))["distinct_id"] == expected


def test_a_restamp_between_two_readings_is_the_same_event_and_a_link() -> None:
    importing = Importing()
    first = importing.row(mode="simplified", distinct_id="$device:d", __device_id="d")
    again = {"distinct_id": "ann", "__device_id": "d", BEFORE: "$device:d", "__user_id": "ann"}
    second = importing.row(mode="simplified", **again)
    keys = ("event", "uuid", "timestamp", "distinct_id")
    assert [event_of(first)[k] for k in keys] == [event_of(second)[k] for k in keys]
    assert (links_of(first), links_of(second)) == ([], [("d", "ann")])
    third = importing.row(mode="simplified", **again)
    assert links_of(third) == [], "once"


def test_a_login_links_the_device_once_and_its_anonymous_rows_stay() -> None:
    importing = Importing()
    anonymous = {"distinct_id": "$device:d", "__device_id": "d"}
    importing.row(mode="simplified", at=at(1), **anonymous)
    login = importing.row(mode="simplified", at=at(2), __user_id="ann", __device_id="d")
    assert links_of(login) == [("d", "ann")]
    assert login.events[0].body["timestamp"] == "2024-03-01T10:02:00.000000Z"
    after = importing.row(mode="simplified", at=at(3), **anonymous)
    assert (links_of(after), event_of(after)["distinct_id"]) == ([], "d")
    assert after.decision.person == "ann", "it keeps her order"


def test_a_second_user_on_a_device_is_a_conflict() -> None:
    importing = Importing()
    importing.row(mode="simplified", __user_id="ann", __device_id="d")
    walked = importing.row(mode="simplified", __user_id="bob", __device_id="d")
    assert links_of(walked) == []
    assert note_names(walked) == ["identity_conflict"]
    assert event_of(walked)["distinct_id"] == "bob"


@pytest.mark.parametrize("user_first", [True, False])
def test_an_id_of_a_user_is_never_linked_as_a_device(user_first: bool) -> None:  # noqa: FBT001
    importing = Importing()
    rows = [{"__user_id": "x", "at": at(1)}, {"__user_id": "ann", "__device_id": "x", "at": at(2)}]
    if not user_first:
        rows = [{**row, "at": at(number)} for number, row in enumerate(reversed(rows))]
    walked = [importing.row(mode="simplified", **row) for row in rows]
    links = [link for one in walked for link in links_of(one)]
    if user_first:
        assert links == []
        assert "device_is_a_user" in note_names(walked[1])
        alone = importing.row(mode="simplified", distinct_id="$device:x", at=at(3))
        assert event_of(alone)["distinct_id"] == "device:x"
    else:
        assert links == [("x", "ann")]
        assert event_of(walked[1])["distinct_id"] == "user:x"


def test_a_device_whose_id_is_a_user_s_is_not_hers_by_a_restamp() -> None:
    importing = Importing()
    importing.row(mode="simplified", __user_id="x", at=at(1))
    restamped = {"__device_id": "x", "distinct_id": "ann", BEFORE: "$device:x", "at": at(2)}
    walked = importing.row(mode="simplified", **restamped)
    assert links_of(walked) == []
    assert event_of(walked)["distinct_id"] == "device:x"


def test_rows_that_join_ids_are_links_and_no_events() -> None:
    importing = Importing()
    walked = importing.row("$identify", "original", __identified_id="ann", __anon_id=A_UUID)
    assert walked.skipped == "identity_verb"
    assert links_of(walked) == [(A_UUID, "ann")]
    assert walked.merges == A_UUID
    again = importing.row("$identify", "original", __identified_id="ann", __anon_id=A_UUID)
    assert (again.skipped, again.events) == ("identity_verb", ())
    early = importing.row(mode="original", distinct_id=A_UUID, at="2023-01-01T00:00:00.000Z")
    assert (event_of(early)["distinct_id"], links_of(early)) == (A_UUID, [])
    assert early.decision.person == "ann"


def test_a_chain_is_linked_when_its_user_is_known() -> None:
    importing = Importing()
    first = importing.row("$create_alias", "original", distinct_id="x-1", alias="x-2")
    assert first.events == ()
    walked = importing.row(mode="original", __user_id="ann", distinct_id="x-2", __device_id="x-2")
    assert {*links_of(walked)} == {("x-1", "ann"), ("x-2", "ann")}
    assert links_of(importing.row(mode="original", __user_id="ann", distinct_id="x-2")) == []


def test_a_second_user_id_is_linked_into_the_first_while_it_is_alone() -> None:
    importing = Importing()
    importing.row("$identify", "original", __identified_id="ann", __anon_id="a1", at=at(1))
    walked = importing.row("$merge", "original", __distinct_ids=["a1", "bob"], at=at(2))
    assert links_of(walked) == [("bob", "ann")]
    own = importing.row(mode="original", __user_id="bob", at=at(3))
    assert (event_of(own)["distinct_id"], links_of(own)) == ("bob", [])
    assert note_names(own) == ["several_user_ids"]
    device = importing.row(mode="original", __user_id="bob", __device_id="b2", at=at(4))
    assert links_of(device) == [("b2", "ann")]


def test_two_users_with_devices_are_left_apart_and_counted() -> None:
    # PostHog refuses to merge a person that was identified (person-merge-service).
    importing = Importing()
    importing.row("$identify", "original", __identified_id="ann", __anon_id="a1", at=at(1))
    importing.row("$identify", "original", __identified_id="bob", __anon_id="b1", at=at(2))
    walked = importing.row("$merge", "original", __distinct_ids=["a1", "b1"], at=at(3))
    assert links_of(walked) == []
    assert note_names(walked) == ["several_user_ids"]


def test_a_refused_row_links_nothing() -> None:
    refused = {"__identified_id": "ann", "__anon_id": "a1", "__failure_reason": "no"}
    assert Importing().row("$identify", "original", **refused).events == ()


def test_without_links_none_is_sent() -> None:
    importing = Importing(link_identities="none")
    walked = importing.row("$identify", "original", __identified_id="ann", __anon_id="a1")
    assert (walked.skipped, walked.events) == ("identity_verb", ())
    login = importing.row(mode="simplified", __user_id="ann", __device_id="d")
    assert [event.kind for event in login.events] == ["event"]


def test_links_of_a_run_that_was_cut_off_are_sent_again_the_same() -> None:
    row = tapped("$identify", "original", __identified_id="ann", __anon_id="a1")
    cut_off, whole = Importing(), Importing()
    first = cut_off.walks(row)
    cut_off.known.add(first.effects.claims)
    again = cut_off.reads_row(row)
    bodies = [[event.body for event in walked.events] for walked in (first, again)]
    assert bodies[0] == bodies[1] == [whole.reads_row(row).events[0].body]


@pytest.mark.parametrize("setting", ["auto", "user", "device"])
def test_a_bare_id_in_doubt_only_decides_the_direction_of_links(setting: Any) -> None:
    importing = Importing(bare_distinct_ids=setting)
    walked = importing.row(distinct_id=A_UUID, __device_id="d")
    assert event_of(walked)["distinct_id"] == "d"
    assert links_of(walked) == ([("d", A_UUID)] if setting == "user" else [])


def test_a_long_id_is_shortened_and_stays_readable() -> None:
    body = event_of(Importing().row(mode="simplified", __user_id="x" * 300))
    assert len(body["distinct_id"]) == 167
    assert body["properties"]["$mixpanel_user_id"] == "x" * 300


def test_people_who_are_left_out_are_known_by_any_id() -> None:
    mapping = Importing().mapping
    row = tapped("$merge", "original", __distinct_ids=["$device:a", "b"])
    seen = mapping.observe(orjson.dumps(row), is_message=False)
    assert {"a", "b"} <= {*mapping.ids_of(seen)}
    row = tapped(distinct_id="ann", __user_id="u", **{BEFORE: "$device:d"})
    seen = mapping.observe(orjson.dumps(row), is_message=False)
    assert {"ann", "u", "d"} <= {*mapping.ids_of(seen)}
