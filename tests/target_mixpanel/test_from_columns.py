"""Any Singer stream, loaded by the names of its columns."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Unmappable
from target_mixpanel.from_columns import from_columns

from tests.pairs.walk import AT_10, UUID, Walk, Walked, note_names
from tests.target_mixpanel.importing import (
    HOUR,
    assert_mixpanel_takes,
    settings,
    years_later,
)

ORDERS = {"event": "Order Placed", "distinct_id": "customer_id", "timestamp": "created_at"}
ORDER = {"id": 7, "customer_id": 42, "created_at": "2024-03-01T10:00:00Z", "total": 9.5}


class Loading(Walk):
    def __init__(self, stream: str, columns: dict[str, Any], *keys: str, **chosen: Any) -> None:
        super().__init__(lambda: from_columns(stream, columns, {}, keys, settings(**chosen)))

    def reads(self, **row: Any) -> Walked:
        walked = self.reads_row(row)
        for event in walked.events:
            assert_mixpanel_takes(event)
        return walked


def order(**row: Any) -> dict[str, Any]:
    (event,) = Loading("orders", ORDERS, "id", version="1").reads(**{**ORDER, **row}).events
    return event.body


def test_a_row_becomes_an_event() -> None:
    mapped = Loading("orders", ORDERS, "id", version="1").reads(**ORDER)
    (event,) = mapped.events
    assert event.body == {
        "event": "Order Placed",
        "properties": {
            "distinct_id": "42",
            "time": AT_10 // 1000,
            "$insert_id": stable_uuid("row", "orders", "7"),
            "ip": 0,
            "id": 7,
            "total": 9.5,
            "mp_lib": "target-mixpanel",
            "$lib_version": "1",
            "analytics_source": "orders",
        },
    }
    assert (event.endpoint, event.kind, mapped.order_of(event)) == ("/import", "event", "42")
    assert (event.at, event.deferred) == (AT_10, False)


def test_the_uuid_column_wins_when_it_holds_one() -> None:
    reads = Loading("orders", {**ORDERS, "uuid": "order_uuid"}, "id").reads
    (event,) = reads(**ORDER, order_uuid=UUID).events
    assert event.body["properties"]["$insert_id"] == UUID
    (event,) = reads(**ORDER, order_uuid="A-7").events
    assert event.body["properties"]["$insert_id"] == stable_uuid("row", "orders", "7")


@pytest.mark.parametrize(
    ("row", "key", "value"),
    [
        ({"token": "t"}, "orders_token", "t"),
        ({"$ignore": True}, "orders_ignore", True),
        ({"time": "noon"}, "orders_time", "noon"),
        ({"ip": "203.0.113.9"}, "orders_ip", "203.0.113.9"),
        ({"$user_id": "u9"}, "orders_user_id", "u9"),
        ({"mp_lib": "mine"}, "orders_mp_lib", "mine"),
        ({"note": ""}, "note", ""),
        ({"deep": {"a": {"b": {"c": []}}}}, "deep", {"a": {"b": {"c": "[]"}}}),
    ],
)
def test_what_mixpanel_acts_on_travels_under_another_name(
    row: dict, key: str, value: object
) -> None:
    properties = order(**row)["properties"]
    assert properties[key] == value
    assert {k: v for k, v in properties.items() if k != key} == order()["properties"]


def test_what_has_no_room_stays_readable() -> None:
    properties = order(**{f"p{n}": n for n in range(400)})["properties"]
    assert len(properties) == 254
    assert properties["orders_overflow"]["p399"] == 399
    assert properties.keys() >= order()["properties"].keys()


def test_columns_of_singer_and_nulls_do_not_travel() -> None:
    assert order(_sdc_batched_at="x", _dead_letter={}, note=None) == order()


def test_a_long_id_stays_readable() -> None:
    properties = order(customer_id="x" * 300)["properties"]
    assert len(properties["distinct_id"]) <= 247
    assert properties["customer_id"] == "x" * 300


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        ({"customer_id": None}, "no_identity", "`customer_id` of `orders`"),
        ({"customer_id": "Unknown"}, "no_identity", "`customer_id` of `orders`"),
        ({"created_at": None}, "no_time", "`created_at` of `orders`"),
        ({"created_at": "SECRET"}, "no_time", "`created_at` of `orders`"),
        ({"created_at": "1970-12-31"}, "time_out_of_range", "before 1971"),
        ({"created_at": "2024-03-31T11:00:00.001Z"}, "time_out_of_range", "over an hour"),
    ],
)
def test_a_row_that_cannot_be_an_event_says_why(row: dict, reason: str, words: str) -> None:
    with pytest.raises(Unmappable, match=words) as caught:
        order(**row)
    assert caught.value.reason == reason
    assert "SECRET" not in str(caught.value)


def test_an_hour_ahead_is_taken_and_counted() -> None:
    assert note_names(Loading("orders", ORDERS, now=AT_10 - HOUR).reads(**ORDER)) == [
        "ahead_of_now"
    ]


def test_what_is_older_than_the_retention_is_counted_or_left_out() -> None:
    now = years_later(2, 1)
    mapped = Loading("orders", ORDERS, now=now).reads(**ORDER)
    assert (len(mapped.events), note_names(mapped)) == (1, ["older_than_retention"])
    left_out = Loading("orders", ORDERS, now=now, skip_expired=True).reads(**ORDER)
    assert (left_out.events, left_out.skipped) == ((), "expired")


def test_a_row_without_its_key_is_a_dead_letter() -> None:
    orders = Loading("orders", ORDERS, "id", "line")
    with pytest.raises(Unmappable, match="missing_key: it has no column `line`"):
        orders.reads(**ORDER)
    assert orders.reads(**ORDER, line=None).skipped is None


USERS = {"person": "user_id"}


def test_a_row_becomes_a_profile() -> None:
    (update,) = Loading("users", USERS).reads(user_id="u1", plan="pro", none=None).events
    assert update.body == {
        "$distinct_id": "u1",
        "$ip": 0,
        "$ignore_time": True,
        "$set": {"plan": "pro"},
    }
    assert (update.endpoint, update.kind, update.name) == ("/engage", "person", "$set")
    assert (update.at, update.deferred) == (None, True)


def test_two_streams_of_the_same_people_do_not_take_each_others_place() -> None:
    (one,) = Loading("users", USERS).reads(user_id="u1", plan="pro").events
    (other,) = Loading("scores", USERS).reads(user_id="u1", score=3).events
    assert one.order != other.order
    assert {one.body["$distinct_id"], other.body["$distinct_id"]} == {"u1"}
    assert {fact.name for fact in one.facts}.isdisjoint(fact.name for fact in other.facts)


def test_a_person_goes_only_when_it_changed() -> None:
    users = Loading("users", USERS)
    assert len(users.reads(user_id="u1", plan="pro").events) == 1
    again = users.reads(user_id="u1", plan="pro")
    assert (again.events, again.skipped, again.notes) == ((), "unchanged", ())
    assert again.effects.renewed == []
    assert len(users.reads(user_id="u1", plan="free").events) == 1
    assert len(users.reads(user_id="u2", plan="pro").events) == 1


def test_a_person_with_a_time_goes_only_when_it_is_newer() -> None:
    users = Loading("users", {**USERS, "timestamp": "at"})
    ((fact,),) = (
        event.facts for event in users.reads(user_id="u1", plan="pro", at="2024-03-02").events
    )
    assert (fact.kind, fact.name, fact.at) == ("person", "users\x1fu1", 1_709_337_600_000_000)
    assert users.reads(user_id="u1", plan="old", at="2024-03-01").skipped == "superseded"
    assert users.reads(user_id="u1", plan="pro", at="2024-03-02T12:00:00").skipped == "unchanged"
    assert users.reads(user_id="u1", plan="old", at="2024-03-02T06:00:00").skipped == "superseded"
    assert len(users.reads(user_id="u1", plan="new", at="2024-03-03").events) == 1


def test_what_mixpanel_writes_itself_is_set_under_another_name() -> None:
    (update,) = Loading("users", USERS).reads(user_id="u1", **{"$last_seen": "x"}).events
    assert update.body["$set"] == {"users_last_seen": "x"}


def test_a_row_with_an_id_alone_sets_nothing() -> None:
    assert Loading("users", USERS).reads(user_id="u1", plan=None).skipped == "nothing to set"


FIRMS = {"group": "company", "key": "firm_id"}


def test_a_row_becomes_a_group() -> None:
    firms = Loading("firms", FIRMS)
    (update,) = firms.reads(firm_id=5, size=3).events
    assert update.body == {
        "$group_key": "company",
        "$group_id": "5",
        "$ip": 0,
        "$ignore_time": True,
        "$set": {"size": 3},
    }
    assert (update.endpoint, update.kind, update.deferred) == ("/groups", "group", True)
    assert firms.reads(firm_id=5, size=3).skipped == "unchanged"
    assert len(firms.reads(firm_id=5, size=4).events) == 1


@pytest.mark.parametrize(
    ("columns", "chosen", "skipped"),
    [
        (USERS, {"profiles": False}, "profiles: false"),
        ({"group": "company", "key": "user_id"}, {"groups": False}, "groups: false"),
    ],
)
def test_the_settings_that_send_none_count_here_too(
    columns: dict, chosen: dict, skipped: str
) -> None:
    loading = Loading("users", columns, **chosen)
    mapped = loading.reads(user_id="u1", plan="pro")
    assert (mapped.events, mapped.skipped, mapped.notes) == ((), skipped, ())
    assert loading.known.of() == {}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "not described in one of the three ways"),
        ({**ORDERS, "event": "n" * 256}, "over 255 characters"),
        ({**ORDERS, "event": "$merge"}, "no event for Mixpanel but an order"),
        ({**ORDERS, "event": "$identify"}, "no event for Mixpanel but an order"),
        ({"group": "$device_id", "key": "id"}, "no group key in Mixpanel"),
    ],
)
def test_a_stream_that_is_not_described_is_refused_with_words(columns: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        from_columns("orders", columns, {}, [], settings())
    assert "`orders`" in str(caught.value)


TRACKS = {
    "event": {"column": "event_text"},
    "distinct_id": "user_id",
    "anonymous_id": "anon",
    "timestamp": "at",
    "properties": "props",
    "groups": {"company": {"key": "firm", "properties": ["size"]}},
    "person": {"properties": "traits"},
    "insert_id": "message_id",
}
TRACK = {
    "event_text": "Played", "user_id": "u1", "anon": "d1", "at": 1_709_287_200, "message_id": "m1",
    "props": {"song": "x", "token": "t"}, "firm": "acme", "size": 3, "traits": '{"plan": "pro"}',
}  # fmt: skip


def test_a_row_of_an_event_table_becomes_all_that_it_says() -> None:
    mapped = Loading("tracks", TRACKS, version="1", group_keys={"company": "of_amplitude"}).reads(
        **TRACK
    )
    event, person, group = mapped.events
    assert event.body == {
        "event": "Played",
        "properties": {
            "$user_id": "u1",
            "$device_id": "d1",
            "time": AT_10 // 1000,
            "$insert_id": stable_uuid("insert_id", "tracks", "m1"),
            "ip": 0,
            "song": "x",
            "tracks_token": "t",
            "anon": "d1",
            "company": ["acme"],
            "user.plan": "pro",
            "mp_lib": "target-mixpanel",
            "$lib_version": "1",
            "analytics_source": "tracks",
        },
    }
    assert (person.endpoint, person.body["$set"]) == ("/engage", {"plan": "pro"})
    assert (group.body["$group_key"], group.body["$set"]) == ("company", {"size": 3})


def test_a_device_keeps_its_first_user_and_a_second_one_is_counted() -> None:
    tracks = Loading("tracks", TRACKS)
    assert tracks.reads(**TRACK).merges == "d1"
    other = tracks.reads(**{**TRACK, "user_id": "u2", "message_id": "m2"})
    assert "$device_id" not in other.events[0].body["properties"]
    assert note_names(other) == ["identity_conflict"]
    with pytest.raises(Unmappable, match="neither column `user_id` nor `anon` of `tracks`"):
        tracks.reads(**{**TRACK, "user_id": None, "anon": None})


IDENTIFIES = {
    "person": "user_id",
    "anonymous_id": "anon",
    "timestamp": "at",
    "properties": "traits",
}


def test_a_row_of_a_person_links_the_device_beside_it() -> None:
    words = IDENTIFIES
    original = Walk(
        lambda: from_columns("ids", words, {}, (), settings(identity_merge="original"))
    ).reads_row(TRACK)
    merge, update = original.events
    assert (merge.name, merge.body["properties"]["$distinct_ids"]) == ("$merge", ["d1", "u1"])
    assert update.body["$set"] == {"plan": "pro"}
    simplified = Loading("ids", words)
    assert [claim[:3] for claim in simplified.reads(**TRACK).effects.claims] == [
        ("owner", "d1", "u1")
    ], "the next event of both links them"
    assert simplified.reads(**{**TRACK, "user_id": None}).skipped == "no user"


def test_a_stream_of_groups_is_named_as_it_is_written() -> None:
    firms = Loading("firms", {**FIRMS, "properties": ["size"]}, group_keys={"company": "other"})
    (update,) = firms.reads(firm_id=5, size=3, more=1).events
    assert (update.body["$group_key"], update.body["$set"]) == ("company", {"size": 3})
