"""However one input is cut into runs, and read again after a cut, the end is the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from tests.fakes.company.rows import Dice
from tests.people.export import Export
from tests.people.judge import assert_right, judge
from tests.people.runs import PROJECTS, Fed, Project

AGAIN = 25
"""Rows that a run reads again which goes on where another one was cut off."""

each_project = pytest.mark.parametrize("project", PROJECTS, ids=str)


@cache
def small() -> Export:
    return Export(seed=7, users=6)


@cache
def smallest() -> Export:
    return Export(seed=7, users=2)


@cache
def large() -> Export:
    return Export(seed=8, users=80)


@pytest.fixture
def ends(tmp_path, monkeypatch):
    """Return a function: what a service holds after runs, which must be what it must."""

    def run(export: Export, project: Project, runs: Sequence[Sequence[bytes]], **settings):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with project.open() as fake:
            Fed(project, folder, monkeypatch).run(fake, runs, **settings)
            held = project.held(fake, export.truth)
            assert_right(judge(held, export.truth), [len(rows) for rows in runs])
            return held.snapshot(export.truth)

    return run


def cut(rows: Sequence[bytes], *places: int, again: int = 0) -> list[Sequence[bytes]]:
    """Cut rows at these places; each run reads so many rows of the one before again."""
    starts = (0, *(max(0, place - again) for place in places))
    return [rows[start:end] for start, end in zip(starts, (*places, len(rows)), strict=True)]


def is_the_same(ends, export, project, cuts, **settings) -> None:
    rows = export.lines
    at_once = ends(export, project, [rows], **settings)
    for runs in cuts:
        found = ends(export, project, runs, **settings)
        assert found == at_once, [len(run) for run in runs]


@each_project
def test_a_cut_changes_nothing(project, ends):
    rows = small().lines
    places = range(15, len(rows), len(rows) // 4)
    is_the_same(ends, small(), project, (cut(rows, place) for place in places))


@pytest.mark.slow
@each_project
def test_rows_that_are_read_again_change_nothing(project, ends):
    rows = small().lines
    places = range(40, len(rows), len(rows) // 2)
    is_the_same(ends, small(), project, (cut(rows, place, again=AGAIN) for place in places))


@pytest.mark.slow
@each_project
@pytest.mark.parametrize(("again", "step"), [(0, 1), (AGAIN, 3)], ids=["going on", "reading again"])
def test_no_place_of_a_cut_changes_anything(project, again, step, ends):
    rows = smallest().lines
    places = range(1, len(rows), step)
    is_the_same(ends, smallest(), project, (cut(rows, place, again=again) for place in places))


@pytest.mark.slow
@each_project
def test_a_run_for_each_row_ends_as_one_run_does(project, ends):
    rows = smallest().lines
    is_the_same(ends, smallest(), project, [cut(rows, *range(1, len(rows)))])


@pytest.mark.slow
@each_project
@pytest.mark.parametrize("processes", [0, 2])
def test_cuts_at_random_places_of_a_larger_export_change_nothing(project, processes, ends):
    rows, dice = large().lines, Dice(1)
    cuts = []
    for count in (1, 4, 12):
        places = sorted({1 + dice.below(len(rows) - 1) for _ in range(count)})
        cuts += [cut(rows, *places), cut(rows, *places, again=AGAIN)]
    is_the_same(ends, large(), project, cuts, processes=processes)
