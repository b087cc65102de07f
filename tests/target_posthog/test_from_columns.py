from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Unmappable
from target_posthog.from_columns import from_columns
from target_posthog.settings import MappingSettings

from tests.pairs.walk import UUID, Walk, Walked

ORDERS = {"event": "Order Placed", "distinct_id": "customer_id", "timestamp": "created_at"}
AT_10 = 1_709_287_200_000_000
ORDER = {"id": 7, "customer_id": 42, "created_at": "2024-03-01T10:00:00Z", "total": 9.5}


class Loading(Walk):
    def __init__(self, stream: str, columns: dict[str, Any], *keys: str, **settings: Any) -> None:
        super().__init__(
            lambda: from_columns(stream, columns, {}, keys, MappingSettings(**settings))
        )

    def reads(self, **row: Any) -> Walked:
        return self.reads_row(row)


def order(**row: Any) -> dict[str, Any]:
    (event,) = Loading("orders", ORDERS, "id", version="1").reads(**{**ORDER, **row}).events
    return event.body


def test_a_row_becomes_an_event() -> None:
    mapped = Loading("orders", ORDERS, "id", version="1").reads(**ORDER)
    (event,) = mapped.events
    assert event.body == {
        "event": "Order Placed",
        "distinct_id": "42",
        "uuid": stable_uuid("row", "orders", "7"),
        "timestamp": "2024-03-01T10:00:00.000000Z",
        "properties": {
            "id": 7,
            "total": 9.5,
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": "1",
            "analytics_source": "orders",
        },
    }
    assert (event.kind, mapped.order_of(event), event.at) == ("event", "42", AT_10)


def test_the_uuid_column_wins_when_it_holds_one() -> None:
    columns = {**ORDERS, "uuid": "order_uuid"}
    reads = Loading("orders", columns, "id").reads
    (event,) = reads(**ORDER, order_uuid=UUID).events
    assert event.body["uuid"] == UUID
    (event,) = reads(**ORDER, order_uuid="A-7").events
    assert event.body["uuid"] == stable_uuid("row", "orders", "7")


@pytest.mark.parametrize("keys", [(), ("missing",)])
def test_without_a_key_the_uuid_is_of_the_whole_row(keys: tuple[str, ...]) -> None:
    def reads(**row: Any) -> Walked:
        return Loading("orders", ORDERS, *keys).reads(**row, **dict.fromkeys(keys))

    one, same, other = (
        reads(**ORDER).events[0].body["uuid"],
        reads(**dict(reversed(ORDER.items())), _dead_letter={"x": 1}).events[0].body["uuid"],
        reads(**{**ORDER, "total": 10}).events[0].body["uuid"],
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("row", "key", "value"),
    [
        ({"token": "t"}, "orders_token", "t"),
        ({"$set": {"a": 1}}, "orders_set", {"a": 1}),
        ({"$lib": "mine"}, "orders_lib", "mine"),
        ({"alias": "a", "orders_alias": "b"}, "orders_orders_alias", "a"),
        ({"note": ""}, "note", ""),
    ],
)
def test_keys_posthog_acts_on_travel_under_another_name(row: dict, key: str, value: object) -> None:
    properties = order(**row)["properties"]
    assert properties[key] == value
    assert "token" not in properties


def test_columns_of_singer_and_nulls_do_not_travel() -> None:
    assert order(_sdc_batched_at="x", _dead_letter={}, note=None) == order()


def test_a_long_id_stays_readable() -> None:
    body = order(customer_id="x" * 300)
    assert len(body["distinct_id"]) <= 200
    assert body["properties"]["customer_id"] == "x" * 300


def test_a_row_without_a_column_of_its_key_is_a_dead_letter() -> None:
    with pytest.raises(Unmappable, match="missing_key: it has no column `id`") as caught:
        Loading("orders", ORDERS, "id").reads(customer_id=42, created_at="2024")
    assert "orders" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ({"customer_id": None}, "no_identity", "customer_id"),
        ({"customer_id": "null"}, "no_identity", "customer_id"),
        ({"created_at": None}, "no_time", "created_at"),
        ({"created_at": "SECRET"}, "no_time", "created_at"),
    ],
)
def test_a_row_that_lacks_a_named_column_says_which(row: dict, reason: str, column: str) -> None:
    with pytest.raises(Unmappable, match=f"`{column}` of `orders`") as caught:
        order(**row)
    assert caught.value.reason == reason
    assert "SECRET" not in str(caught.value)


USERS = {"person": "user_id"}


def test_a_row_becomes_a_person_without_a_time_of_its_own() -> None:
    mapped = Loading("users", USERS).reads(user_id="u1", plan="pro", none=None)
    (event,) = mapped.events
    assert (event.kind, event.name, event.at) == ("person", "$set", None)
    assert mapped.order_of(event) == "u1"
    assert event.body["properties"]["$set"] == {"plan": "pro"}
    assert "timestamp" not in event.body


