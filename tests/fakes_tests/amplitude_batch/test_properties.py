"""What an event shows and what it changes: Amplitude's "Backfill data" and "Identify API"."""

from __future__ import annotations

import pytest

from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes.amplitude_batch.properties import OPERATIONS, changed
from tests.fakes_tests.amplitude_batch.sending import (
    ANA,
    Clock,
    delivered,
    event,
    identify,
    send,
)

# Restated on purpose (Amplitude docs, "Identify API"; `$clearAll` is the SDKs').
# fmt: off
NAMES = {
    "$set", "$setOnce", "$add", "$append", "$prepend", "$unset", "$preInsert", "$postInsert",
    "$remove", "$clearAll",
}
# fmt: on


def shown(amplitude: FakeAmplitudeBatch) -> list[dict]:
    return [row["user_properties"] for row in amplitude.rows()]


def table(amplitude: FakeAmplitudeBatch) -> dict:
    return amplitude.user(ANA).properties


# Events ---------------------------------------------------------------------------------------


def test_a_plain_event_changes_the_table_and_shows_all_of_it():
    amplitude = delivered(
        event(1, user_properties={"color": "red"}), event(2, user_properties={"size": 3}), event(3)
    )
    all_of_it = {"color": "red", "size": 3}
    assert shown(amplitude) == [{"color": "red"}, all_of_it, all_of_it]
    assert table(amplitude) == all_of_it


def test_a_skipped_event_neither_reads_nor_writes_the_table():
    amplitude = delivered(
        event(1, user_properties={"color": "red", "size": 3}),
        event(2, user_properties={"color": "blue"}, skip=True),
        event(3, skip=True),
        event(4),
    )
    red = {"color": "red", "size": 3}
    assert shown(amplitude) == [red, {"color": "blue"}, {}, red]
    assert table(amplitude) == red


@pytest.mark.parametrize(("late", "color_of_b"), [(False, "blue"), (True, "red")])
def test_the_order_of_arrival_decides_what_an_event_shows(late, color_of_b):
    blue = identify(2, {"$set": {"color": "blue"}})
    first, second = event(1, user_properties={"color": "red"}), event(3)
    amplitude = delivered(first, *([second, blue] if late else [blue, second]))
    assert [row["color"] for row in shown(amplitude)] == ["red", color_of_b]
    assert table(amplitude) == {"color": "blue"}


def test_an_identify_is_in_the_table_at_once_and_in_charts_with_the_next_event():
    before = delivered(event(1), identify(2, {"$set": {"plan": "pro"}}))
    assert (table(before), before.user(ANA).shown) == ({"plan": "pro"}, {})
    skipped = delivered(identify(1, {"$set": {"plan": "pro"}}), event(2, skip=True))
    assert skipped.user(ANA).shown == {}
    after = delivered(identify(1, {"$set": {"plan": "pro"}}), event(2))
    assert after.user(ANA).shown == {"plan": "pro"}


def test_an_identify_with_the_flag_changes_nothing():
    amplitude = delivered(identify(1, {"$set": {"plan": "pro"}}, skip=True))
    assert table(amplitude) == {}


def test_an_operation_outside_identify_is_not_relied_on():
    amplitude = delivered(event(1, user_properties={"$set": {"plan": "pro"}, "size": 3}))
    assert table(amplitude) == {"size": 3}


def test_a_user_keeps_their_values_when_somebody_anonymous_is_merged_into_them():
    amplitude = delivered(
        event(1, user_properties={"color": "red"}),
        event(2, device_id="phone-2", user_id=..., user_properties={"color": "blue", "size": 3}),
        event(3, device_id="phone-2"),
    )
    assert table(amplitude) == {"color": "red", "size": 3}


def test_changes_beyond_1800_an_hour_and_person_are_lost_and_events_stay():
    clock = Clock()
    with FakeAmplitudeBatch(now=clock) as amplitude:
        send(amplitude, *(event(n, user_properties={"n": n}) for n in range(1_801)))
        assert (amplitude.lost_updates, table(amplitude)) == (1, {"n": 1_799})
        clock.forward(hours=1)
        send(amplitude, identify(9_999, {"$set": {"n": "new"}}))
    assert len(amplitude.stored()) == 1_801
    assert table(amplitude) == {"n": "new"}


# Amplitude's own keys -------------------------------------------------------------------------


def test_keys_of_amplitudes_own_follow_the_same_rule():
    amplitude = delivered(
        event(1, platform="iOS", app_version="1"),
        event(2, platform="Web", skip=True),
        identify(3, {}, app_version="2"),
    )
    assert amplitude.user(ANA).defaults == {"platform": "iOS", "app_version": "2"}


