"""Mixpanel as the source, into each target: faults at both ends at once, order, signals.

Both programs run in this process on played time, but for the signals; who everybody is and what
they did is judged by what Mixpanel knows. Each end by itself: `tests/tap_mixpanel/test_faults.py`
and `test_faults.py`.
"""

from __future__ import annotations

import io
import json
import random
import signal
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from tap_mixpanel.tap import TapMixpanel

from tests.end_to_end.commands import Command, Ended
from tests.end_to_end.test_faults import events_of
from tests.fakes.http.exchanges import Act, DropConnection, LoseReply, Reply, TruncateBody
from tests.fakes.mixpanel_export import refusals
from tests.fakes.mixpanel_export.faults import CutGzip, CutLine, EndsEarly
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import PROJECTS, Project, messages, served
from tests.mixpanel_people.tapped import settings as tap_settings
from tests.singer_delivery.toys import PlayedClock, restless_threads
from tests.tap_amplitude.taking import batch_config
from tests.tap_mixpanel.test_into_targets import TODAY, shell_of, source_of
from tests.tap_mixpanel.test_kills import SMALL, Killer
from tests.tap_runs import StoppedClock

HTML = b"<html><body><h1>Hello</h1></body></html>"
OF_THE_SOURCE: tuple[Act, ...] = (
    EndsEarly(), CutLine(), CutGzip(), TruncateBody(), DropConnection(), Reply(503),
    refusals.HTML, refusals.ERROR_BEHIND_200, refusals.TIMEOUT_ERROR, refusals.too_many("7"),
)  # fmt: skip
OF_THE_TARGET: tuple[Act, ...] = (
    Reply(500), Reply(503), Reply(429, headers={"Retry-After": "3"}), LoseReply(),
    DropConnection(), TruncateBody(), Reply(200, HTML),
)  # fmt: skip
TOO_LARGE = Reply(413)
WITH_EVENTS = ("/batch/", "/batch", "/import")
SLOW = pytest.mark.slow
FIRST_ROWS = 4
"""Number of the first request for rows: what comes before asks what project it is."""


@dataclass
class Migration:
    """One export on its way, however often a run ends before its end.

    Attributes:
        state: what the target said last.
    """

    export: Export
    project: Project
    service: Any
    fake: Any
    folder: Path
    patch: pytest.MonkeyPatch
    in_files: bool
    state: Any = None
    clock: PlayedClock = field(default_factory=PlayedClock)

    def run(self, **settings: Any) -> tuple[Exception | None, Ended]:
        """Run both, one behind the other; return why the tap ended, and how the target did."""
        written, failure = self._tap()
        of = self.project.destination
        config = {**of.settings(self.fake), **self.project.settings, **SMALL, "max_retries": 60}
        more = {"processes": 2 * self.in_files, **settings}
        ended = Command(of.plugin, self.folder, config, self.patch, self.clock).run(written, **more)
        self.state = ended.states[-1] if ended.states else self.state
        return failure, ended

    def finish(self) -> None:
        """Run to the end; everything is there once, and everybody is who Mixpanel says."""
        failure, ended = self.run()
        assert failure is None, failure
        assert ended.code == 0, ended.log
        assert_right(judge(self.project.held(self.fake, self.export.truth), self.export.truth))

    def _tap(self) -> tuple[bytes, Exception | None]:
        config = {
            **tap_settings(self.service, self.export),
            "spool_dir": str(self.folder / "spool"),
            "window_days": 3,
            "max_retries": 12,
        }
        if self.in_files:
            config["batch_config"] = batch_config(self.folder / "batches", compression="none")
        out, failure = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), None
        clock = StoppedClock(datetime.now(timezone.utc))
        with redirect_stdout(out):
            try:
                TapMixpanel(config=config, state=self.state, clock=clock).sync_all()
            except Exception as error:  # noqa: BLE001 - handed to the test
                failure = error
        out.flush()
        return out.buffer.getvalue(), failure  # type: ignore[attr-defined]


@pytest.fixture
def migrate(tmp_path, monkeypatch):
    """Return a function that opens both services and gives a migration."""
    opened = []

    def open_both(project: Project, seed: int, *, in_files: bool) -> Migration:
        export = Export(seed=seed, users=12, system=("original", "simplified")[seed % 2])
        service = served(export, query_limits=UNLIMITED).__enter__()
        options = {**project.options, "keep_bodies": True}
        fake = replace(project, options=options).open().__enter__()
        opened.extend((service, fake))
        return Migration(export, project, service, fake, tmp_path, monkeypatch, in_files)

    yield open_both
    for each in opened:
        each.behave()
        each.__exit__(None, None, None)


CASES = [
    pytest.param(project, seed, in_files,
                 id=f"{project}-{seed}-{'files' if in_files else 'records'}",
                 marks=() if (seed, in_files) == (1 + place, bool(place % 2)) else SLOW)
    for place, project in enumerate(PROJECTS)
    for seed in range(1, 6)
    for in_files in (False, True)
]  # fmt: skip


def play(server: Any, chance: random.Random, acts: tuple[Act, ...], share: float) -> None:
    """Let a service answer so many of its requests with one of these acts."""
    for number in range(1, 300):
        if chance.random() < share:
            server.misbehave(
                chance.choice(acts),
                when=lambda each, number=number: each.number == number and may_fail(each),
            )


