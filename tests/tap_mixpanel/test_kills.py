"""`tap-mixpanel | target-…`, killed at seeded instants: nothing is lost, and nothing doubled.

An instant is the n-th request of a start and a delay of milliseconds. `make test-slow` kills each
pair's migrations 200 times.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import pytest

from tests.end_to_end.books import booked, held
from tests.end_to_end.pipe import BIN, TIMEOUT
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.identities import VERBS
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import PROJECTS, TO_AMPLITUDE, served
from tests.tap_mixpanel.test_into_targets import TODAY, Shell, shell_of, source_of

A_FEW = 3
MIGRATIONS = 20
KILLS_EACH = 10
AT_ONCE = 4
A_WHILE = 2.0
"""Seconds within which a run is killed that has no requests to strike at."""
VICTIMS = (("tap",), ("target",), ("target",), ("tap", "target"))
NO_EVENTS = {*VERBS, "Identity Linked", "Mixpanel User Created"}
"""Names under which links and creations arrive: the books do not count them."""
SMALL = {"max_batch_events": 10, "max_in_flight": 4}
"""Settings of a target by which there are many requests to strike at."""


class Killer:
    """Kills the runs of one migration, or stops them by another signal.

    Attributes:
        kills: how often it struck.
    """

    def __init__(self, shell: Shell, fake, seed: int, number: int = signal.SIGKILL) -> None:
        self.kills, self._number, self._is_through = 0, number, False
        self._shell, self._fake, self._chance = shell, fake, random.Random(seed)

    def kill(self, times: int) -> None:
        """Start, kill and start again until so many kills have struck."""
        while self.kills < times:
            # A target that remembers what it delivered sends no more requests to strike at.
            number = 0 if self._is_through else self._chance.randint(1, 25)
            self.strike(self._chance.choice(VICTIMS), number)

    def strike(self, victims: tuple[str, ...], number: int) -> dict[str, int]:
        """Start, and strike at a request of this number; return the exit codes."""
        before = len(self._fake.journal)
        processes = self._start()
        while len(self._fake.journal) - before < number and _is_running(processes, "target"):
            time.sleep(0.002)
        time.sleep((0.03 if number else A_WHILE) * self._chance.random())
        alive = [name for name in victims if _is_running(processes, name)]
        for name in alive:
            processes[name].send_signal(self._number)
        codes = {name: process.wait(TIMEOUT) for name, process in processes.items()}
        self._fake._wait_for(lambda: self._fake.in_flight == 0, "the last request")
        self.kills += bool(alive)
        self._is_through |= not any(codes.values())
        self._keep_state(is_over=not any(codes.values()))
        return codes

    def _start(self) -> dict[str, subprocess.Popen[bytes]]:
        shell = self._shell
        options = ["--state", shell.file("state", shell.state)] if shell.state else []
        commands = {
            "tap": [str(BIN / "tap-mixpanel"), "--config", shell.file("tap", shell.tap), *options],
            "target": [str(BIN / shell.target), "--config", shell.file("target", shell.loader)],
        }
        logs = {name: (shell.folder / f"{name}.log").open("wb") for name in commands}
        with (shell.folder / "states").open("wb") as states, logs["tap"], logs["target"]:
            tap = subprocess.Popen(commands["tap"], stdout=subprocess.PIPE, stderr=logs["tap"])
            target = subprocess.Popen(
                commands["target"], stdin=tap.stdout, stdout=states, stderr=logs["target"]
            )
        assert tap.stdout is not None
        tap.stdout.close()
        return {"tap": tap, "target": target}

    def _keep_state(self, *, is_over: bool) -> None:
        """Keep what a shell would have; a run that came to its end begins anew without it."""
        for line in (self._shell.folder / "states").read_bytes().splitlines():
            with suppress(json.JSONDecodeError):  # the last may be cut off
                self._shell.state = json.loads(line)
        if is_over:
            self._shell.state = None


def _is_running(processes: dict[str, subprocess.Popen[bytes]], name: str) -> bool:
    return processes[name].poll() is None


class Survived(NamedTuple):
    """How often a migration was killed, and how many events it had; all of them are right."""

    kills: int
    events: int


def survive(folder, project, seed: int, times: int) -> Survived:
    """Kill a migration so often, finish it and judge what arrived."""
    export = Export(seed=seed, users=25, system="original")
    with served(export, **TODAY) as service, project.open() as fake:
        shell = shell_of(project, fake, folder, source_of(export, service, folder, "api"), "api")
        shell.loader |= SMALL
        killer = Killer(shell, fake, seed)
        killer.kill(times)
        shell.migrate()
        counts = judge(project.held(fake, export.truth), export.truth)
        assert_right(counts, project, seed)
        assert booked(project.destination, shell.loader) == held(
            project.destination, fake, besides=NO_EVENTS
        ), "the books are wrong"
    return Survived(killer.kills, counts["events lost"].of)


@pytest.mark.parametrize(
    "project",
    [
        pytest.param(each, marks=() if each is TO_AMPLITUDE else pytest.mark.slow)
        for each in PROJECTS
    ],
    ids=str,
)
def test_a_few_kills_lose_and_double_nothing(tmp_path, project):
    assert survive(tmp_path, project, 1, A_FEW).kills >= A_FEW


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_two_hundred_kills_lose_and_double_nothing(tmp_path, project, record_property):
    def survives(seed: int) -> Survived:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return survive(folder, project, seed, KILLS_EACH)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        survived = list(pool.map(survives, range(100, 100 + MIGRATIONS)))

    kills, events = (sum(figures) for figures in zip(*survived, strict=True))
    record_property("kills survived", f"{kills} from Mixpanel to {project}, {events:,} events")
    assert kills >= MIGRATIONS * KILLS_EACH
