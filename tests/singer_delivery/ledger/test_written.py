"""A run that began with no facts: what it need not ask the disk, and what it must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.ledger import written
from singer_delivery.ledger.facts import CACHED
from singer_delivery.ledger.written import BITS_A_KEY, SMALLEST, WrittenKeys

from tests.singer_delivery.ledger.ledgers import fact, last, opened

NAMES = st.text(max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["person", "owner"]), NAMES)))
def test_every_key_that_was_added_is_in_it(keys):
    written = WrittenKeys()
    for key in keys:
        written.add(key)
    assert all(key in written for key in keys)


def test_few_strangers_are_taken_for_known_however_many_keys_there_are():
    written = WrittenKeys()
    assert ("person", "nobody") not in written
    known = 4 * SMALLEST // BITS_A_KEY  # more than the first two parts take
    for number in range(known):
        written.add(("person", f"person {number}"))
    assert all(("person", f"person {number}") in written for number in range(0, known, 97))
    taken = sum(("person", f"stranger {number}") in written for number in range(20_000))
    assert taken < 20_000 / 10


def test_the_last_part_takes_all_further_keys(monkeypatch):
    monkeypatch.setattr(written, "LARGEST", 2 * SMALLEST)
    known = WrittenKeys()
    for number in range(8 * SMALLEST // BITS_A_KEY):
        known.add(("person", f"person {number}"))
    assert [len(part) for part in known._parts] == [SMALLEST // 8, SMALLEST // 4]
    assert all(("person", f"person {n}") in known for n in range(0, SMALLEST // 2, 97))


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, url):
    return url if request.param == "sqlite" else request.getfixturevalue("server")


def test_a_ledger_that_began_empty_does_not_ask_about_strangers(ledger_url):
    with opened(ledger_url, "strangers") as ledger, opened(ledger_url, "strangers") as other:
        last(other, fact("ann"))
        other.save()
        assert ledger.recall("person", "ann") is None, "only another run can have written it"


def test_what_a_run_wrote_is_found_when_memory_has_let_go_of_it(ledger_url):
    with opened(ledger_url, "found again") as ledger:
        last(ledger, fact("ann"))
        ledger.save()
        last(ledger, *(fact(f"other {number}") for number in range(2 * CACHED + 1)), block=1)
        ledger.save()
        assert ledger.recall("person", "ann") == fact("ann")


def test_a_ledger_that_began_with_facts_asks_about_everybody(ledger_url):
    with opened(ledger_url, "second run") as ledger:
        last(ledger, fact("ann"))
        ledger.save()
    with opened(ledger_url, "second run") as ledger:
        assert ledger.recall("person", "ann") == fact("ann")
        assert ledger.recall("person", "bob") is None
