"""What the tests of the tap share: rows, and a tap whose output is read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from singer_sdk.singerlib import Catalog
from tap_mixpanel.tap import TapMixpanel

from tests.fakes.mixpanel_export import FakeMixpanelExport, Row
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.tap_runs import Output, TapSandbox, executable

DAY = timedelta(days=1)
MONDAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2024, 1, 20, 12, tzinfo=timezone.utc)
EXECUTABLE = executable("tap-mixpanel")
USERNAME, SECRET = "exporter.1a2b3c.mp-service-account", "mixpanel-secret"


def at(day: int, hour: float = 0) -> int:
    """A moment of January 2024, in milliseconds."""
    return round((MONDAY + (day - 1) * DAY + timedelta(hours=hour)).timestamp() * 1000)


def row(moment: int, number: int = 0, event: str = "Opened", **properties: Any) -> Row:
    """A live row; moment and number make its `$insert_id`, and None leaves a property out."""
    found = {
        "distinct_id": f"person-{number % 7}",
        "$insert_id": f"{moment}-{number}",
        "$mp_api_timestamp_ms": moment + 2_000,
        "mp_processing_time_ms": moment + 5_000,
        "n": number,
        **properties,
    }
    kept = {name: value for name, value in found.items() if value is not None}
    return Row(event, moment, kept)


def days_of_rows(*counts: int, first: int = 1) -> list[Row]:
    """So many rows on each of the days from January `first` on, a minute apart."""
    return [
        row(at(day) + 60_000 * number, number)
        for day, count in enumerate(counts, first)
        for number in range(count)
    ]


class Recorded(Output):
    """What the tap wrote."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The records of the stream `events`."""
        messages = self.of_type("RECORD")
        return [message["record"] for message in messages if message["stream"] == "events"]

    @property
    def uuids(self) -> list[str]:
        return [record["uuid"] for record in self.events]

    @property
    def numbers(self) -> list[int]:
        """The property `n` of each event."""
        return [record["properties"]["n"] for record in self.events]

    @property
    def days(self) -> list[str]:
        """Where each STATE of `events` stands."""
        events = [state.get("bookmarks", {}).get("events", {}) for state in self.states]
        return [event["replication_key_value"] for event in events if event]


class Sandbox(TapSandbox[Recorded]):
    """A folder to run the tap in, in this process or as a process of its own."""

    name = "tap-mixpanel"
    output = Recorded

    def __init__(
        self, folder: Path, mixpanel: FakeMixpanelExport | None = None, now: datetime = NOW
    ) -> None:
        super().__init__(folder, now)
        self.config["time_frame"] = "utc"
        if mixpanel is not None:
            self.config |= {
                "service_account_username": USERNAME,
                "service_account_secret": SECRET,
                "project_id": "2195193",
                "base_url": mixpanel.url,
                "query_base_url": mixpanel.url,
                "start_date": "2024-01-01",
                "end_date": "2024-01-06",
            }

    def tap(
        self, *, state: Any = None, streams: Sequence[str] = ("events",), **settings: Any
    ) -> TapMixpanel:
        given = {**self.config, **settings}
        config = {name: value for name, value in given.items() if value is not None}
        tap = TapMixpanel(config=config, clock=self.clock)
        catalog = selecting(tap.catalog_dict, streams)
        return TapMixpanel(config=config, state=state, catalog=catalog, clock=self.clock)

    def start(
        self, *arguments: str | Path, streams: Sequence[str] = ("events",), **settings: Any
    ) -> subprocess.Popen[str]:
        """Start the executable with this sandbox's settings, for some streams alone."""
        catalog = self.folder / "catalog.json"
        catalog.write_text(json.dumps(self.tap(streams=streams, **settings).catalog_dict))
        return super().start("--catalog", catalog, *arguments, **settings)


def selecting(catalog: dict[str, Any], streams: Sequence[str]) -> dict[str, Any]:
    """The catalog with these streams selected, and no others."""
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return Catalog.from_dict(catalog).to_dict()


def fake(rows: Iterable[Row] = (), now: datetime = NOW, **more: Any) -> FakeMixpanelExport:
    """A stand-in whose date is `now`; without a `clock` that it counts by, it has no quota."""
    if "clock" not in more:
        more = {"limits": UNLIMITED, "query_limits": UNLIMITED, **more}
    return FakeMixpanelExport(rows, now=lambda: now, **more)


def days(asked: Iterable[tuple[date, date]]) -> list[tuple[int, int]]:
    """The days of January that were asked for."""
    return [(first.day, last.day) for first, last in asked]
