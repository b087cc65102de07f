"""The settings by which plugins say how far a run is: what they are, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import typing as th

from singer_delivery.progress.meter import WINDOW
from singer_delivery.progress.reporter import Rhythm
from singer_delivery.sdk.config import path_of

STATUS_PATH, PROGRESS_SECONDS = "status_path", "progress_seconds"
CONTROL_PATH, REPORTS_PATH = "control_path", "reports_path"
SECONDS = round(WINDOW)


def progress_seconds_setting() -> th.Property[Any]:
    """Return the setting that says how often a line says how far a run is."""
    return th.Property(
        PROGRESS_SECONDS,
        th.IntegerType(minimum=0),
        default=SECONDS,
        title="Progress",
        description=(
            "Seconds between two lines of the log that say how far the run is; 0: none. SIGUSR1 "
            "asks for one at any time."
        ),
    )


def status_path_setting(default: str | None = None) -> th.Property[Any]:
    """Return the setting that says where the status file is; without a default there is none."""
    return th.Property(
        STATUS_PATH,
        th.StringType,
        default=default,
        title="Status file",
        description=(
            "File that says how far the run is, as JSON, for health checks and for "
            "singer-delivery watch; replaced as often as the line comes. Empty: there is none."
        ),
    )


def tap_settings() -> list[th.Property[Any]]:
    """Return those of a tap."""
    return [progress_seconds_setting(), status_path_setting()]


def target_settings(name: str) -> list[th.Property[Any]]:
    """Return those of the target `name`."""
    return [
        progress_seconds_setting(),
        status_path_setting(f"{name}.status.json"),
        th.Property(
            CONTROL_PATH,
            th.StringType,
            title="Control file",
            description=(
                "File that changes the pace of a running target, looked at once a second: "
                "`max_events_per_second: 500` and `pause: true`, a line each, or as JSON. By "
                "default there is none."
            ),
        ),
        th.Property(
            REPORTS_PATH,
            th.StringType,
            default=f"{name}.reports",
            title="Reports of all runs",
            description=(
                "Folder in which the report of each run is kept, of failed ones too; "
                "singer-delivery runs lists them. Empty: none is kept."
            ),
        ),
    ]


def rhythm_of(config: Mapping[str, Any]) -> Rhythm:
    """Read when a run says how far it is."""
    seconds = config.get(PROGRESS_SECONDS)
    return Rhythm(SECONDS if seconds is None else float(seconds), path_of(config, STATUS_PATH))
