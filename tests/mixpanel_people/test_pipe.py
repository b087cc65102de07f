"""An export through tap and target as two processes, with both services over HTTP."""

from __future__ import annotations

import pytest

from tests.mixpanel_people.export import Export
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import (
    PROJECTS,
    TO_AMPLITUDE,
    TO_ORIGINAL,
    TO_POSTHOG,
    TO_SIMPLIFIED,
    dead_letters,
    due_dead,
    piped,
    served,
)
from tests.mixpanel_people.tapped import settings
from tests.tap_amplitude.taking import batch_config

WAYS = [
    (TO_POSTHOG, "simplified", None, False, 0),
    (TO_AMPLITUDE, "original", "US/Pacific", True, 2),
    (TO_SIMPLIFIED, "original", None, False, 2),
    (TO_ORIGINAL, "simplified", "Asia/Kolkata", True, 0),
]
ALL_WAYS = [
    (project, system, zone, batch, processes)
    for project in PROJECTS
    for system in ("simplified", "original")
    for zone, batch, processes in ((None, True, 2), ("US/Pacific", False, 0))
]


def named(way) -> str:
    project, system, zone, batch, processes = way
    road = "BATCH" if batch else "RECORD"
    return f"{system} to {project}, {zone}, {road}, {processes} processes"


def is_right(way, export: Export, folder) -> None:
    project, _, _, batch, processes = way
    with served(export) as mixpanel, project.open() as fake:
        tap = settings(mixpanel, export)
        if batch:
            tap["batch_config"] = batch_config(folder / "batches")
        piped(folder, tap, project, fake, processes)
        held = project.held(fake, export.truth)
        assert_right(judge(held, export.truth))
    assert dead_letters(folder / "dead.singer") == due_dead(export, held)


@pytest.mark.parametrize("way", WAYS, ids=named)
def test_everybody_is_who_mixpanel_says(way, tmp_path):
    _, system, zone, *_ = way
    is_right(way, Export(seed=1, users=60, system=system, zone=zone), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("way", ALL_WAYS, ids=named)
def test_everybody_is_who_mixpanel_says_in_every_way(way, tmp_path):
    _, system, zone, *_ = way
    is_right(way, Export(seed=2, users=400, system=system, zone=zone), tmp_path)
