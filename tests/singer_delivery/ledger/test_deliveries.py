"""The list of deliveries: found again months later, in memory that is bounded."""

from __future__ import annotations

import random
import sqlite3
import tracemalloc
from array import array

import pytest
from singer_delivery.ledger import days as days_in_memory
from singer_delivery.ledger import keys
from singer_delivery.ledger.accepted import Accepted
from singer_delivery.ledger.keys import Keys, merged_lists
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Delivery

from tests.singer_delivery.ledger.ledgers import accepted

DAY = 86_400_000_000  # restated
NOW = 1_800_000_000


def opened(path, scope="project", **options):
    return Ledger(f"sqlite:///{path}", scope, now=lambda: NOW, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


def of(number: int, day: int = 20_000) -> Delivery:
    return Delivery.of(f"00000000-0000-4000-8000-{number:012}", day * DAY + number)


def it(number: int, day: int = 20_000) -> Accepted:
    return accepted(of(number, day))


def test_an_event_is_known_by_its_day_and_eight_bytes():
    known = of(1)
    assert known.day == 20_000
    assert 0 <= known.key < 2**64
    assert len({of(number).key for number in range(10_000)}) == 10_000


def test_ids_that_differ_in_any_part_have_different_keys():
    """Half of a time-based uuid is the same for all events of a machine."""
    keys = {Delivery.of(f"{n:08x}-1111-11ee-9999-0242ac120002", 0).key for n in range(1_000)}
    assert len(keys) == 1_000


def test_what_is_delivered_is_known_at_once_and_in_later_runs(path):
    first = opened(path)
    assert not first.was_delivered(of(1))
    first.delivered([it(1), it(2), it(3, day=20_001)])
    assert first.was_delivered(of(1))
    first.save()
    first.delivered([it(4)])
    assert first.was_delivered(of(4))
    first.close()  # of(4) was not saved

    second = opened(path)
    known = [second.was_delivered(each) for each in (of(1), of(2), of(3, 20_001), of(3), of(4))]
    assert known == [True, True, True, False, False]
    second.close()


def test_another_project_has_its_own(path):
    first = opened(path)
    first.delivered([it(1)])
    first.save()
    first.close()
    other = opened(path, "another")
    assert not other.was_delivered(of(1))
    other.close()


def test_without_it_nothing_is_listed_or_asked(path):
    ledger = Ledger(f"sqlite:///{path}", "project")
    ledger.delivered([it(1)])
    assert not ledger.remembers
    assert not ledger.was_delivered(of(1))
    ledger.save()
    ledger.close()
    rows = sqlite3.connect(path).execute("SELECT * FROM singer_delivery_deliveries").fetchall()
    assert rows == []


def test_it_takes_eight_bytes_an_event(path):
    ledger = opened(path)
    ledger.delivered(it(number) for number in range(1_000))
    ledger.save()
    ledger.close()
    rows = sqlite3.connect(path).execute("SELECT length(content) FROM singer_delivery_deliveries")
    assert rows.fetchall() == [(8_000,)]


def test_days_leave_memory_and_are_read_again(path, monkeypatch):
    monkeypatch.setattr(days_in_memory, "MOST_KEYS", 25)
    ledger = opened(path)
    for day in range(10):
        ledger.delivered(it(number, day) for number in range(10))
        ledger.save()
    for _ in range(2):
        for day in range(10):
            assert all(ledger.was_delivered(of(number, day)) for number in range(10))
            assert not ledger.was_delivered(of(10, day))
            assert len(ledger._deliveries._days.days()) <= 2
    ledger.close()


def test_days_that_no_save_meets_any_more_leave_memory(path):
    """History comes day by day: a year of it takes no more memory than its last days."""
    ledger = opened(path)
    for day in range(30):
        ledger.delivered(it(number, day) for number in range(10))
        ledger.save()
        there = ledger._deliveries._days.days()
        assert there == [*range(max(0, day + 1 - days_in_memory.IDLE), day + 1)]
    assert all(ledger.was_delivered(of(number, day)) for number in range(10) for day in range(30))
    ledger.close()


@pytest.mark.parametrize(("days", "each"), [(50, 200), (2, 20_000)])
def test_keys_take_few_bytes_however_many_there_are_of_a_day(days, each):
    """As saves bring them: objects of Python would take a hundred bytes each."""
    dice = random.Random(each)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        known = [Keys() for _ in range(days)]
        for _ in range(5):
            for day in known:
                some = sorted(dice.getrandbits(64) for _ in range(each // 5))
                day.add(day.new_among(some), are_marked=True)
        assert sum(map(len, known)) == days * each
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (taken - before) / (days * each) < 20


@pytest.mark.parametrize("count", [1, 63, 64, 1_000])
def test_keys_in_many_lists_are_told_apart(count, monkeypatch):
    monkeypatch.setattr(keys, "FEW", 16)
    dice = random.Random(count)
    chosen = [dice.getrandbits(64) for _ in range(count)] + [0, 2**64 - 1, 1 << 58]
    known = Keys()
    for key in chosen:
        known.add([key])
    assert all(key in known for key in chosen)
    others = [dice.getrandbits(64) for _ in range(1_000)]
    assert not any(key in known for key in others)
    assert known.new_among(sorted([*chosen, *others])) == sorted(others)
    assert known.new_among(others) == others
    assert len(known) == len(chosen)
    assert len(known._lists) <= 11


def test_merged_lists_are_sorted_and_complete():
    dice = random.Random(7)
    lists = [array("Q", sorted(dice.getrandbits(64) for _ in range(n))) for n in (0, 1, 50, 300)]
    assert list(merged_lists(lists)) == sorted(key for each in lists for key in each)


def test_a_run_that_is_cut_off_is_known_by_its_last_save_until_one_ends_well(path):
    first = opened(path)
    assert first.cut_off_at is None
    first.delivered([it(1)])
    first.save()
    first.close()

    second = opened(path)
    assert second.cut_off_at == NOW
    second.end_well()
    second.close()

    third = opened(path)
    assert third.cut_off_at is None
    third.close()


def test_a_dry_run_asks_and_writes_nothing(path):
    ledger = opened(path)
    ledger.delivered([it(1)])
    ledger.save()
    ledger.close()
    dry = opened(path, keep=False)
    dry.delivered([it(2)])
    dry.save()
    dry.end_well()
    assert dry.was_delivered(of(1))
    dry.close()
    again = opened(path)
    assert again.was_delivered(of(1))
    assert not again.was_delivered(of(2))
    assert again.cut_off_at == NOW
    again.close()
