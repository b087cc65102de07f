"""An export through each pair: who did what, and what is true of whom, is as Mixpanel has it.

The target's own command runs in this process, with the service over HTTP; the judge then looks into
the service.
"""

from __future__ import annotations

import pytest

from tests.examples import first_of
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import PROJECTS, Fed, dead_letters, due_dead, messages
from tests.mixpanel_people.scenes import SCENES

SYSTEMS = ("simplified", "original")

each_project = pytest.mark.parametrize("project", PROJECTS, ids=str)
each_system = pytest.mark.parametrize("system", SYSTEMS)


@pytest.fixture
def is_right(tmp_path, monkeypatch):
    """Return a function: feed an export to a target, in these runs, and judge the service."""

    def run(project, export: Export, runs=None) -> None:
        with project.open() as fake:
            Fed(project, tmp_path, monkeypatch).run(fake, runs or [messages(export)])
            held = project.held(fake, export.truth)
            assert_right(judge(held, export.truth))
        assert dead_letters(tmp_path / "dead.singer") == due_dead(export, held)

    return run


@each_project
@each_system
def test_everybody_is_who_mixpanel_says(project, system, is_right):
    is_right(project, Export(seed=1, users=60, system=system))


SCENE_OF = [(scene, system) for scene in SCENES for system in scene.systems]


@each_project
@each_system
def test_all_scenes_end_as_mixpanel_knows(project, system, is_right):
    is_right(project, Export(seed=9, users=0, times=3, system=system))


@pytest.mark.slow
@each_project
@pytest.mark.parametrize(("scene", "system"), SCENE_OF, ids=str)
def test_a_scene_ends_as_mixpanel_knows(project, scene, system, is_right):
    is_right(project, Export(seed=9, users=0, scenes=(scene,), times=3, system=system))


@each_project
@each_system
@pytest.mark.parametrize("seed", first_of([2, 6]))
def test_a_second_reading_changes_nobody(project, system, seed, is_right):
    """Late rows appear, on shared devices too, and ids are those after merges."""
    export = Export(seed=seed, users=30, system=system, readings=True)
    is_right(project, export, [messages(export, reading) for reading in (1, 2)])
