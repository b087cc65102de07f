"""An export through tap and target: who did what, and what is true of whom, is as Amplitude has it.

Each run is two real processes and a service over HTTP; the judge then looks into the service.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.end_to_end.pipe import Pipe, batches_in, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.people.export import START, Export
from tests.people.judge import assert_right
from tests.people.runs import PROJECTS, Project, dead_letters, judged, piped

POSTHOG, SIMPLIFIED, ORIGINAL, COPY = PROJECTS


class Way(NamedTuple):
    """One way of running an import."""

    project: Project
    batch: bool
    parts: int
    processes: int

    def __str__(self) -> str:
        road = "BATCH" if self.batch else "RECORD"
        return f"{self.project}, {road}, {self.parts} parts, {self.processes} processes"


WAYS = (
    Way(POSTHOG, batch=False, parts=8, processes=0),
    Way(SIMPLIFIED, batch=True, parts=3, processes=2),
    Way(ORIGINAL, batch=False, parts=8, processes=0),
    Way(COPY, batch=True, parts=3, processes=2),
)
ALL_WAYS = tuple(
    Way(project, batch, parts, processes)
    for project in PROJECTS
    for batch, parts, processes in ((False, 1, 2), (False, 8, 0), (True, 8, 0), (True, 3, 2))
)


def is_right(way: Way, export: Export, folder) -> Pipe:
    """Run the export in this way; assert that the service holds what Amplitude knows."""
    project, *rest = way
    batch, parts, processes = rest
    with project.open() as fake:
        pipe = piped(export, folder, project, fake, parts=parts, batch=batch, processes=processes)
        assert_right(judged(export, project, fake))
    assert dead_letters(pipe.dead_letters) == export.truth.dead
    return pipe


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_everybody_is_who_amplitude_says(way, tmp_path):
    export = Export(seed=1, users=60, days=1)
    pipe = is_right(way, export, tmp_path)
    notes = pipe.report["notes"]
    assert notes["known_by_amplitude_id"] == export.truth.known
    conflict = "shared_device" if way.project is COPY else "identity_conflict"
    for name in (conflict, "illegal_user_id", "illegal_device_id"):
        assert notes[name] > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
def test_everybody_is_who_amplitude_says_in_every_way(way, seed, tmp_path):
    is_right(way, Export(seed, users=400), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [False, True], ids=["RECORD", "BATCH"])
@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_runs_that_go_on_from_state_end_as_one_run_does(project, batch, tmp_path):
    """The first run ends in the middle of the export, the second goes on from its STATE."""
    export = Export(seed=4, users=200)
    hours = sorted(export.hours)
    with project.open() as fake, FakeAmplitude(export.hours, parts=3) as amplitude:
        settings = {**project.settings, "processes": 0}
        pipe = make_pipe(tmp_path, amplitude, project.destination, fake, **settings)
        pipe.tap["start_date"] = START.isoformat()
        if batch:
            pipe.tap["batch_config"] = batches_in(tmp_path)
        for end in (hours[len(hours) // 3], hours[len(hours) // 2], hours[-1]):
            pipe.tap["end_date"] = (end + timedelta(hours=1)).isoformat()
            ended = pipe.run()
            assert (ended.tap_code, ended.target_code) == (0, 0), ended.target_log
        assert_right(judged(export, project, fake))