def may_fail(exchange: Any) -> bool:
    return "limit" not in exchange.query


@pytest.mark.parametrize(("project", "seed", "in_files"), CASES)
def test_faults_at_both_ends_at_once_cost_time_and_nothing_else(migrate, project, seed, in_files):
    begun = migrate(project, seed, in_files=in_files)
    chance = random.Random(seed)
    play(begun.service, chance, OF_THE_SOURCE, 0.3)
    play(begun.fake, chance, OF_THE_TARGET, 0.3)

    begun.finish()

    assert any(each.act is not None for each in begun.service.journal)
    assert any(each.act is not None for each in begun.fake.journal)


@pytest.mark.parametrize(("project", "seed", "in_files"), CASES)
def test_runs_that_end_at_either_end_are_simply_started_again(migrate, project, seed, in_files):
    begun = migrate(project, seed, in_files=in_files)
    for number, act in enumerate((refusals.HTML, Reply(503), EndsEarly(), Reply(500)), FIRST_ROWS):
        of_both = len(begun.service.journal), len(begun.fake.journal)
        begun.service.misbehave_always(
            act, when=lambda each, n=of_both[0] + number: each.number >= n and may_fail(each)
        )
        begun.fake.misbehave_always(
            Reply(500), when=lambda each, n=of_both[1] + 2 * number: each.number >= n
        )
        failure, ended = begun.run(max_retries=1)
        assert failure is not None
        assert "Traceback" not in ended.log
        begun.service.behave()
        begun.fake.behave()

    begun.finish()


# Order ------------------------------------------------------------------------------------------

ROWS_OF = {"posthog": "distinct_id", "amplitude": "device_id", "mixpanel": "distinct_id"}


def serials_by_person(begun: Migration) -> dict[str, list[int]]:
    """Return the serial numbers of each person's rows as they first arrived."""
    found: dict[str, list[int]] = {}
    seen = set()
    for each in begun.fake.arrivals:
        of = each.get("properties") or each.get("event_properties") or {}
        whose = each.get(ROWS_OF[begun.project.destination.name])
        serial = of.get("serial")
        if serial is not None and whose and serial not in seen:  # nobody's keep no order
            seen.add(serial)
            found.setdefault(whose, []).append(serial)
    return found


@pytest.mark.parametrize(("project", "seed", "in_files"), [c for c in CASES if not c.values[2]])
def test_whatever_the_service_answers_each_person_is_received_in_the_order_read(
    migrate, project, seed, in_files
):
    begun = migrate(project, seed, in_files=in_files)
    chance = random.Random(seed)
    play(begun.fake, chance, OF_THE_TARGET, 0.4)
    begun.fake.misbehave_always(
        TOO_LARGE,
        when=lambda each: (
            each.number % 5 == 0 and each.path in WITH_EVENTS and len(events_of(each)) > 1
        ),
    )
    streams = messages(begun.export)
    read = [json.loads(line)["record"] for line in streams[-1][1:]]
    places = {row["properties"]["serial"]: place for place, row in enumerate(read)}
    of = project.destination
    config = {**of.settings(begun.fake), **project.settings, "processes": 0, "max_retries": 60}
    command = Command(of.plugin, begun.folder, config, begun.patch, begun.clock)

    with restless_threads():
        ended = command.run(
            b"\n".join(line for lines in streams for line in lines) + b"\n",
            max_batch_events=3,
            max_in_flight=4,
        )

    assert ended.code == 0, ended.log
    arrived = serials_by_person(begun)
    assert sum(map(len, arrived.values())) > len(places) // 2
    for whose, serials in arrived.items():
        order = [places[serial] for serial in serials if serial in places]
        assert order == sorted(order), whose
    assert_right(judge(project.held(begun.fake, begun.export.truth), begun.export.truth))


# Signals ----------------------------------------------------------------------------------------

SIGNALS = [
    pytest.param(project, number, victims,
                 id=f"{project}-{number.name}-{'+'.join(victims)}")
    for project in PROJECTS
    for number in (signal.SIGTERM, signal.SIGINT)
    for victims in (("tap",), ("target",), ("tap", "target"))
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("project", "number", "victims"), SIGNALS)
def test_a_signal_is_told_by_the_exit_code_and_the_next_run_does_the_rest(
    tmp_path, project, number, victims
):
    export = Export(seed=2, users=25, system="original")
    with served(export, **TODAY) as service, project.open() as fake:
        shell = shell_of(
            project, fake, tmp_path, source_of(export, service, tmp_path, "api"), "api"
        )
        shell.loader |= SMALL
        killer = Killer(shell, fake, 2, number)
        struck = killer.strike(victims, 3)
        logs = "".join((tmp_path / f"{name}.log").read_text() for name in ("tap", "target"))
        assert "Traceback" not in logs
        if "target" in victims:
            assert struck["target"] == 128 + number, logs
            report = json.loads((tmp_path / "report.json").read_text())
            assert report["outcome"] == "interrupted"
        elif struck["tap"] != 128 + number:  # it had written everything
            assert '"status":"succeeded"' in logs
        shell.migrate()
        assert_right(judge(project.held(fake, export.truth), export.truth))
