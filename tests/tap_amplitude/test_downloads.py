from __future__ import annotations

import threading
from contextlib import closing

import pytest
from tap_amplitude.downloads import one_ahead


class Items:
    """Numbers from 1 on; notes which were made, and fails at one if told to."""

    def __init__(self, fails_at: int = 0) -> None:
        self.made = [threading.Event() for _ in range(10)]
        self.is_closed = threading.Event()
        self.fails_at = fails_at

    def __call__(self):
        try:
            for number, made in enumerate(self.made, 1):
                if number == self.fails_at:
                    raise LookupError(number)
                made.set()
                yield number
        finally:
            self.is_closed.set()


def test_all_items_arrive_in_order():
    with closing(one_ahead(Items()())) as items:
        assert list(items) == list(range(1, 11))


def test_one_item_is_made_ahead_and_no_more():
    source = Items()
    with closing(one_ahead(source())) as items:
        assert next(items) == 1
        assert source.made[1].wait(10)
        assert not source.made[2].wait(0.05)
        assert next(items) == 2
        assert source.made[2].wait(10)


def test_a_failure_is_raised_in_its_turn():
    with closing(one_ahead(Items(fails_at=3)())) as items:
        assert [next(items), next(items)] == [1, 2]
        with pytest.raises(LookupError):
            next(items)


def test_leaving_early_makes_no_further_item_and_closes_the_source():
    source = Items()
    with closing(one_ahead(source())) as items:
        next(items)
        assert source.made[1].wait(10)
    assert source.is_closed.wait(10)
    assert not source.made[2].is_set()
