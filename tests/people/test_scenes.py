"""What is rare, one scene at a time: so that a fault has a name."""

from __future__ import annotations

import pytest

from tests.people import oddities
from tests.people.export import Export
from tests.people.judge import faults
from tests.people.runs import PROJECTS, Fed, dead_letters, judged

EVERY = (*oddities.SCENES, oddities.device_called_like_a_user_to_come)


@pytest.mark.parametrize("project", PROJECTS, ids=str)
@pytest.mark.parametrize("scene", EVERY, ids=lambda scene: scene.__name__)
def test_a_scene_ends_as_amplitude_knows(scene, project, tmp_path, monkeypatch):
    export = Export(seed=9, users=0, scenes=(scene,) * 3)
    with project.open() as fake:
        Fed(project, tmp_path, monkeypatch).run(fake, [export.lines])
        assert faults(judged(export, project, fake)) == {}
    assert dead_letters(tmp_path / "dead.singer") == export.truth.dead
