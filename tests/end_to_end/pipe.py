"""Runs `tap-amplitude | target-…` as real processes, the way a shell does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from tests.destinations import Destination
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company

BIN = Path(sys.executable).parent
TIMEOUT = 300.0

MAPPED_HERE: dict[str, Any] = {"processes": 0}
"""The setting by which the target maps records in its own process."""

MAPPED_ELSEWHERE: dict[str, Any] = {"processes": 1}
"""The setting by which one other process maps records, from the first of them."""


@dataclass
class Ended:
    """What a process or a pipe left behind."""

    tap_code: int
    target_code: int
    states: list[dict[str, Any]]
    tap_log: str
    target_log: str

    @property
    def state(self) -> dict[str, Any] | None:
        """The last STATE that the target gave back."""
        return self.states[-1] if self.states else None


@dataclass
class Pipe:
    """A folder with the configs, files and state of one migration; runs of it share them."""

    folder: Path
    tap: dict[str, Any]
    target: dict[str, Any]
    target_name: str
    last_state: dict[str, Any] | None = field(default=None)

    @property
    def report(self) -> dict[str, Any]:
        """The report of the last run."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    @property
    def dead_letters(self) -> Path:
        """The file of dead letters."""
        return self.folder / "dead.singer"

    def start(
        self, states_to: int | BinaryIO = subprocess.PIPE
    ) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        """Start both processes from the last state."""
        with self._log("tap") as tap_log, self._log("target") as target_log:
            tap = subprocess.Popen(
                [str(BIN / "tap-amplitude"), *self._tap_options()],
                stdout=subprocess.PIPE,
                stderr=tap_log,
            )
            target = subprocess.Popen(
                [str(BIN / self.target_name), "--config", self._write("target", self.target)],
                stdin=tap.stdout,
                stdout=states_to,
                stderr=target_log,
            )
        assert tap.stdout is not None
        tap.stdout.close()
        return tap, target

    def end(self, tap: subprocess.Popen[bytes], target: subprocess.Popen[bytes]) -> Ended:
        """Wait for both and keep the last state, as Meltano does."""
        try:
            output, _ = target.communicate(timeout=TIMEOUT)
            tap.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            for process in (tap, target):  # or they would wait for the service for hours
                process.kill()
                process.wait()
            if target.stdout is not None:
                target.stdout.close()
            raise
        states = [json.loads(line) for line in (output or b"").splitlines()]
        self.last_state = states[-1] if states else self.last_state
        logs = [(self.folder / f"{name}.log").read_text() for name in ("tap", "target")]
        return Ended(tap.returncode, target.returncode, states, *logs)

    def run(self) -> Ended:
        """Run the whole pipe from the last state."""
        return self.end(*self.start())

    def feed(self, lines: bytes) -> Ended:
        """Give the target alone these lines."""
        done = subprocess.run(
            [str(BIN / self.target_name), "--config", self._write("target", self.target)],
            input=lines,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        states = [json.loads(line) for line in done.stdout.splitlines()]
        return Ended(0, done.returncode, states, "", done.stderr.decode())

    def _log(self, name: str) -> BinaryIO:
        return (self.folder / f"{name}.log").open("wb")

    def _tap_options(self) -> list[str]:
        options = ["--config", self._write("tap", self.tap)]
        if self.last_state is not None:
            options += ["--state", self._write("state", self.last_state)]
        return options

    def _write(self, name: str, content: dict[str, Any]) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


def make_pipe(
    folder: Path, amplitude: FakeAmplitude | None, destination: Destination, fake: Any, **more: Any
) -> Pipe:
    """Make a pipe between two fakes; `more` are settings of the target."""
    target = {**destination.settings(fake), **_files(folder), **more}
    return Pipe(folder, _tap(folder, amplitude), target, destination.target)


def all_hours(pipe: Pipe, company: Company) -> Pipe:
    """Let a pipe ask for all hours of a company."""
    pipe.tap["start_date"] = company.start.isoformat()
    pipe.tap["end_date"] = (company.start + timedelta(hours=company.hour_count)).isoformat()
    return pipe


def batches_in(folder: Path) -> dict[str, Any]:
    """Return the tap's `batch_config` that hands files over in this folder."""
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{folder / 'batches'}"},
    }


def _tap(folder: Path, amplitude: FakeAmplitude | None) -> dict[str, Any]:
    tap: dict[str, Any] = {"spool_dir": str(folder / "spool"), "max_retries": 3}
    if amplitude is not None:
        tap |= {
            "api_key": amplitude.api_key,
            "secret_key": amplitude.secret_key,
            "base_url": amplitude.url,
        }
    return tap


def _files(folder: Path) -> dict[str, str]:
    return {
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
    }
