"""What the tests of the tap share: rows, a clock that does not wait, a tap whose output is read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tap_amplitude.tap import TapAmplitude

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company.rows import COLUMNS

HOUR = timedelta(hours=1)
MONDAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
TUESDAY = MONDAY + 24 * HOUR
LATER = datetime(2024, 6, 1, tzinfo=timezone.utc)
EXECUTABLE = Path(sys.executable).parent / "tap-amplitude"


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


def row(hour: datetime, number: int, **values: Any) -> bytes:
    """One line of the export; the same hour and number make the same uuid."""
    columns = dict.fromkeys(COLUMNS)
    columns |= {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{hour.isoformat()} {number}")),
        "server_upload_time": f"{hour + timedelta(seconds=number):%Y-%m-%d %H:%M:%S.%f}",
        "event_type": "Opened",
        "user_id": f"person-{number:04}",
        "event_id": number,
        "event_properties": {"n": number},
        "data": {"path": "/batch"},
    }
    return json.dumps(columns | values).encode()


def hours_of_rows(start: datetime, *counts: int) -> dict[datetime, list[bytes]]:
    """So many rows in each of the hours from `start` on."""
    hours = [start + position * HOUR for position in range(len(counts))]
    return {
        hour: [row(hour, number) for number in range(count)]
        for hour, count in zip(hours, counts, strict=True)
    }


def uuids(lines: Any) -> list[str]:
    return [json.loads(line)["uuid"] for line in lines]


@dataclass
class Output:
    """What a tap wrote."""

    text: str
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = [json.loads(line) for line in self.text.splitlines()]

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
        return [message["value"] for message in self.of_type("STATE")]

    @property
    def bookmark(self) -> dict[str, Any]:
        return self.states[-1]["bookmarks"]["events"]

    @property
    def bookmarks(self) -> list[str]:
        """Where each STATE stands."""
        events = [state["bookmarks"]["events"] for state in self.states]
        return [event["replication_key_value"] for event in events]

    @property
    def raw_records(self) -> list[str]:
        """The bytes of each record within its message."""
        head, tail = '"record":', ',"time_extracted"'
        lines = [line for line in self.text.splitlines() if '"RECORD"' in line[:20]]
        return [line[line.index(head) + len(head) : line.rindex(tail)] for line in lines]


class Sandbox:
    """A folder to run the tap in, in this process or as a process of its own."""

    def __init__(self, folder: Path, amplitude: FakeAmplitude | None = None) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.clock = StoppedClock()
        self.config: dict[str, Any] = {"spool_dir": str(self.spool)}
        if amplitude is not None:
            self.config |= {
                "api_key": amplitude.api_key,
                "secret_key": amplitude.secret_key,
                "base_url": amplitude.url,
                "start_date": "2024-01-01",
                "end_date": "2024-01-03",
            }

    def tap(self, *, state: Any = None, catalog: Any = None, **settings: Any) -> TapAmplitude:
        config = {**self.config, **settings}
        return TapAmplitude(config=config, state=state, catalog=catalog, clock=self.clock)

    def run(self, **options: Any) -> Output:
        """Sync to the end, and return what was written."""
        output, error = self.try_run(**options)
        if error is not None:
            raise error
        return output

    def try_run(self, **options: Any) -> tuple[Output, Exception | None]:
        """Sync, and return what was written before the error, and the error."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        failure = None
        with redirect_stdout(out):
            try:
                self.tap(**options).sync_all()
            except Exception as error:  # noqa: BLE001 - handed to the test
                failure = error
        out.seek(0)
        return Output(out.read()), failure

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        """Start the executable with this sandbox's settings."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({**self.config, **settings}))
        return subprocess.Popen(
            [EXECUTABLE, "--config", config, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "TAP_AMPLITUDE_LOGLEVEL": "INFO"},
        )

    @property
    def leftovers(self) -> list[str]:
        """What the run left in its working folder, but for the lock."""
        found = self.spool.rglob("*") if self.spool.exists() else ()
        return sorted(path.name for path in found if path.name != "lock")