def test_a_person_goes_only_when_it_changed() -> None:
    users = Loading("users", USERS)
    assert len(users.reads(user_id="u1", plan="pro").events) == 1
    again = users.reads(user_id="u1", plan="pro")
    assert (again.events, again.skipped, again.notes) == ((), "unchanged", ())
    assert len(users.reads(user_id="u1", plan="free").events) == 1
    assert len(users.reads(user_id="u1", plan="pro").events) == 1
    assert len(users.reads(user_id="u2", plan="pro").events) == 1


def test_a_person_with_a_time_goes_only_when_it_is_newer() -> None:
    users = Loading("users", {**USERS, "timestamp": "at"})
    assert len(users.reads(user_id="u1", plan="pro", at="2024-03-02").events) == 1
    assert users.reads(user_id="u1", plan="old", at="2024-03-01").skipped == "superseded"
    assert users.reads(user_id="u1", plan="pro", at="2024-03-02T12:00:00").skipped == "unchanged"
    assert users.reads(user_id="u1", plan="old", at="2024-03-02T06:00:00").skipped == "superseded"
    (event,) = users.reads(user_id="u1", plan="new", at="2024-03-03").events
    assert event.body["timestamp"] == "2024-03-03T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("mode", "keys", "skipped"),
    [
        ("set", {"$set"}, None),
        ("set_once", {"$set_once"}, None),
        ("none", set(), "person_properties: none"),
    ],
)
def test_person_properties_follow_the_setting(mode: str, keys: set, skipped: str | None) -> None:
    mapped = Loading("users", USERS, person_properties=mode).reads(user_id="u1", plan="pro")
    sent = {key for event in mapped.events for key in event.body["properties"]}
    assert sent & {"$set", "$set_once"} == keys
    assert mapped.skipped == skipped


FIRMS = {"group": "firm", "key": "firm_id"}


def test_a_row_becomes_a_group() -> None:
    firms = Loading("firms", FIRMS)
    mapped = firms.reads(firm_id=5, size=3)
    (event,) = mapped.events
    assert (event.kind, event.name) == ("group", "$groupidentify")
    assert mapped.order_of(event) == "group:firm:5"
    assert event.body["distinct_id"] == "$firm_5"
    assert event.body["properties"]["$group_key"] == "5"
    assert event.body["properties"]["$group_set"] == {"size": 3}
    assert [claim.kind for claim in mapped.effects.claims] == ["group_type", "group_types"]
    assert firms.reads(firm_id=5, size=3).skipped == "unchanged"
    assert firms.reads(firm_id=5, size=4).effects.claims == []


def test_a_group_of_a_type_that_is_not_linked_is_left_out() -> None:
    mapped = Loading("firms", FIRMS, group_types=("team",)).reads(firm_id=5, size=3)
    assert mapped.skipped == "group_type_not_listed"
    assert [note.name for note in mapped.notes] == ["group_type_not_listed"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "not described in one of the three ways"),
        ({**ORDERS, "event": "n" * 201}, "over 200 characters"),
    ],
)
def test_a_stream_that_is_not_described_is_refused_with_words(columns: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        from_columns("orders", columns, {}, [], MappingSettings())
    assert "`orders`" in str(caught.value)


TRACKS = {
    "event": {"column": "event_text"},
    "distinct_id": "user_id",
    "anonymous_id": "anon",
    "timestamp": "at",
    "properties": "props",
    "groups": {"company": "firm", "team": {"key": "team_id", "properties": ["size"]}},
    "person": {"properties": "traits"},
    "insert_id": "message_id",
}
TRACK = {
    "event_text": "Played", "user_id": "u1", "anon": "d1", "at": 1_709_287_200, "message_id": "m1",
    "props": '{"song": "x", "token": "t"}', "firm": "acme", "team_id": 7, "size": 3,
    "traits": {"plan": "pro", "none": None},
}  # fmt: skip


def test_a_row_of_an_event_table_becomes_all_that_it_says() -> None:
    mapped = Loading("tracks", TRACKS, version="1").reads(**TRACK)
    link, group, event = (made.body for made in mapped.events)
    assert (link["event"], link["distinct_id"]) == ("$create_alias", "u1")
    assert link["properties"]["alias"] == "d1"
    assert (group["event"], group["properties"]["$group_set"]) == ("$groupidentify", {"size": 3})
    assert event == {
        "event": "Played",
        "distinct_id": "u1",
        "uuid": stable_uuid("insert_id", "tracks", "m1"),
        "timestamp": "2024-03-01T10:00:00.000000Z",
        "properties": {
            "song": "x",
            "tracks_token": "t",
            "anon": "d1",
            "$groups": {"company": "acme", "team": "7"},
            "$set": {"plan": "pro"},
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": "1",
            "analytics_source": "tracks",
        },
    }
    assert mapped.merges == "d1"


def test_a_device_keeps_its_first_user_and_a_second_one_is_counted() -> None:
    tracks = Loading("tracks", TRACKS)
    assert tracks.reads(**TRACK).merges == "d1"
    other = tracks.reads(**{**TRACK, "user_id": "u2", "message_id": "m2"})
    assert other.merges is None
    assert [note.name for note in other.notes] == ["identity_conflict"]
    alone = tracks.reads(**{**TRACK, "user_id": None, "message_id": "m3", "traits": None})
    assert (alone.events[-1].body["distinct_id"], alone.decision.person) == ("d1", "u1")
    nobody = {**TRACK, "user_id": None, "anon": "null"}
    with pytest.raises(Unmappable, match="neither column `user_id` nor `anon` of `tracks`"):
        tracks.reads(**nobody)


def test_a_person_of_an_event_is_set_when_newer_alone() -> None:
    tracks = Loading("tracks", TRACKS)

    def is_set(at: int, plan: str) -> bool:
        row = {**TRACK, "at": at, "traits": {"plan": plan}, "message_id": f"{at}{plan}"}
        return "$set" in tracks.reads(**row).events[-1].body["properties"]

    times = [(1_709_287_200, "pro"), (1_709_287_100, "old"), (1_709_287_300, "free")]
    assert [is_set(at, plan) for at, plan in times] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "sent_as", "kept"),
    [
        ("Played", "Listened", "Played"),
        ("$exception", "tracks_exception", "$exception"),
        ("$mine", "$mine", None),
    ],
)
def test_names_in_a_column_are_renamed_and_steer_nothing(
    name: str, sent_as: str, kept: Any
) -> None:
    tracks = Loading("tracks", TRACKS, rename_events={"Played": "Listened"})
    body = tracks.reads(**{**TRACK, "event_text": name}).events[-1].body
    assert body["event"] == sent_as
    assert body["properties"].get("$tracks_event_name") == kept


