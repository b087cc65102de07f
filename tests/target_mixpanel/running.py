"""Runs target-mixpanel in this process, or as the executable that users start."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from target_mixpanel.target import TargetMixpanel

from tests.fakes.mixpanel import FakeMixpanel

EXECUTABLE = Path(sys.executable).parent / "target-mixpanel"
TIMEOUT = 60.0


class Target(TargetMixpanel):
    """The target, but for STATE, which is kept instead of written to stdout, and without waits."""

    first_wait = 0.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.states: list[Any] = []

    def give_back(self, state: Any) -> None:
        self.states.append(state)


@dataclass
class Ended:
    """What a process left behind."""

    code: int
    states: list[dict[str, Any]]
    log: str


def schema(stream: str, *columns: str, key: str = "id") -> dict[str, Any]:
    properties: dict[str, Any] = {column: {} for column in columns}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": [key],
    }


def record(stream: str, **columns: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": columns}


def state(**value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


def by_token(mixpanel: FakeMixpanel) -> dict[str, Any]:
    return {"base_url": mixpanel.url, "project_token": mixpanel.credentials.token}


def by_account(mixpanel: FakeMixpanel) -> dict[str, Any]:
    known = mixpanel.credentials
    return {
        "base_url": mixpanel.url,
        "project_id": known.project_id,
        "service_account_username": known.username,
        "service_account_secret": known.secret,
    }


def files_in(folder: Path) -> dict[str, Any]:
    return {
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
        "output_path": str(folder / "dry-run.jsonl"),
        "max_in_flight": 2,
    }


def as_lines(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


def run(folder: Path, config: dict[str, Any], *messages: dict[str, Any]) -> Target:
    """Run the target in this process to its end, or to the error that ends it."""
    target = Target(config={**files_in(folder), **config})
    target.listen(io.BytesIO(as_lines(*messages)))
    return target


def start_executable(
    folder: Path, config: dict[str, Any], *messages: dict[str, Any]
) -> subprocess.Popen[bytes]:
    """Start the executable and give it messages; its input stays open."""
    path = folder / "config.json"
    path.write_text(json.dumps({**files_in(folder), **config}))
    process = subprocess.Popen(
        [str(EXECUTABLE), "--config", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(as_lines(*messages))
    process.stdin.flush()
    return process


def run_executable(folder: Path, config: dict[str, Any], *messages: dict[str, Any]) -> Ended:
    """Run the executable to its end."""
    process = start_executable(folder, config, *messages)
    output, log = process.communicate(timeout=TIMEOUT)
    states = [json.loads(line) for line in output.splitlines()]
    return Ended(process.returncode, states, log.decode())


def report_in(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report
