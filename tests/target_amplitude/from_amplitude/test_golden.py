"""One case for each fact of the mapping from Amplitude to Amplitude."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.model import Unmappable

from tests.pairs.walk import UUID, a_record, kinds, note_names, the
from tests.target_amplitude.loading import Copying, assert_amplitude_takes, sent

SKIPPED = {"$skip_user_properties_sync": True}


def copied(chosen: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    walked = Copying(**(chosen or {})).reads(**fields)
    for event in walked.events:
        assert_amplitude_takes(event)
    return sent(walked)


def test_an_event_is_said_again_and_nothing_added() -> None:
    assert copied(device_id="d1", **{"$insert_id": "i1"}) == {
        "event_type": "Played",
        "insert_id": "i1",
        "time": 1_709_287_200_000,
        "user_id": "u1",
        "device_id": "d1",
        **SKIPPED,
    }


TOP = [
    ("session_id", 1_709_287_100_000, {"session_id": 1_709_287_100_000}),
    ("session_id", -1, {}),
    ("platform", "Web", {"platform": "Web"}),
    ("os_name", "Chrome", {"os_name": "Chrome"}),
    ("os_version", "120", {"os_version": "120"}),
    ("device_brand", "Apple", {"device_brand": "Apple"}),
    ("device_manufacturer", "Apple", {"device_manufacturer": "Apple"}),
    ("device_model", "iPhone", {"device_model": "iPhone"}),
    ("language", "English", {"language": "English"}),
    ("version_name", "1.2", {"app_version": "1.2"}),
    ("device_carrier", "--", {"carrier": "--"}),
    ("plan", {"branch": "main", "source": "web", "version": "3", "versionId": "x"},
     {"plan": {"branch": "main", "source": "web", "version": "3"}}),
    ("plan", {"versionId": "x"}, {}),
    ("country", "France", {"country": "France", "region": "", "city": "", "dma": ""}),
    ("city", "Paris", {"country": "", "region": "", "city": "Paris", "dma": ""}),
    ("location_lat", 1.5, {}),
    ("ip_address", "203.0.113.9", {}),
    ("idfa", "A-1", {"idfa": "A-1"}),
    ("adid", "A-2", {"adid": "A-2"}),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "expected"), TOP, ids=str)
def test_a_column_becomes_a_key_of_the_event(column: str, value: Any, expected: Any) -> None:
    bare = copied()
    found = copied(**{column: value})
    assert {key: of for key, of in found.items() if bare.get(key) != of} == expected


def test_a_point_has_both_of_its_numbers_and_an_address_a_place() -> None:
    found = copied(location_lat=1.5, location_lng=2, ip_address="203.0.113.9", country="France")
    assert (found["location_lat"], found["location_lng"], found["ip"]) == (1.5, 2, "203.0.113.9")
    assert "ip" not in copied({"send_ip": False}, ip_address="203.0.113.9", country="France")
    without = copied({"send_advertising_ids": False}, idfa="A-1", adid="A-2")
    assert without.keys().isdisjoint({"idfa", "adid"})


def test_properties_stay_as_they_were_told() -> None:
    told = {"a": "EMPTY", "b": "", "c": None, "d": [[1]], "time": 5, "[Amplitude] Page URL": "u"}
    found = copied(event_properties=told, user_properties={"plan": "", "utm_source": "EMPTY"})
    assert found["event_properties"] == told
    assert found["user_properties"] == {"plan": "", "utm_source": "EMPTY"}


def test_user_properties_of_a_call_are_none_of_an_event() -> None:
    found = copied(user_properties={"$set": {"plan": "pro"}, "$add": {"n": 1}})
    assert found["user_properties"] == {"plan": "pro"}


def test_an_event_without_the_copy() -> None:
    found = copied({"user_properties_on_events": False}, user_properties={"plan": "pro"})
    assert "user_properties" not in found


def test_groups_are_texts_and_beyond_the_limits_counted() -> None:
    assert copied(groups={"firm": [1, "b"], "team": "c"})["groups"] == {
        "firm": ["1", "b"],
        "team": ["c"],
    }
    many = {f"t{number}": "x" for number in range(6)}
    walked = Copying().reads(groups={**many, "t1": list("abcdefghijk")})
    assert {"over_5_group_types", "over_10_groups"} <= {*note_names(walked)}
    assert len(sent(walked)["groups"]) == 6


IDS = [
    ({"$insert_id": "i1"}, "i1"),
    ({"$insert_id": " i1 "}, "i1"),
    ({"$insert_id": " "}, UUID),
    ({"$insert_id": 17}, "17"),
    ({}, UUID),
    ({"uuid": "not-a-uuid"}, "not-a-uuid"),
]


@pytest.mark.parametrize(("fields", "expected"), IDS)
def test_the_insert_id_is_the_one_it_was_sent_with(fields: Any, expected: str) -> None:
    assert copied(**fields)["insert_id"] == expected


def test_without_any_id_a_row_is_known_by_its_content() -> None:
    one, same, other = (copied(uuid=None, city=city)["insert_id"] for city in ("A", "A", "B"))
    assert one == same != other
    assert len(one) == 36


RESERVED = [
    ("[Amplitude] Start Session", "session_start"),
    ("[Amplitude] End Session", "session_end"),
    ("[Amplitude] Revenue", "revenue_amount"),
    ("[Amplitude] Revenue (Verified)", "amplitude_Revenue (Verified)"),
    ("[Amplitude] Revenue (Unverified)", "amplitude_Revenue (Unverified)"),
    ("[Amplitude] Merged User", "amplitude_Merged User"),
]


@pytest.mark.parametrize(("name", "expected"), RESERVED)
def test_a_reserved_name_gets_another_and_is_counted(name: str, expected: str) -> None:
    walked = Copying().reads(event_type=name)
    assert sent(walked)["event_type"] == expected
    assert sent(walked)["event_properties"]["amplitude_event_name"] == name
    assert "reserved_name" in note_names(walked)


@pytest.mark.parametrize(
    "name", ["[Amplitude] Page Viewed", "session_start", "$session_start", "_active", "ce:x"]
)
def test_any_other_name_stays(name: str) -> None:
    found = copied(event_type=name)
    assert found["event_type"] == name
    assert "event_properties" not in found


TIMES = [
    ({"event_time": "2024-03-01 10:00:00.999999"}, 1_709_287_200_999, []),
    ({"event_time": "1999-01-01 00:00:00.000000"}, 915_148_800_000, ["wild_time"]),
    ({"event_time": "2099-01-01 00:00:00.000000"}, 4_070_908_800_000,
     ["wild_time", "ahead_of_now"]),
    ({"event_time": None, "client_event_time": "2024-03-01 09:00:00.000000"}, 1_709_283_600_000,
     ["clock_fallback"]),
    ({"event_time": "1960-01-01", "client_event_time": "2024-03-01 09:00:00"}, 1_709_283_600_000,
     ["clock_fallback"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected", "counted"), TIMES)
def test_the_time_is_the_corrected_one_however_wild(
    fields: Any, expected: int, counted: list[str]
) -> None:
    walked = Copying().reads(**fields)
    assert sent(walked)["time"] == expected
    assert note_names(walked) == counted


REVENUE = [
    ({"$revenue": 5.5, "$productId": "p", "$revenueType": "t", "$currency": "EUR"},
     {"revenue": 5.5, "productId": "p", "revenueType": "t", "currency": "EUR"}, {}),
    ({"$price": 2, "$quantity": 3}, {"price": 2, "quantity": 3}, {}),
    ({"$price": 2, "$quantity": 3, "$revenue": 9}, {"revenue": 9},
     {"amplitude_price": 2, "amplitude_quantity": 3}),
    ({"$price": "2", "$currency": "eur"}, {}, {"$price": "2", "$currency": "eur"}),
    ({"$receipt": "r", "$receiptSig": "s", "a": 1}, {}, {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("told", "top", "kept"), REVENUE)
def test_revenue_moves_to_the_top(told: Any, top: Any, kept: Any) -> None:
    found = copied(event_properties=told)
    keys = ("revenue", "price", "quantity", "productId", "revenueType", "currency")
    assert {key: found[key] for key in keys if key in found} == top
    assert found.get("event_properties", {}) == kept


@pytest.mark.parametrize("name", ["revenue_amount", "[Amplitude] Revenue"])
def test_revenue_in_the_form_of_the_sdks_stays(name: str) -> None:
    told = {"$price": 2, "$quantity": 3, "$receipt": "r"}
    found = copied(event_type=name, event_properties=told)
    assert {"$price": 2, "$quantity": 3}.items() <= found["event_properties"].items()
    assert found.keys().isdisjoint({"price", "quantity", "revenue"})
    assert "$receipt" not in found["event_properties"]


def test_a_refused_name_brings_no_revenue() -> None:
    found = copied(event_type="[Amplitude] Revenue (Verified)", event_properties={"$revenue": 3})
    assert found["event_properties"]["amplitude_revenue"] == 3
    assert found.keys().isdisjoint({"revenue", "price"})
    assert "$revenue" not in found["event_properties"]


def test_configured_properties_make_revenue_where_there_is_none() -> None:
    chosen = {"revenue": {"revenue": "amount", "currency": "cur", "quantity": "n"}}
    told = {"amount": 7, "cur": "USD", "n": 2.0}
    found = copied(chosen, event_properties=told)
    assert (found["revenue"], found["currency"], found["quantity"]) == (7, "USD", 2)
    assert found["event_properties"] == told
    assert "revenue" not in copied(chosen, event_properties={"amount": "much", "cur": "USD"})
    assert "currency" not in copied(chosen, event_properties={"amount": "much", "cur": "USD"})
    theirs = copied(chosen, event_properties={**told, "$revenue": 1})
    assert (theirs["revenue"], "currency" in theirs) == (1, False)


def test_chosen_properties_move_or_are_left_out() -> None:
    told = {"plan": "pro", "secret": 1, "secret_2": 2, "a": 3}
    chosen = {"super_properties": ("plan",), "exclude_properties": ("secret*",)}
    found = copied(chosen, event_properties=told, user_properties={"secret": 1, "b": 2})
    assert found["event_properties"] == {"a": 3}
    assert found["user_properties"] == {"b": 2, "plan": "pro"}


def test_a_column_that_nobody_knows_is_counted_and_not_sent() -> None:
    walked = Copying().reads(new="NEW")
    assert sent(walked) == sent(Copying().reads())
    assert note_names(walked) == ["unknown_column"]


def test_deep_values_become_text_and_long_texts_are_counted() -> None:
    deep: Any = 1
    for _ in range(45):
        deep = {"a": deep}
    walked = Copying().reads(event_properties={"deep": deep, "long": "x" * 1025})
    assert_amplitude_takes(the("event", walked))
    assert {*note_names(walked)} == {"nested_over_40_deep", "values_over_1024_characters"}


def test_a_renamed_event_keeps_its_old_name_as_a_property() -> None:
    found = copied({"rename_events": {"Played": "Song Played"}})
    assert found["event_type"] == "Song Played"
    assert found["event_properties"] == {"amplitude_event_name": "Played"}


def test_a_name_that_would_be_cut_is_a_dead_letter() -> None:
    assert copied(event_type="x" * 1024)["event_type"] == "x" * 1024
    with pytest.raises(Unmappable, match="event_name_too_long"):
        Copying().reads(event_type="x" * 1025)


def test_records_of_calls_are_no_events() -> None:
    walked = Copying().reads(event_type="$identify", user_properties={"$set": {"plan": "pro"}})
    assert kinds(walked) == ["person"]
    assert sent(walked, "person")["user_properties"] == {"$set": {"plan": "pro"}}
    (skipped,) = [Copying().reads(event_type="$identify").skipped]
    assert skipped == "nothing to set"


def test_events_are_read_and_written_by_the_table_where_nobody_else_writes() -> None:
    chosen = {"skip_user_properties_sync": False}
    walked = Copying(**chosen).reads(user_properties={"plan": "pro"})
    assert kinds(walked) == ["person", "event"]
    identify, event = (dict(of.body) for of in walked.events)
    assert identify["user_properties"] == {"$set": {"plan": "pro"}}
    assert event.keys().isdisjoint({"user_properties", *SKIPPED})


def test_one_record_is_one_event() -> None:
    assert kinds(Copying().walks(a_record())) == ["event"]
