"""However the rows of an export are cut into runs, and read again, the end is the same.

Each run reads all merges and profiles first, as each run of the tap does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from tests.fakes.company.rows import Dice
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import PROJECTS, Fed, messages

AGAIN = 25
"""Rows that a run reads again which goes on where another one was cut off."""

SYSTEMS = ("simplified", "original")

each_project = pytest.mark.parametrize("project", PROJECTS, ids=str)
each_system = pytest.mark.parametrize("system", SYSTEMS)
Streams = list[list[bytes]]


@cache
def small(system: str) -> Export:
    return Export(seed=7, users=6, system=system)


@cache
def large(system: str) -> Export:
    return Export(seed=8, users=80, system=system)


@pytest.fixture
def ends(tmp_path, monkeypatch):
    """Return a function: what a service holds after runs, which must be what it must."""

    def run(export: Export, project, runs: Sequence[Streams], **settings):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with project.open() as fake:
            Fed(project, folder, monkeypatch).run(fake, runs, **settings)
            held = project.held(fake, export.truth)
            assert_right(judge(held, export.truth), [len(streams[-1]) for streams in runs])
            return held.snapshot(export.truth)

    return run


def cut(streams: Streams, *places: int, again: int = 0) -> list[Streams]:
    """Cut the rows at these places; each run reads so many rows of the one before again."""
    *before, (schema, *rows) = streams
    starts = (0, *(max(0, place - again) for place in places))
    ends = (*places, len(rows))
    return [[*before, [schema, *rows[start:end]]] for start, end in zip(starts, ends, strict=True)]


def is_the_same(ends, export, project, cuts, **settings) -> None:
    streams = messages(export)
    at_once = ends(export, project, [streams], **settings)
    for runs in cuts(streams):
        assert ends(export, project, runs, **settings) == at_once


def at_each(step: int, again: int):
    """Cut once, at every so many rows."""

    def cuts(streams: Streams):
        places = range(15, len(streams[-1]) - 1, step)
        return (cut(streams, place, again=again) for place in places)

    return cuts


def at_random(streams: Streams):
    """Cut at some places, without and with rows that are read again."""
    dice = Dice(1)
    for count in (1, 4, 12):
        places = sorted({1 + dice.below(len(streams[-1]) - 3) for _ in range(count)})
        yield cut(streams, *places)
        yield cut(streams, *places, again=AGAIN)


@each_project
@each_system
@pytest.mark.parametrize("again", [0, AGAIN])
def test_a_cut_changes_nothing(project, system, again, ends):
    is_the_same(ends, small(system), project, at_each(40, again))


@pytest.mark.slow
@each_project
@each_system
@pytest.mark.parametrize(("again", "step"), [(0, 1), (AGAIN, 3)], ids=["going on", "reading again"])
def test_no_place_of_a_cut_changes_anything(project, system, again, step, ends):
    is_the_same(ends, small(system), project, at_each(step, again))


@pytest.mark.slow
@each_project
@each_system
@pytest.mark.parametrize("processes", [0, 2])
def test_cuts_at_random_places_change_nothing(project, system, processes, ends):
    is_the_same(ends, large(system), project, at_random, processes=processes)
