"""A bench that lost something must fail."""

from __future__ import annotations

import json

import pytest

from bench.pipelines import checked
from bench.processes import RunFailed
from bench.sink import Counts


@pytest.fixture
def report(tmp_path):
    def write(*, read=10, delivered=7):
        content = {
            "streams": {
                "events": {
                    "read": read,
                    "delivered": delivered,
                    "skipped": {"excluded": 2},
                    "dead": {"no_identity": 1},
                }
            },
            "endpoints": {"/import": {"delivered": 6}, "/engage": {"delivered": 3}},
        }
        path = tmp_path / "report.json"
        path.write_text(json.dumps(content))
        return path

    return write


ALL = Counts(events=6, updates=3)


def test_what_adds_up_passes(report):
    assert checked(report(), 10, ALL) == 9


@pytest.mark.parametrize(
    ("told", "lines", "counts"),
    [
        ({"delivered": 6}, 10, ALL),
        ({"read": 9, "delivered": 6}, 10, ALL),
        ({}, 11, ALL),
        ({}, 10, Counts(events=5, updates=3)),
        ({}, 10, Counts(events=6, updates=4)),
    ],
    ids=["undecided", "unread", "another export", "lost", "too many"],
)
def test_what_does_not_add_up_fails(report, told, lines, counts):
    with pytest.raises(RunFailed):
        checked(report(**told), lines, counts)
