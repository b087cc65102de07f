"""Updates that wait are laid over each other, and become one event without contradictions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from singer_delivery.ledger.update import Update
from target_amplitude import closing

Said = tuple[dict[str, Any], dict[str, Any]]


def sent(*said: Said) -> dict[str, Any]:
    """Return what is sent of a person of whom this was said, one after the other."""
    last: Update | None = None
    for state, once in said:
        body = closing.waiting(closing.PERSON, {"user_id": "u"}, state, once, 0)
        encoded = orjson.dumps(body)
        last = Update("/batch", "u", 0, "", "", "", encoded, b"", "").over(last)
    assert last is not None
    return orjson.loads(closing.as_sent(last.encoded))


CASES = [
    ([({"a": 1}, {}), ({"a": 2, "b": 3}, {})], {"$set": {"a": 2, "b": 3}}),
    ([({"a": 1}, {}), ({"a": None}, {})], {"$unset": {"a": "-"}}),
    ([({"a": None}, {}), ({"a": 1}, {})], {"$set": {"a": 1}}),
    ([({}, {"a": 1}), ({}, {"b": 2})], {"$setOnce": {"a": 1, "b": 2}}),
    ([({"a": 1}, {}), ({}, {"a": 2})], {"$set": {"a": 1}}),
    ([({}, {"a": 2}), ({"a": 1}, {})], {"$set": {"a": 1}}),
    ([({"a": None}, {}), ({}, {"a": 2})], {"$set": {"a": 2}}),
    ([({}, {"a": 2}), ({"a": None}, {})], {"$unset": {"a": "-"}}),
    ([({"a": None}, {"a": 2})], {"$set": {"a": 2}}),
    ([({"a": {"x": 1}}, {}), ({"a": {"y": 2}}, {})], {"$set": {"a": {"y": 2}}}),
]


@pytest.mark.parametrize(("said", "operations"), CASES, ids=str)
def test_the_newest_of_a_name_counts_and_is_in_one_operation(
    said: list[Said], operations: dict[str, Any]
) -> None:
    assert sent(*said)["user_properties"] == operations


def test_the_id_is_made_of_whom_and_what() -> None:
    one, same, other = sent(({"a": 1}, {})), sent(({"a": 0}, {}), ({"a": 1}, {})), sent(({}, {}))
    assert one["insert_id"] == same["insert_id"] != other["insert_id"]


def test_any_other_event_is_sent_as_it_is() -> None:
    encoded = b'{"event_type":"Played","event_properties":{"$closing":"person"}}'
    assert closing.as_sent(encoded) is encoded


def test_a_state_that_comes_back_is_another_event() -> None:
    """Within seven days Amplitude would take it for the first one, and keep what was in between."""
    said = [
        closing.event_of(closing.waiting(closing.PERSON, {"user_id": "u"}, {"a": value}, {}, at))
        for value, at in ((1, 10), (2, 20), (1, 30), (1, 30))
    ]
    assert len({each["insert_id"] for each in said}) == 3
    assert said[0]["user_properties"] == said[2]["user_properties"]
