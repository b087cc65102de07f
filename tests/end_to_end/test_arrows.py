"""A kill at each arrow of the order of durable writes; the real target then finishes the run."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from tests.destinations import AMPLITUDE, IN_ALL_WAYS, MIXPANEL
from tests.end_to_end.killed_at import write_executable
from tests.end_to_end.kills import company_for, migration

ON_THE_WAY = ("claims", "request", "reply", "dead letters", "ledger", "state")
OF_UPDATES = ("kept", "sent", "forgotten")
OFTEN = ("claims", "request", "reply", "dead letters", "state")
ARROWS = [
    *((destination, step) for destination in IN_ALL_WAYS for step in ON_THE_WAY),
    *((destination, step) for destination in (MIXPANEL, AMPLITUDE) for step in OF_UPDATES),
]


def cases():
    for destination, step in ARROWS:
        for when in ("before", "after"):
            for number in (1, 2) if step in OFTEN else (1,):
                name = f"{destination}: {when} {step} {number}"
                yield pytest.param(destination, step, when, number, id=name)


@pytest.fixture(scope="module")
def company():
    return company_for(4, events=1_000)  # with dead letters at each destination


def die_at(begun, step, when, number):
    """Run once up to that arrow; the process must have come there."""
    name = begun.pipe.target_name
    path = begun.pipe.folder / "killed-at"
    begun.pipe.target_name = write_executable(path, name, step, when, number)
    ended = begun.end(begun.begin(misbehaving=False))
    begun.pipe.target_name = name
    assert ended.target_code == -signal.SIGKILL, ended.target_log


def rows(begun, table):
    """Count the rows of a table of the ledger, as a run that starts now would find them."""
    with closing(sqlite3.connect(begun.pipe.folder / "ledger.sqlite3")) as database:
        return database.execute(f"SELECT count(*) FROM singer_delivery_{table}").fetchone()[0]


@pytest.mark.slow
@pytest.mark.parametrize(("destination", "step", "when", "number"), list(cases()))
def test_a_kill_at_an_arrow_changes_nothing(tmp_path, destination, company, step, when, number):
    with migration(tmp_path, destination, number, company) as begun:
        die_at(begun, step, when, number)
        begun.finish()
        assert rows(begun, "updates") == 0


def test_claims_are_on_disk_when_the_first_request_leaves(tmp_path, destination, company):
    with migration(tmp_path, destination, 1, company) as begun:
        die_at(begun, "request", "before", 1)
        assert begun.service.journal == []
        assert rows(begun, "facts") > 0


def test_no_state_leaves_before_the_ledger_is_on_disk(tmp_path, destination, company):
    with migration(tmp_path, destination, 1, company) as begun:
        die_at(begun, "ledger", "before", 1)
        assert begun.pipe.last_state is None
        assert len(begun.service.arrivals) > 0
