"""What holds for every source: ids, names, and what counts as newer."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.mapping.newer import is_newer
from singer_delivery.mapping.records import harmless_name, is_of_singer, put_aside
from singer_delivery.model import Fact, Note

RULES = IdRules(is_illegal=lambda text: text == "nobody", fitted=lambda text: text[:5])
"""An invented destination, of ids of five characters."""


@pytest.mark.parametrize(
    ("value", "found", "notes"),
    [
        ("u1", "u1", []),
        (" u1 ", "u1", []),
        (42, "42", []),
        (None, None, []),
        ("  ", None, []),
        (True, None, []),
        ({"a": 1}, None, []),
        ("nobody", None, [Note("illegal_user_id", "nobody")]),
        ("12345", "12345", []),
        ("123456", "12345", [Note("long_id", "user_id")]),
    ],
)
def test_an_id_is_as_the_destination_takes_it(value: Any, found: Any, notes: list) -> None:
    counted: list[Note] = []
    assert known_id(value, "user_id", counted, RULES) == found
    assert counted == notes


def fact(at: int, value: str) -> Fact:
    return Fact("person", "u1", value, at)


@pytest.mark.parametrize(
    ("last", "new", "is_told", "is_renewed"),
    [
        (None, (1, "a"), True, False),
        ((1, "a"), (2, "b"), True, False),
        ((2, "a"), (1, "b"), False, False),
        ((1, "a"), (1, "a"), False, False),
        ((1, "a"), (2, "a"), False, True),
        ((2, "a"), (1, "a"), False, False),
        ((1, "a"), (1, "b"), True, False),
        ((1, "b"), (1, "a"), False, False),
    ],
)
def test_news_is_what_is_newer_and_different(
    last: tuple | None, new: tuple, is_told: object, is_renewed: object
) -> None:
    renewed: list[Fact] = []
    assert is_newer(fact(*last) if last else None, fact(*new), renewed) == is_told
    assert renewed == ([fact(*new)] if is_renewed else [])


def last_told(facts: tuple[Fact, ...]) -> Fact | None:
    told = None
    for each in facts:
        renewed: list[Fact] = []
        if is_newer(told, each, renewed) or renewed:
            told = each
    return told


@given(st.lists(st.builds(fact, st.integers(0, 3), st.sampled_from("abc")), max_size=4))
def test_the_last_word_is_the_same_in_any_order(facts: list[Fact]) -> None:
    ends = {last_told(order) for order in permutations(facts)}
    assert ends == {max(facts, key=lambda each: (each.at, each.value), default=None)}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({}, {"p_ip": 1}),
        ({"p_ip": 2}, {"p_ip": 2, "p_p_ip": 1}),
        ({"p_ip": 2, "p_p_ip": 3}, {"p_ip": 2, "p_p_ip": 3, "p_p_p_ip": 1}),
    ],
)
def test_what_is_put_aside_never_replaces_anything(held: dict, expected: dict) -> None:
    put_aside(held, "$ip", 1, "p_")
    assert held == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Played", "Played"),
        ("$mine", "$mine"),
        ("$merge", "p_merge"),
        ("$mp_page", "p_mp_page"),
        ("merge", "merge"),
        ("", ""),
    ],
)
def test_a_name_with_a_meaning_loses_it(name: str, expected: str) -> None:
    assert harmless_name(name, {"$merge"}, ("$mp_",), "p_") == expected


@pytest.mark.parametrize(
    ("column", "is_singers"),
    [("_sdc_batched_at", True), ("_dead_letter", True), ("_dead_letters", False), ("a", False)],
)
def test_columns_that_were_added_on_the_way_are_known(column: str, is_singers: object) -> None:
    assert is_of_singer(column) == is_singers
