"""What is rare, one scene at a time: so that a fault has a name."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.fakes.company.rows import Dice
from tests.people import oddities
from tests.people.amplitude import Amplitude
from tests.people.export import Export
from tests.people.judge import assert_right
from tests.people.oddities import Scene
from tests.people.runs import PROJECTS, Fed, dead_letters, judged
from tools.connectors import ROOT

EVERY = (*oddities.SCENES, oddities.device_called_like_a_user_to_come)


@pytest.mark.parametrize("project", PROJECTS, ids=str)
@pytest.mark.parametrize("scene", EVERY, ids=lambda scene: scene.__name__)
def test_a_scene_ends_as_amplitude_knows(scene, project, tmp_path, monkeypatch):
    export = Export(seed=9, users=0, scenes=(scene,), times=3)
    with project.open() as fake:
        Fed(project, tmp_path, monkeypatch).run(fake, [export.lines])
        assert_right(judged(export, project, fake))
    assert dead_letters(tmp_path / "dead.singer") == export.truth.dead


# The life of one device, as docs/people.md draws it ---------------------------------------------

PAGE = (ROOT / "docs" / "people.md").read_text("utf-8")
PICTURE = re.findall(r"^ +\d+:\d\d +(R'?) +(\w+|-) +(\d) +(\w+)", PAGE, re.MULTILINE)


def picture(scene: Scene):
    for device, user, *_ in PICTURE:
        named = None if user == "-" else user
        email = {} if named is None else {"email": f"{user}@example.org"}
        yield scene.one("Opened", named, f"tablet {device}", person=email)


def test_the_picture_on_the_page_is_amplitudes():
    amplitude, dice = Amplitude(Dice(1)), Dice(2)
    for upload in picture(Scene(dice, 10**15, 0)):
        amplitude.take(upload)
    truth = amplitude.truth()
    ids = [amplitude.ids.person(each.amplitude_id) for each in amplitude._taken]
    numbers = dict.fromkeys(ids)
    drawn = ["7" if number == "8" else number for _, _, number, _ in PICTURE]  # merged in the end
    assert [list(numbers).index(each) for each in ids] == [drawn.index(each) > 0 for each in drawn]
    assert Counter(due.who.id for due in truth.events.values()) == {"Jane": 3, "Mary": 4}
    assert "Jane ends with three events, Mary with four" in PAGE


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_the_picture_on_the_page_is_what_comes_of_it(project, tmp_path, monkeypatch):
    export = Export(seed=1, users=0, scenes=(picture,))
    with project.open() as fake:
        Fed(project, tmp_path, monkeypatch).run(fake, [export.lines])
        assert_right(judged(export, project, fake))
