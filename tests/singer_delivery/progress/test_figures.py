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
    line_of,
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
