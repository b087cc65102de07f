"""Runs the tap as a shell does, and reads what it wrote as if a service held it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes.mixpanel_export import FakeMixpanelExport, Profile
from tests.mixpanel_people.export import DATA_GROUPS, Export
from tests.mixpanel_people.held import Held
from tests.mixpanel_people.reader import Reader

TAP = Path(sys.executable).parent / "tap-mixpanel"
TIMEOUT = 120.0
Record = dict[str, Any]


@dataclass(frozen=True)
class Tapped:
    """What one run of the tap left behind.

    Attributes:
        records: of each stream, in order.
        states: values of STATE, in order.
    """

    code: int
    records: Mapping[str, list[Record]]
    states: list[Any]
    log: str

    @property
    def state(self) -> Any:
        """The last STATE."""
        return self.states[-1] if self.states else None


def settings(fake: FakeMixpanelExport, export: Export) -> dict[str, Any]:
    """Return the settings of a tap that reads all of an export from its service."""
    first, last = min(export.days), max(export.days)
    return {
        "base_url": fake.url,
        "query_base_url": fake.url,
        "service_account_username": fake.access.username,
        "service_account_secret": fake.access.secret,
        "project_id": str(fake.access.project_id),
        "project_timezone": export.timezone,
        "time_frame": "utc" if export.zone is None else "project",
        "start_date": f"{first}T00:00:00Z",
        "end_date": f"{last + timedelta(days=1)}T00:00:00Z",
        "identities_start_date": f"{first}T00:00:00Z",
        "data_group_ids": DATA_GROUPS,
    }


def tap(folder: Path, config: Mapping[str, Any], state: Any = None) -> Tapped:
    """Run the tap once; what it works with is in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--config", _written(folder, "config", {"spool_dir": f"{folder}/spool", **config})]
    if state is not None:
        options += ["--state", _written(folder, "state", state)]
    run = subprocess.run(
        [str(TAP), *options], capture_output=True, timeout=TIMEOUT, check=False, cwd=folder
    )
    records: dict[str, list[Record]] = {}
    states = []
    for message in map(json.loads, run.stdout.split(b"\n")[:-1]):
        kind = message["type"]
        if kind == "RECORD":
            records.setdefault(message["stream"], []).append(message["record"])
        elif kind == "STATE":
            states.append(message["value"])
    return Tapped(run.returncode, records, states, run.stderr.decode())


def _written(folder: Path, name: str, content: Any) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)


def held(tapped: Tapped, export: Export) -> Held:
    """Read what a tap wrote, as `reader` does, with the times and sessions that it says."""
    records = tapped.records.get("events", [])
    rows = [
        json.dumps({"event": record["event"], "properties": record["properties"]}).encode()
        for record in records
    ]
    profiles = [
        Profile(record["distinct_id"], record["properties"])
        for record in tapped.records.get("profiles", [])
    ]
    read = Reader(export.system).read(rows, profiles).held(export.truth)
    by_serial = {record["properties"]["serial"]: record for record in records}
    return replace(
        read,
        events={
            serial: each._replace(
                at=_milliseconds(by_serial[serial]["time"]),
                session=_session(by_serial[serial]),
            )
            for serial, each in read.events.items()
        },
        groups={
            (record["group_key"], record["group_id"]): record["properties"]
            for record in tapped.records.get("group_profiles", [])
        },
        links_sessions=True,
    )


def _session(record: Record) -> int | None:
    start = record["session_start"]
    return None if start is None else _milliseconds(start)


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1_000)