def test_names_in_a_column_are_chosen_and_a_fixed_name_is_not() -> None:
    left_out = {
        "exclude_events": ("Played", "Order Placed"),
        "rename_events": {"Order Placed": "x"},
    }
    assert Loading("tracks", TRACKS, **left_out).reads(**TRACK).skipped == "excluded: Played"
    (event,) = Loading("orders", ORDERS, "id", **left_out).reads(**ORDER).events
    assert event.name == "Order Placed"


@pytest.mark.parametrize("name", [None, "", 7, " "])
def test_a_row_without_a_name_says_so(name: Any) -> None:
    with pytest.raises(Unmappable, match="no_event_name: `event_text` is missing"):
        Loading("tracks", TRACKS).reads(**{**TRACK, "event_text": name})


def test_groups_of_a_type_that_is_not_linked_stay_readable() -> None:
    words = {**TRACKS, "properties": ["firm", "team_id"]}
    event = Loading("tracks", words, group_types=("company",)).reads(**TRACK).events[-1]
    properties = event.body["properties"]
    assert properties["$groups"] == {"company": "acme"}
    assert properties["$tracks_group_properties"] == {"team": {"7": {"size": 3}}}
    assert (properties["firm"], properties["team_id"]) == ("acme", 7)


IDENTIFIES = {
    "person": "user_id",
    "anonymous_id": "anon",
    "timestamp": "at",
    "properties": "traits",
}


def test_a_row_of_a_person_links_the_device_beside_it() -> None:
    identifies = Loading("identifies", IDENTIFIES)
    link, person = identifies.reads(**TRACK).events
    assert (link.name, person.name) == ("$create_alias", "$set")
    again = identifies.reads(**TRACK)
    assert (again.events, again.skipped) == ((), "unchanged")
    alone = identifies.reads(**{**TRACK, "user_id": None})
    assert (alone.events, alone.skipped) == ((), "no user")
    unset = identifies.reads(**{**TRACK, "anon": "d2", "traits": None})
    assert ([made.kind for made in unset.events], unset.skipped) == (["link"], "nothing to set")


@pytest.mark.parametrize(("words", "row"), [(USERS, {"user_id": "u1"}), (FIRMS, {"firm_id": 5})])
def test_a_row_with_an_id_alone_sets_nothing(words: dict, row: dict) -> None:
    mapped = Loading("users", words).reads(**row, plan=None, _fivetran_synced="2024")
    assert (mapped.events, mapped.skipped) == ((), "nothing to set")


def test_properties_that_the_user_leaves_out_are_told_of_no_person() -> None:
    words = {"person": "id", "timestamp": "at"}
    row = {"id": "ann", "at": "2024-03-01T10:00:00Z", "secret": 1, "plan": "pro"}
    walk = Loading("people", words, exclude_properties=("secret*",))
    (event,) = walk.reads(**row).events
    assert event.body["properties"]["$set"] == {"plan": "pro"}
    walk = Loading("people", words, exclude_properties=("*",))
    assert walk.reads(**row).skipped == "nothing to set"
