from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Unmappable
from target_posthog.from_columns import FromColumns
from target_posthog.settings import MappingSettings

from tests.pairs.walk import UUID, Walk, Walked

ORDERS = {"event": "Order Placed", "distinct_id": "customer_id", "timestamp": "created_at"}
AT_10 = 1_709_287_200_000_000
ORDER = {"id": 7, "customer_id": 42, "created_at": "2024-03-01T10:00:00Z", "total": 9.5}


class Loading(Walk):
    def __init__(self, stream: str, columns: dict[str, str], *keys: str, **settings: Any) -> None:
        super().__init__(lambda: FromColumns(stream, columns, keys, MappingSettings(**settings)))

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
        ({}, "neither an Amplitude export nor described"),
        ({**ORDERS, "event": "n" * 201}, "over 200 characters"),
    ],
)
def test_a_stream_that_is_not_described_is_refused_with_words(columns: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        FromColumns("orders", columns, [], MappingSettings())
    assert "`orders`" in str(caught.value)