def test_one_of_four_places_resets_the_others():
    all_four = {"country": "Germany", "region": "Berlin", "city": "Berlin", "dma": ""}
    whole = delivered(event(1, **all_four), event(2))
    assert whole.user(ANA).defaults == {"country": "Germany", "region": "Berlin", "city": "Berlin"}
    part = delivered(event(1, **all_four), event(2, city="Bonn"))
    assert part.user(ANA).defaults == {"city": "Bonn"}


@pytest.mark.parametrize(
    ("keys", "revenue"),
    [
        ({}, None),
        ({"revenue": 5}, 5),
        ({"price": 2.5}, 2.5),
        ({"price": 2.5, "quantity": 4}, 10),
        ({"price": 2.5, "quantity": 4, "revenue": 1}, 10),
        ({"price": -2.5, "quantity": 4}, -10),
        ({"quantity": 4}, None),
    ],
)
def test_revenue_is_price_times_quantity_or_what_is_said(keys, revenue):
    ana = delivered(event(1, **keys)).user(ANA)
    assert (ana.revenue, ana.paying) == (revenue or 0, revenue is not None)


# Operations -----------------------------------------------------------------------------------


def test_the_operations_are_restated():
    assert OPERATIONS == NAMES


@pytest.mark.parametrize(
    ("operation", "value", "becomes"),
    [
        ("$set", 7, {"x": 7}),
        ("$setOnce", 7, {"x": 1}),
        ("$add", 2, {"x": 3}),
        ("$append", 2, {"x": [1, 2]}),
        ("$prepend", [2, 3], {"x": [2, 3, 1]}),
        ("$unset", "-", {}),
        ("$preInsert", [1, 2], {"x": [2, 1]}),
        ("$postInsert", [1, 2], {"x": [1, 2]}),
        ("$remove", 1, {"x": []}),
        ("$clearAll", "-", {}),
    ],
)
def test_each_operation_changes_what_is_there(operation, value, becomes):
    said = value if operation == "$clearAll" else {"x": value}
    assert changed({"x": 1}, {operation: said}) == becomes


@pytest.mark.parametrize(
    ("operation", "becomes"),
    [
        ("$set", {"x": 2}),
        ("$setOnce", {"x": 2}),
        ("$add", {"x": 2}),
        ("$append", {"x": [2]}),
        ("$prepend", {"x": [2]}),
        ("$unset", {}),
        ("$preInsert", {"x": [2]}),
        ("$postInsert", {"x": [2]}),
        ("$remove", {}),
    ],
)
def test_each_operation_makes_something_of_nothing(operation, becomes):
    assert changed({}, {operation: {"x": 2}}) == becomes


def test_operations_are_carried_out_in_the_servers_order():
    said = {"$append": {"x": 3}, "$setOnce": {"x": 2}, "$set": {"x": 1}, "$unset": {"x": "-"}}
    assert changed({"x": 9, "y": 8}, said) == {"x": [1, 3], "y": 8}


def test_clear_all_comes_first_and_plain_keys_are_set():
    assert changed({"x": 9}, {"$set": {"y": 1}, "$clearAll": "-", "z": 2}) == {"y": 1, "z": 2}


# Groups ---------------------------------------------------------------------------------------


def tell(number: int, name: str, said: dict) -> dict:
    groups = {"company": name}
    return event(number, event_type="$groupidentify", groups=groups, group_properties=said)


def test_properties_of_a_group_reach_later_events_only():
    acme = {"groups": {"company": "acme"}}
    amplitude = delivered(
        event(1, **acme), tell(2, "acme", {"$set": {"plan": "pro"}}), event(3, **acme), event(4)
    )
    told = {("company", "acme"): {"plan": "pro"}}
    assert [row["group_properties"] for row in amplitude.rows()] == [{}, told, {}]
    assert amplitude.groups() == told


def test_groups_of_a_group_identify_make_no_person():
    amplitude = delivered(tell(1, "acme", {"$set": {"plan": "pro"}}))
    assert amplitude.people() == []


def test_groups_of_an_event_stay_with_it_and_those_of_an_identify_with_the_person():
    amplitude = delivered(
        event(1, groups={"team": "a"}),
        identify(2, {"$set": {"company": "acme"}}, groups={"company": "acme"}),
        event(3, groups={"team": "b"}),
        event(4),
    )
    assert [row["groups"] for row in amplitude.rows()] == [
        {"team": ["a"]},
        {"company": ["acme"], "team": ["b"]},
        {"company": ["acme"]},
    ]
