"""Numbers, times, names and tables as people read them."""

from __future__ import annotations

import pytest
from singer_delivery.progress.words import (
    aligned,
    duration,
    hour_text,
    per_second,
    percent,
    shortened,
    size_text,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"), (0.4, "0 s"), (12, "12 s"), (59.6, "1 min"), (250, "4 min 10 s"),
        (599, "9 min 59 s"), (600, "10 min"), (3_599, "59 min"), (3_600, "1 h"),
        (7_800, "2 h 10 min"), (86_400, "24 h"), (2 * 86_400, "2 d"), (90 * 3_600, "3 d 18 h"),
    ],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.004, "0.4 %"),
        (0.41, "41 %"),
        (0.0999, "9.9 %"),
        (0.9999, "99 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_rounded_down_so_that_only_all_is_all(share, text):
    assert percent(share) == text


def test_rates_and_hours():
    assert [per_second(rate) for rate in (0, 0.04, 9.94, 10, 3_410.2)] == [
        "0/s", "0.0/s", "9.9/s", "10/s", "3,410/s",
    ]  # fmt: skip
    assert hour_text("2024-03-17T09") == "2024-03-17 09 h"
    assert hour_text("2024-03-17") == "2024-03-17"


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 bytes"), (999, "999 bytes"), (1_200, "1.2 KB"), (45_000_000, "45 MB"),
    (3_100_000_000_000_000, "3,100 TB"),
])  # fmt: skip
def test_sizes_are_for_people(size: float, text: str) -> None:
    assert size_text(size) == text


def test_a_name_does_nothing_to_the_terminal():
    assert shortened("a\x1b[31mb") == "a\ufffd[31mb"
    assert len(shortened("x" * 300)) == 40


def test_texts_stand_to_the_left_and_numbers_to_the_right():
    assert [*aligned([("name", "read", ""), ("a", "1", "late"), ("bcdef", "12,000", "")])] == [
        "name     read",
        "a           1  late",
        "bcdef  12,000",
    ]
