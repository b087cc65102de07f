"""One start of a migration, watched: by a shell's pipe, or by `meltano run`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from tests.end_to_end.pipe import BIN, TIMEOUT, Ended, Pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOOK = 0.002
"""Seconds between two looks at how far a run has come."""

BOTH = ("tap", "target")
MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))


class Attempt:
    """One start of both processes, as a shell starts them."""

    def __init__(self, pipe: Pipe) -> None:
        self.states: list[dict[str, Any]] = []
        self._pipe = pipe
        self._processes = dict(zip(BOTH, pipe.start(), strict=True))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def is_running(self, *names: str) -> bool:
        """Whether any of the processes is, of those named; by default of all."""
        return any(self._processes[name].poll() is None for name in names or self._processes)

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Return when it is reached, or when the processes have ended."""
        while self.is_running() and not reached():
            self.pass_time(LOOK)

    def pass_time(self, seconds: float, *names: str) -> None:
        """Return after `seconds`, or earlier when a process ends, of those named."""
        for process in [self._processes[name] for name in names or self._processes]:
            if process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
                return

    def send(self, number: int, victims: Sequence[str] = BOTH) -> bool:
        """Send a signal, as the kernel does to each; return whether any was still alive."""
        alive = [self._processes[name] for name in victims if self.is_running(name)]
        for process in alive:
            process.send_signal(number)
        return bool(alive)

    def end(self) -> Ended:
        """Wait for both and keep the last state, as `Pipe.end` does."""
        for process in self._processes.values():
            process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        if self.states:
            self._pipe.last_state = self.states[-1]
        codes = (self._processes[name].returncode for name in BOTH)
        logs = ((self._pipe.folder / f"{name}.log").read_text() for name in BOTH)
        return Ended(*codes, self.states, *logs)  # type: ignore[arg-type,misc] # two and two

    def _read(self) -> None:
        """Take STATE as it comes; what a kill cut off in the middle counts as not said."""
        output = self._processes["target"].stdout
        assert output is not None
        with output as lines:
            self.states.extend(json.loads(line) for line in lines if line.endswith(b"\n"))


class MeltanoAttempt(Attempt):
    """One `meltano run` in a process group of its own, with a project in the pipe's folder.

    Meltano keeps the state itself; its project is made anew each time, its database stays.
    """

    def __init__(self, pipe: Pipe) -> None:
        assert MELTANO is not None
        self.states = []
        self._pipe = pipe
        _write_project(pipe)
        run = (MELTANO, "--log-level=info", "run", "--force", "tap-amplitude", pipe.target_name)
        with (pipe.folder / "meltano.log").open("wb") as log:
            process = subprocess.Popen(
                run, cwd=pipe.folder, stdout=log, stderr=log, start_new_session=True
            )
        self._processes = {"meltano": process}

    def is_running(self, *names: str) -> bool:
        """Whether Meltano is; it ends after what it has started."""
        return self._processes["meltano"].poll() is None

    def send(self, number: int, victims: Sequence[str] = BOTH) -> bool:
        """Send a signal to the whole group, or to Meltano alone."""
        was_running, process = self.is_running(), self._processes["meltano"]
        if tuple(victims) == ("meltano",):
            process.send_signal(number)
        elif was_running:
            os.killpg(process.pid, number)
        return was_running

    def end(self) -> Ended:
        """Wait for the group; the exit code is Meltano's."""
        process = self._processes["meltano"]
        process.wait(TIMEOUT)
        with suppress(ProcessLookupError):  # a killed Meltano's children, if any were left
            os.killpg(process.pid, signal.SIGKILL)
        self._pipe.last_state = _state_in(self._pipe)
        log = (self._pipe.folder / "meltano.log").read_text()
        return Ended(process.returncode, process.returncode, [], log, log)


def _write_project(pipe: Pipe) -> None:
    """Write a project of JSON, which is YAML, around the executables of this environment."""

    def plugin(name: str, config: dict[str, Any], *capabilities: str) -> dict[str, Any]:
        return {
            "name": name,
            "namespace": name.replace("-", "_"),
            "executable": str(BIN / name),
            "capabilities": capabilities,
            "settings": [{"name": setting} for setting in config],
            "config": config,
        }

    tap = plugin("tap-amplitude", pipe.tap, "catalog", "state", "discover", "about")
    target = plugin(pipe.target_name, pipe.target, "about")
    project = {
        "requires_meltano": ">=4.0",
        "project_id": "c0ffee00-0000-4000-8000-000000000000",
        "send_anonymous_usage_stats": False,
        "default_environment": "kills",
        "environments": [{"name": "kills"}],
        "plugins": {"extractors": [tap], "loaders": [target]},
    }
    (pipe.folder / "meltano.yml").write_text(json.dumps(project))


def _state_in(pipe: Pipe) -> dict[str, Any] | None:
    """Read what Meltano would hand to the tap next."""
    path = pipe.folder / ".meltano" / "meltano.db"
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):
        row = database.execute("SELECT completed_state, partial_state FROM state").fetchone()
        texts = [json.loads(text) for text in row or () if text]
        states = [each["singer_state"] for each in texts if "singer_state" in each]
        return states[-1] if states else None
    return None
