"""What the tests of the tap share: rows, and a tap whose output is read."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tap_amplitude.tap import TapAmplitude

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company.rows import COLUMNS
from tests.tap_runs import LATER, Output, TapSandbox, executable

HOUR = timedelta(hours=1)
MONDAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
TUESDAY = MONDAY + 24 * HOUR
EXECUTABLE = executable("tap-amplitude")


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


class Recorded(Output):
    """What the tap wrote."""

    @property
    def bookmark(self) -> dict[str, Any]:
        return self.states[-1]["bookmarks"]["events"]

    @property
    def bookmarks(self) -> list[str]:
        """Where each STATE stands."""
        events = [state["bookmarks"]["events"] for state in self.states]
        return [event["replication_key_value"] for event in events]


class Sandbox(TapSandbox[Recorded]):
    """A folder to run the tap in, in this process or as a process of its own."""

    name = "tap-amplitude"
    output = Recorded

    def __init__(self, folder: Path, amplitude: FakeAmplitude | None = None) -> None:
        super().__init__(folder, LATER)
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
