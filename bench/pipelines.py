"""What is run: the floor, our pipe on RECORD and on BATCH messages, and `meltano run`.

Each of our runs must end with everything decided: the report of the target must add up, and what it
says was delivered must be what the sink counted. Else the bench ends with `RunFailed`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.export import Export
from bench.processes import BIN, Command, Measured, Pipe, RunFailed
from bench.running_sink import RunningSink
from bench.services import Service
from bench.sink import Counts

TAP_SETTINGS: dict[str, dict[str, Any]] = {
    "tap-amplitude": {},
    "tap-mixpanel": {"time_frame": "utc", "identity_merge": "simplified"},
}
"""What a tap is told beside where its export is: generated rows are of no living project."""


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        lines: of the export.
        sent: what the pipeline says it sent; of these, `counts` says what arrived.
        ledger_mb: size of the ledger, if there is one.
    """

    lines: int
    sent: int
    counts: Counts
    measured: Measured
    ledger_mb: float = 0.0

    @property
    def arrived(self) -> float:
        """Which share of what was sent arrived."""
        return (self.counts.events + self.counts.updates) / self.sent if self.sent else 1.0

    @property
    def rate(self) -> float:
        """Lines a second; those whose events did not arrive do not count."""
        return self.lines * self.arrived / self.measured.seconds


class Pipeline(Protocol):
    """Something that reads an export and sends it to the sink."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def note(self) -> str:
        """What a reader must know of it."""

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Start it; `work` is an empty folder, `url` the sink's."""

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:
        """Return how many events and updates it says it sent.

        Raises:
            RunFailed: something was lost that must not be.
        """


def run(pipeline: Pipeline, export: Export, work: Path, latency: float = 0.0) -> Outcome:
    """Run a pipeline into a fresh sink, check and measure it; the folder is removed afterwards."""
    work.mkdir(parents=True)
    with RunningSink(latency) as sink:
        measured = pipeline.start(export, work, sink.url).wait()
        counts = sink.counts()
    sent = pipeline.sent(export, work, counts, measured.output)
    ledger_mb = sum(path.stat().st_size for path in work.glob("ledger.sqlite3*")) / 1e6
    shutil.rmtree(work)
    return Outcome(export.lines, sent, counts, measured, ledger_mb)


@dataclass(frozen=True)
class Floor:
    """Gunzip and parse, and nothing else."""

    name: str = "floor: gunzip and parse alone"
    note: str = ""

    def start(self, export: Export, work: Path, url: str) -> Pipe:  # noqa: ARG002 - it sends nothing
        """Start it."""
        return Pipe([[sys.executable, "-m", "bench.floor", str(export.folder)]], work)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Check that it read everything."""
        if int(output) != export.lines:
            msg = f"The floor read {int(output):,} of {export.lines:,} lines."
            raise RunFailed(msg)
        return 0


@dataclass(frozen=True)
class Ours:
    """`tap-… | target-…`, as a shell runs it.

    Args:
        service: where to.
        batch: whether the tap hands over files.
        processes: how many processes map; None: the target's default.
        tap: reads the export.
    """

    service: Service
    batch: bool = False
    processes: int | None = None
    note: str = ""
    tap: str = "tap-amplitude"

    @property
    def name(self) -> str:
        """For people."""
        messages = "BATCH" if self.batch else "RECORD"
        mapping = "" if self.processes is None else f", processes: {self.processes}"
        return f"{self.tap} | {self.service.target}, {messages}{mapping}{self.service.label}"

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Start both."""
        settings = {**tap_config(export, work, batch=self.batch), **TAP_SETTINGS[self.tap]}
        tap = _written(work / "tap.json", settings)
        config = self.service.config(url, work)
        if self.processes is not None:
            config["processes"] = self.processes
        target = _written(work / "target.json", config)
        return Pipe(
            [
                [str(BIN / self.tap), "--config", tap],
                [str(BIN / self.service.target), "--config", target],
            ],
            work,
        )

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Check that nothing was lost."""
        return checked(work / "report.json", export.lines, counts)


@dataclass(frozen=True)
class MeltanoRun:
    """`meltano run`, in a project that has been run before, without state.

    Args:
        service: where to.
        meltano: the executable.
        project: folder of the project.
        batch: whether the tap hands over files.
    """

    service: Service
    meltano: str
    project: Path
    batch: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return f"meltano run … {self.service.target}, {'BATCH' if self.batch else 'RECORD'}"

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Write the project anew around the executables of this environment, and start."""
        plugins = {
            "extractors": [_plugin("tap-amplitude", tap_config(export, work, batch=self.batch))],
            "loaders": [_plugin(self.service.target, self.service.config(url, work))],
        }
        project = {
            "requires_meltano": ">=4.0",
            "project_id": "c0ffee00-0000-4000-8000-000000000000",
            "send_anonymous_usage_stats": False,
            "default_environment": "bench",
            "environments": [{"name": "bench"}],
            "plugins": plugins,
        }
        self.project.mkdir(parents=True, exist_ok=True)
        _written(self.project / "meltano.yml", project)
        return Pipe([self._command(work)], work, cwd=self.project)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Check that nothing was lost."""
        return checked(work / "report.json", export.lines, counts)

    def _command(self, work: Path) -> Command:
        fresh = f"--state-id-suffix={work.name}"  # a state of its own, so that everything is read
        return [self.meltano, "run", fresh, "tap-amplitude", self.service.target]


def tap_config(export: Export, work: Path, *, batch: bool) -> dict[str, Any]:
    """Return the config of our tap for one run."""
    config: dict[str, Any] = {
        "archive_path": str(export.folder),
        "spool_dir": str(work / "spool"),
    }
    if batch:
        (work / "batches").mkdir(exist_ok=True)
        config["batch_config"] = {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": f"file://{work / 'batches'}"},
        }
    return config


def knows_batch() -> bool:
    """Tell whether the tap can hand over files."""
    command = [str(BIN / "tap-amplitude"), "--about", "--format=json"]
    about = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return "batch_config" in about["settings"]["properties"]


def found_meltano() -> str | None:
    """Return Meltano's executable, as the environment or the path has it."""
    return shutil.which(os.environ.get("MELTANO", "meltano"))


def checked(report_path: Path, lines: int, counts: Counts) -> int:
    """Return how many events and updates were delivered.

    Raises:
        RunFailed: the report does not add up, or the sink counted otherwise.
    """
    report = json.loads(report_path.read_text())
    delivered: int = sum(each["delivered"] for each in report["endpoints"].values())
    arrived = counts.events + counts.updates
    read = sum(stream["read"] for stream in report["streams"].values())
    lost = read - sum(sum(_decided(stream)) for stream in report["streams"].values())
    if lost or read != lines:
        msg = f"{read:,} of {lines:,} lines read, {lost:,} of them not decided."
        raise RunFailed(msg)
    if arrived != delivered:
        msg = f"The report says {delivered:,} delivered, the sink counted {arrived:,}."
        raise RunFailed(msg)
    return delivered


def _decided(stream: dict[str, Any]) -> Sequence[int]:
    return [stream["delivered"], *stream["skipped"].values(), *stream["dead"].values()]


def _plugin(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": name.replace("-", "_"),
        "executable": str(BIN / name),
        "capabilities": ["catalog", "state", "discover", "about"] if name[:3] == "tap" else [],
        "settings": [_setting(key, value) for key, value in config.items()],
        "config": config,
    }


def _setting(name: str, value: Any) -> dict[str, str]:
    return {"name": name, "kind": "object"} if isinstance(value, dict) else {"name": name}


def _written(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)
