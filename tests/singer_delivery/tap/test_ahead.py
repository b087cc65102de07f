from __future__ import annotations

import threading
from contextlib import closing

import pytest
from singer_delivery.tap import ahead
from singer_delivery.tap.ahead import one_ahead


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


class Stopped(BaseException):
    """What a handler of a signal raises."""


@pytest.mark.parametrize("is_making", [True, False], ids=["while it makes", "before it makes"])
def test_a_signal_that_strikes_while_a_thread_starts_closes_the_source(
    monkeypatch, caplog, is_making
):
    gate, calls = threading.Event(), []
    source = Items()

    def gated():
        for number in source():
            if number == 2:
                is_under_way.set()
                gate.wait(10)
            yield number

    class Thread(threading.Thread):
        """Python starts a thread in several steps, between which a handler may run."""

        def start(self):
            calls.append(self)
            if len(calls) == 2 and not is_making:
                raise Stopped
            super().start()
            if len(calls) == 2:
                assert is_under_way.wait(10)
                raise Stopped

    is_under_way = threading.Event()
    monkeypatch.setattr(ahead.threading, "Thread", Thread)
    items = one_ahead(gated())
    with pytest.raises(Stopped):
        next(items)
    assert source.is_closed.is_set() is not is_making
    gate.set()
    assert source.is_closed.wait(10)
    assert not source.made[2].is_set()
    assert caplog.records == []
