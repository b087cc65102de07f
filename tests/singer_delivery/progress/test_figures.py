"""The line that says how far a run is, as a person reads it."""

from __future__ import annotations

import pytest
from singer_delivery.progress.figures import (
    COMPLETE,
    FAILED,
    FINISHING,
    PAUSED,
    RUNNING,
    WAITING,
    Figures,
    Wait,
    duration,
    hour_text,
    line_of,
    per_second,
    percent,
)


def test_a_line_with_everything_is_that_of_the_brief():
    figures = Figures(
        WAITING,
        12_480_000,
        at="2024-03-17T09",
        share=0.41,
        dead=7,
        waits=(Wait("destination answers 429", 12.2),),
    )
    assert line_of(figures, 3_410.4, 7_800, 3_660) == (
        "12,480,000 events (3,410/s) · at 2024-03-17 09 h · 41 % of the range · ETA 2 h 10 min · "
        "dead 7 · waiting: destination answers 429, 12 s"
    )


@pytest.mark.parametrize(
    ("figures", "rate", "line"),
    [
        (Figures(), None, "0 events"),
        (Figures(RUNNING, 5, "rows"), 0.0, "5 rows (0/s)"),
        (Figures(PAUSED, 5), 0.44, "5 events (0.4/s) · paused"),
        (Figures(FINISHING, 5), None, "5 events · finishing"),
        (
            Figures(count=5, also=("3 windows",), at="2024-03-17"),
            None,
            "5 events · 3 windows · at 2024-03-17",
        ),
        (
            Figures(COMPLETE, 5, share=1.0, at="2024-03-17T09"),
            2.0,
            "5 events (2.0/s) · complete after 1 min 1 s",
        ),
        (
            Figures(FAILED, 5, share=0.5, cause="No key."),
            2.0,
            "5 events (2.0/s) · 50 % of the range · failed after 1 min 1 s: No key.",
        ),
    ],
)
def test_what_is_not_known_is_not_said(figures, rate, line):
    assert line_of(figures, rate, None, 61.0) == line


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
