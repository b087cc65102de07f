from __future__ import annotations

import pytest

from tests.fakes.http.exactly_once import assert_exactly_once


def complaint(stored, expected, key=None) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_exactly_once(stored, expected, key)
    return str(caught.value)


def test_the_same_items_in_another_order_are_fine():
    assert_exactly_once(iter(["b", "a"]), ["a", "b"])
    assert_exactly_once([], [])


def test_something_missing_is_told():
    text = complaint(["a"], ["a", "b"])
    assert "1 stored, 2 expected" in text
    assert "1 missing: 'b'" in text
    assert "duplicate" not in text
    assert "unexpected" not in text


def test_a_duplicate_is_told_with_how_often_it_is_there():
    text = complaint(["a", "a", "a", "b"], ["a", "b"])
    assert "1 duplicate: 'a' (3 times)" in text
    assert "missing" not in text
    assert "unexpected" not in text


def test_something_unexpected_is_told():
    text = complaint(["a", "x", "x"], ["a"])
    assert "1 unexpected: 'x' (2 times)" in text
    assert "duplicate" not in text


def test_nothing_stored_is_a_failure():
    assert "3 missing" in complaint([], ["a", "b", "c"])


def test_a_missing_one_does_not_hide_behind_a_duplicate():
    text = complaint(["a", "a"], ["a", "b"])
    assert "1 missing: 'b'" in text
    assert "1 duplicate: 'a'" in text


def test_what_is_expected_twice_must_be_there_twice():
    assert_exactly_once(["a", "a"], ["a", "a"])
    assert "1 missing: 'a'" in complaint(["a"], ["a", "a"])


def test_five_examples_are_shown_of_many():
    text = complaint([], [f"id-{number}" for number in range(7)])
    assert "7 missing" in text
    assert text.count("'id-") == 5
    assert text.endswith("…")


def test_dicts_are_told_apart_by_their_uuid():
    assert_exactly_once([{"uuid": "1", "request": 4}], [{"uuid": "1"}])
    assert "'2'" in complaint([{"uuid": "1"}], [{"uuid": "1"}, {"uuid": "2"}])


def test_a_key_says_what_makes_two_items_the_same():
    assert_exactly_once(["A", "b"], ["a", "B"], key=str.lower)
    assert "1 missing: ('e', 2)" in complaint(
        [{"event": "e", "day": 1}],
        [{"event": "e", "day": 1}, {"event": "e", "day": 2}],
        key=lambda item: (item["event"], item["day"]),
    )
