"""Killed anywhere, as often as it takes: in the end everything is there, once.

`make test-slow` kills each target's migrations 200 times, and a few under `meltano run`; the seed
and the instants of a migration that fails are printed with it.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.end_to_end.attempts import BOTH, MELTANO, MeltanoAttempt
from tests.end_to_end.kills import Instant, company_for, migration

A_FEW = 4
MIGRATIONS = 20
KILLS_EACH = 10
UNDER_MELTANO = 5
AT_ONCE = 4
"""Migrations at the same time: one waits for a retry while another's processes start."""

both_ways = pytest.mark.parametrize("in_batches", [False, True], ids=["records", "batches"])


@pytest.mark.parametrize(
    "in_batches",
    [pytest.param(False, id="records"), pytest.param(True, id="batches", marks=pytest.mark.slow)],
)
def test_a_few_kills_lose_and_double_nothing(tmp_path, destination, in_batches):
    with migration(tmp_path, destination, 1, company_for(1), in_batches=in_batches) as begun:
        begun.kill(A_FEW)
        begun.finish()


@pytest.mark.slow
@both_ways
def test_two_hundred_kills_lose_and_double_nothing(
    tmp_path, destination, in_batches, record_property
):
    def survive(seed: int) -> tuple[int, int]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        with migration(folder, destination, seed, in_batches=in_batches) as begun:
            begun.kill(KILLS_EACH)
            begun.finish()
            return begun.kills, len(destination.truth(begun.outcome.company).events)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        survived = list(pool.map(survive, range(100, 100 + MIGRATIONS)))

    kills, events = (sum(figures) for figures in zip(*survived, strict=True))
    record_property("kills survived", f"{kills} from Amplitude to {destination}, {events:,} events")
    assert kills >= MIGRATIONS * KILLS_EACH


def drawn_for_meltano(chance: random.Random) -> Instant:
    """Draw an instant of the group: Meltano takes longer to start, and keeps STATE to itself."""
    instant = Instant.drawn(chance)
    kind = "request" if instant.kind in ("state", "input over") else instant.kind
    delay = instant.delay * (4 if kind == "start" else 1)
    return replace(instant, kind=kind, delay=delay, victims=BOTH)


@pytest.mark.slow
@both_ways
@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
def test_meltano_killed_with_all_it_started_is_simply_run_again(
    tmp_path, destination, in_batches, record_property
):
    with migration(tmp_path, destination, 3, start=MeltanoAttempt, in_batches=in_batches) as begun:
        begun.kill(UNDER_MELTANO, drawn_for_meltano)
        begun.finish()
        record_property("kills survived", f"{begun.kills} of meltano run, {destination}")


@pytest.mark.slow
def test_the_judge_sees_an_event_that_is_missing(tmp_path, destination):
    with migration(tmp_path, destination, 1, company_for(1, events=300)) as begun:
        begun.finish()
        del begun.service._packed[100]
        with pytest.raises(AssertionError, match="missing"):
            destination.check(begun.service, begun.outcome)


@pytest.mark.slow
def test_the_judge_sees_a_state_that_is_ahead(tmp_path, destination):
    with migration(tmp_path, destination, 1, company_for(1, events=300)) as begun:
        begun.finish()
        del begun.service._packed[100]
        with pytest.raises(AssertionError, match="STATE covers"):
            begun.check_state()
