"""`tap-mixpanel | target-…` as a shell runs it, by every road, judged by what Mixpanel knows."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.pipe import BIN, TIMEOUT
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.judge import assert_right, judge
from tests.mixpanel_people.runs import (
    PROJECTS,
    TO_AMPLITUDE,
    TO_POSTHOG,
    dead_letters,
    due_dead,
    served,
)
from tests.mixpanel_people.tapped import settings as tap_settings
from tests.tap_amplitude.taking import batch_config

TODAY = {"now": lambda: datetime.now(timezone.utc), "project_id": 77, "query_limits": UNLIMITED}
ROADS = ("api", "archive", "api in files", "archive in files")


@dataclass
class Shell:
    """A folder of one migration, and the processes of its runs."""

    folder: Path
    target: str
    tap: dict[str, Any] = field(default_factory=dict)
    loader: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None

    def file(self, name: str, content: Any) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)

    def migrate(self) -> None:
        """Run both programs to their good ends."""
        tap = [BIN / "tap-mixpanel", "--config", self.file("tap", self.tap)]
        tap += ["--state", self.file("state", self.state)] if self.state else []
        target = [BIN / self.target, "--config", self.file("target", self.loader)]
        with (self.folder / "tap.log").open("wb") as said:
            source = subprocess.Popen([*map(str, tap)], stdout=subprocess.PIPE, stderr=said)
        with source:
            ended = subprocess.run(
                [*map(str, target)],
                stdin=source.stdout,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
                cwd=self.folder,
            )
        assert source.returncode == 0, (self.folder / "tap.log").read_text()[-3_000:]
        assert ended.returncode == 0, ended.stderr.decode()[-3_000:]
        self.state = json.loads(ended.stdout.splitlines()[-1])


def shell_of(project, fake, folder: Path, source: dict[str, Any], road: str) -> Shell:
    if road.endswith("in files"):
        source = {**source, "batch_config": batch_config(folder / "batches", compression="none")}
    files = {
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
    }
    loader = {**project.destination.settings(fake), **project.settings, **files, "processes": 0}
    source = {**source, "spool_dir": str(folder / "spool")}
    return Shell(folder, project.destination.target, source, loader)


def source_of(export: Export, service, folder: Path, road: str) -> dict[str, Any]:
    settings = {**tap_settings(service, export), "time_frame": "auto"}
    if road.startswith("archive"):
        settings["archive_path"] = str(export.write(folder / "archive", files=4))
    return settings


FEW = [*zip(ROADS, PROJECTS, strict=True)]
"""A road for each project; the others are slow."""

EACH = [
    pytest.param(road, project, marks=() if (road, project) in FEW else pytest.mark.slow)
    for road in ROADS
    for project in PROJECTS
]


@pytest.mark.parametrize(("road", "project"), EACH, ids=str)
@pytest.mark.parametrize(
    ("system", "zone"),
    [("original", "US/Pacific"), pytest.param("simplified", None, marks=pytest.mark.slow)],
    ids=str,
)
def test_everybody_is_who_mixpanel_says(project, road, system, zone, tmp_path):
    export = Export(seed=4, users=40, system=system, zone=zone)
    if road.startswith("archive"):  # which does not say of which group key a profile is
        export.truth.groups = {}
    with served(export, **TODAY) as service, project.open() as fake:
        source = source_of(export, service, tmp_path, road)
        shell_of(project, fake, tmp_path, source, road).migrate()
        held = project.held(fake, export.truth)
        assert_right(judge(held, export.truth))
    assert dead_letters(tmp_path / "dead.singer") == due_dead(export, held)


@pytest.mark.parametrize("project", [TO_POSTHOG, TO_AMPLITUDE], ids=str)
def test_a_second_run_sends_nothing_twice_and_what_came_late(project, tmp_path):
    export = Export(seed=6, users=30, readings=True)
    with served(export, **TODAY) as service, project.open() as fake:
        source = source_of(export, service, tmp_path, "api")
        shell = shell_of(project, fake, tmp_path, {**source, "lookback_days": 13}, "api")
        shell.migrate()
        shell.migrate()
        counts = judge(project.held(fake, export.truth), export.truth)
    # Whose a device is may change by what came late, at the target; see docs/people.md.
    wrong = {name: counts[name].wrong for name in counts if name.startswith("events")}
    assert not any(wrong.values()), wrong
