from __future__ import annotations

import pytest
from singer_delivery.mapping.changes import Changes, EmptyWord

EMPTY = EmptyWord("EMPTY", frozenset({"referrer"}))


def test_empty_changes_are_no_operations() -> None:
    assert Changes().as_properties() == {}
    assert list(Changes({"a": 1}, {}, ["b"]).as_properties()) == ["$set", "$unset"]


@pytest.mark.parametrize(
    ("key", "value", "says_nothing"),
    [
        ("referrer", "EMPTY", True),
        ("referrer", "empty", False),
        ("cart", "EMPTY", False),
        ("referrer", ["EMPTY"], False),
    ],
)
def test_a_word_for_nothing_means_it_under_certain_names_only(
    key: str, value: object, says_nothing: object
) -> None:
    assert EMPTY.is_said(key, value) is says_nothing
    assert EMPTY.something({key: value}) == ({} if says_nothing else {key: value})


@pytest.mark.parametrize("nothing", [{}, {"a": None}, {"a": "", "referrer": "EMPTY"}])
def test_where_nothing_is_said_nothing_is_left(nothing: dict) -> None:
    assert EMPTY.something(nothing) == {}
    assert EMPTY.something({**nothing, "b": 0}) == {"b": 0}


def test_what_says_nothing_is_left_out() -> None:
    assert EMPTY.something({"a": None, "b": "", "c": 0, "d": False, "e": [], "f": {}}) == {
        "c": 0,
        "d": False,
        "e": [],
        "f": {},
    }
