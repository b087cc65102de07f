"""What holds for every source: ids, names, and what counts as newer."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.mapping.newer import Newer, is_newer
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation
from singer_delivery.mapping.records import harmless_name, is_bookkeeping, put_aside
from singer_delivery.model import Fact, Note

from tests.pairs.walk import Remembering

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


def fact(at: int, value: str, then: str = "") -> Fact:
    return Fact("person", "u1", value, at, then)


@pytest.mark.parametrize(
    ("last", "new", "is_sent", "is_renewed"),
    [
        (None, (1, "a"), True, False),
        ((1, "a"), (2, "b"), True, False),
        ((2, "a"), (1, "b"), False, False),
        ((1, "a"), (1, "a"), False, False),
        ((1, "a"), (2, "a"), False, True),
        ((2, "a"), (1, "a"), False, False),
        # Of two contents of one time the one read later is the newer, whatever it says.
        ((1, "a"), (1, "b"), True, False),
        ((1, "b"), (1, "a"), True, False),
        ((1, "a", "2"), (1, "b", "1"), False, False),
        ((1, "a", "1"), (1, "b", "2"), True, False),
        ((1, "a", "1"), (1, "a", "2"), False, True),
    ],
)
def test_what_is_sent_is_newer_and_different(
    last: tuple | None, new: tuple, is_sent: object, is_renewed: object
) -> None:
    renewed: list[Fact] = []
    assert is_newer(fact(*last) if last else None, fact(*new), renewed) == is_sent
    assert renewed == ([fact(*new)] if is_renewed else [])


MONTH = 30 * 86_400_000_000


def at(received: int, *, lag: int = 0, number: int = 0) -> Observation:
    """Return a record that was received then, so long after it happened."""
    return Observation(
        "Played", "u1", None, None, received - lag, "when", NOTHING, NO_GROUPS,
        received=received, number=number,
    )  # fmt: skip


SENT = at(MONTH * 3)


@pytest.mark.parametrize(
    ("seen", "value", "is_sent", "is_renewed"),
    [
        (at(MONTH * 3 + 1), "b", True, False),
        (at(MONTH * 3 + 1), "a", False, True),
        (at(MONTH * 3 - 1), "b", False, False),
        (at(MONTH * 3 + 1, lag=MONTH), "b", True, False),
        (at(MONTH * 3 + 1, lag=MONTH + 1), "b", False, False),
        (at(MONTH * 3 + 1, lag=MONTH + 1), "a", False, False),
        # It happened later than what was sent, and was received before it: a phone was offline.
        (at(MONTH * 3 - 1, lag=-10), "b", False, False),
        # Of one moment: the source's counter tells; the same record again says nothing new.
        (at(MONTH * 3, number=1), "b", True, False),
        (at(MONTH * 3, lag=1), "b", False, False),
        (SENT, "a", False, False),
    ],
)
def test_newer_is_what_was_received_later(
    seen: Observation, value: str, is_sent: object, is_renewed: object
) -> None:
    past, renewed = Remembering(), list[Fact]()
    past.add([Fact("person", "u1", "a", *SENT.since)])
    found = Newer(30).fact(past, "person", "u1", value, seen, renewed)
    assert found == (Fact("person", "u1", value, *seen.since) if is_sent else None)
    assert [each.at for each in renewed] == ([seen.received] if is_renewed else [])


def test_what_was_filled_in_later_counts_where_nothing_is_known_and_gives_way_to_all_else() -> None:
    past, filled_in = Remembering(), at(MONTH * 3, lag=MONTH + 1)
    found = Newer(30).fact(past, "person", "u1", "old", filled_in, [])
    assert found == Fact("person", "u1", "old", filled_in.at)
    past.add([found])
    assert Newer(30).fact(past, "person", "u1", "now", at(MONTH * 2), []) is not None
    assert (
        Newer(30).fact(past, "person", "u1", "older", at(MONTH * 3 + 1, lag=MONTH * 2), []) is None
    )


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
    [
        *((f"_{name}", True) for name in ("sdc_batched_at", "SDC_BATCHED_AT", "dead_letter")),
        *((f"_{name}", True) for name in ("airbyte_raw_id", "fivetran_synced", "FIVETRAN_ID")),
        *((f"_{name}", True) for name in ("smart_source_lineno", "dlt_id", "dlt_load_id")),
        *((name, False) for name in ("_dead_letters", "a", "sdc_a", "_insert_id", "_airbyte", "")),
    ],
)
def test_columns_that_were_added_on_the_way_are_known(column: str, is_singers: object) -> None:
    assert is_bookkeeping(column) == is_singers
