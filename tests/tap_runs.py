"""What the tests of all taps share: a clock that does not wait, a tap whose output is read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from singer_delivery.sdk.tap import CheckedTap

LATER = datetime(2024, 6, 1, tzinfo=timezone.utc)


class StoppedClock:
    """A clock that stands still but for the waits it is asked for, which it notes."""

    def __init__(self, now: datetime = LATER) -> None:
        self.time = now.timestamp()
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@dataclass
class Output:
    """What a tap wrote, a line at each newline and at no other character."""

    text: str
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = [json.loads(line) for line in self.text.split("\n") if line]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [message["record"] for message in self.of_type("RECORD")]

    @property
    def uuids(self) -> list[str]:
        return [record["uuid"] for record in self.records]

    @property
    def states(self) -> list[dict[str, Any]]:
        """The STATE values; a fraction in one would end targets of the Singer SDK."""
        found = [message["value"] for message in self.of_type("STATE")]
        json.loads(json.dumps(found), parse_float=_no_fraction)
        return found

    @property
    def raw_records(self) -> list[str]:
        """The bytes of each record within its message."""
        head, tail = '"record":', ',"time_extracted"'
        lines = [line for line in self.text.split("\n") if '"RECORD"' in line[:20]]
        return [line[line.index(head) + len(head) : line.rindex(tail)] for line in lines]


def _no_fraction(text: str) -> None:
    msg = f"STATE has {text}: targets of the Singer SDK read a Decimal, and cannot write it."
    raise AssertionError(msg)


Read = TypeVar("Read", bound=Output)


class TapSandbox(ABC, Generic[Read]):
    """A folder to run a tap in, in this process or as a process of its own.

    Attributes:
        name: of the tap.
        output: reads what it wrote.
        config: the settings, unless a run names others.
    """

    name: ClassVar[str]
    output: type[Read]

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.clock = StoppedClock(now)
        self.config: dict[str, Any] = {"spool_dir": str(self.spool)}

    @abstractmethod
    def tap(self, **options: Any) -> CheckedTap:
        """The tap with these settings, `state` or `catalog`."""

    def run(self, **options: Any) -> Read:
        """Sync to the end, and return what was written."""
        output, error = self.try_run(**options)
        if error is not None:
            raise error
        return output

    def try_run(self, **options: Any) -> tuple[Read, Exception | None]:
        """Sync, and return what was written before the error, and the error."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        failure = None
        with redirect_stdout(out):
            try:
                self.tap(**options).sync_all()
            except Exception as error:  # noqa: BLE001 - handed to the test
                failure = error
        out.seek(0)
        return self.output(out.read()), failure

    def start(self, *arguments: str | Path, **settings: Any) -> subprocess.Popen[str]:
        """Start the executable with this sandbox's settings."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({**self.config, **settings}))
        return subprocess.Popen(
            [executable(self.name), "--config", config, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, f"{self.name.replace('-', '_').upper()}_LOGLEVEL": "INFO"},
        )

    @property
    def leftovers(self) -> list[str]:
        """What the run left in its working folder, but for the lock."""
        found = self.spool.rglob("*") if self.spool.exists() else ()
        return sorted(path.name for path in found if path.name != "lock")


def executable(name: str) -> Path:
    """The command of a tap, as this environment has it."""
    return Path(sys.executable).parent / name
