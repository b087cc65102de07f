from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_delivery.io.retry import LONGEST_RETRY_AFTER, Backoff, Clock, retry_after_seconds

NOW = 1_800_000_000.0


def share(of_the_most: float) -> Callable[[float], float]:
    """A jitter that always returns the same share of what it may return at most."""
    return lambda most: most * of_the_most


def test_waits_double_up_to_the_cap():
    backoff = Backoff(first=1.0, cap=60.0, jitter=share(1.0))
    waits = [backoff.wait(attempt) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_shortens_a_wait_by_half_at_most():
    assert Backoff(first=8.0, jitter=share(0.0)).wait(1) == 4.0
    assert Backoff(first=8.0, jitter=share(0.5)).wait(1) == 6.0


@given(st.integers(1, 10_000), st.integers())
def test_every_wait_lies_between_half_and_all_of_it(attempt: int, seed: int):
    longest = min(60.0, 2.0 ** min(attempt - 1, 100))
    wait = Backoff(jitter=partial(random.Random(seed).uniform, 0)).wait(attempt)
    assert longest / 2 <= wait <= longest


def test_two_lanes_that_failed_together_come_back_apart():
    backoff = Backoff()
    assert len({backoff.wait(5) for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 1.0), (0.5, 1.0), (30.0, 30.0)])
def test_what_the_service_asks_for_is_a_minimum(asked: float, expected: float):
    assert Backoff(jitter=share(1.0)).wait(1, asked) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("601", LONGEST_RETRY_AFTER),
        ("1e999", LONGEST_RETRY_AFTER),
        ("9" * 5_000, LONGEST_RETRY_AFTER),
        ("nan", None),
        ("", None),
        ("   ", None),
        ("soon", None),
        ("Sun, 99 Foo 2027 00:00:00 GMT", None),
        ("Mon, 1 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_or_passed_over(header: str, expected: float | None):
    assert retry_after_seconds({"Retry-After": header}, NOW) == expected


def test_no_header_asks_for_nothing():
    assert retry_after_seconds({}, NOW) is None


@pytest.mark.parametrize(("ahead", "expected"), [(90, 90.0), (-90, 0.0), (86_400, 600.0)])
def test_retry_after_may_be_a_date(ahead: int, expected: float):
    date = datetime.fromtimestamp(NOW, timezone.utc) + timedelta(seconds=ahead)
    header = format_datetime(date, usegmt=True)
    assert retry_after_seconds({"Retry-After": header}, NOW) == expected


@pytest.fixture
def far_from_greenwich(monkeypatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_date_without_a_zone_is_utc():
    # -0000 is what RFC 5322 writes for "no zone known"; the parser then gives a naive time.
    date = datetime.fromtimestamp(NOW + 60, timezone.utc).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after_seconds({"Retry-After": date}, NOW) == 60.0


@given(st.text(max_size=60))
@example("Fri, 31 Dec 9999 23:59:59 -9999")
@example("1 Jan 0000 00:00:00 GMT")
@example("1 Jan 2027 00:00:00 +99999999999999999999")
def test_no_header_whatever_it_holds_stops_a_run(header: str):
    seconds = retry_after_seconds({"Retry-After": header}, NOW)
    assert seconds is None or 0.0 <= seconds <= LONGEST_RETRY_AFTER


def test_the_real_clock_goes_forward():
    clock = Clock()
    before = clock.monotonic(), clock.now()
    clock.sleep(0.0)
    assert clock.monotonic() >= before[0]
    assert clock.now() == pytest.approx(before[1], abs=60)
