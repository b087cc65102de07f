"""The settings: their schema, their checks, and their meaning. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_delivery.sdk.batch_config import BATCH_CONFIG, BatchSettings, batch_problems
from singer_delivery.sdk.checking import CHECK
from singer_delivery.sdk.config import address_problems, number_of, text_of
from singer_delivery.sdk.progress_settings import tap_settings
from singer_sdk import typing as th

from tap_amplitude.account import HOSTS, Account
from tap_amplitude.windows import LONGEST_WINDOW, full_hour, read_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

WINDOW_HOURS, SETTLE_HOURS, MAX_RETRIES = 24, 2, 10
SPOOL_DIR = ".tap-amplitude"
TIMESTAMPS = DATE_TIME, RFC3339, TEXT = "date-time", "rfc3339", "text"

CONFIG_SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        secret=True,
        title="API key",
        description="API key of the Amplitude project. Not needed with archive_path.",
    ),
    th.Property(
        "secret_key",
        th.StringType,
        secret=True,
        title="Secret key",
        description="Secret key of the same project. Not needed with archive_path.",
    ),
    th.Property(
        "region",
        th.StringType,
        default="us",
        allowed_values=sorted(HOSTS, reverse=True),
        title="Region",
        description="Where Amplitude keeps the project's data: us or eu.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        title="Base URL",
        description="Address of the Export API in place of the region's, without /api/2/export.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "First hour to export, by upload time, in UTC unless it says otherwise. "
            "Not needed with archive_path, where it filters files by the hour in their name."
        ),
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description=(
            "Where to stop, exclusive: the hour that holds it is not exported. "
            "By default, and at the latest, settle_hours before now."
        ),
    ),
    th.Property(
        "archive_path",
        th.StringType,
        title="Archive path",
        description=(
            "Read exported files instead of asking the API: a folder, a zip or a file, local or an "
            "fsspec URL such as s3://bucket/prefix (needs the extra s3) or gs://bucket/prefix (gs)."
        ),
    ),
    th.Property(
        "window_hours",
        th.IntegerType(minimum=1, maximum=LONGEST_WINDOW),
        default=WINDOW_HOURS,
        title="Window",
        description=(
            "Most hours to ask for at once. What proves too large is halved, and grows again."
        ),
    ),
    th.Property(
        "settle_hours",
        th.IntegerType(minimum=0),
        default=SETTLE_HOURS,
        title="Settling time",
        description="Hours to leave alone before now: Amplitude may still add events to them.",
    ),
    th.Property(
        "spool_dir",
        th.StringType,
        default=SPOOL_DIR,
        title="Working folder",
        description=(
            "Folder for downloads, removed after use, and for bad_lines.jsonl. Needs room for two "
            "windows; one may be 4 GB."
        ),
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0),
        default=MAX_RETRIES,
        title="Retries",
        description="How often a window is asked for again after a passing failure.",
    ),
    th.Property(
        "timestamps",
        th.StringType,
        default="date-time",
        allowed_values=[*TIMESTAMPS],
        title="Timestamps",
        description=(
            "How times are declared and written. date-time: declared as such, written as Amplitude "
            "does (2024-01-31 12:00:00.000000, in UTC). rfc3339: also written so "
            "(2024-01-31T12:00:00.000000Z), for loaders that insist; files of a batch are then "
            "written anew. text: declared as text."
        ),
    ),
    *tap_settings(),
    CHECK,
    BATCH_CONFIG,
    additional_properties=False,
).to_dict()


@dataclass(frozen=True)
class Settings:
    """The settings. Without `archive_path`, `start` and the keys of `account` are set."""

    account: Account
    start: datetime | None
    end: datetime | None
    archive_path: str | None
    window_hours: int
    settle_hours: int
    spool_dir: Path
    max_retries: int
    timestamps: str
    batches: BatchSettings | None

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read settings in which `problems` finds nothing."""
        region = text_of(config, "region") or "us"
        base_url = text_of(config, "base_url") or HOSTS[region]
        return cls(
            account=Account(
                base_url.rstrip("/"),
                region,
                text_of(config, "api_key") or "",
                text_of(config, "secret_key") or "",
            ),
            start=_time(config, "start_date"),
            end=_time(config, "end_date"),
            archive_path=text_of(config, "archive_path"),
            window_hours=number_of(config, "window_hours", WINDOW_HOURS),
            settle_hours=number_of(config, "settle_hours", SETTLE_HOURS),
            spool_dir=Path(text_of(config, "spool_dir") or SPOOL_DIR),
            max_retries=number_of(config, "max_retries", MAX_RETRIES),
            timestamps=text_of(config, "timestamps") or DATE_TIME,
            batches=BatchSettings.of_config(config),
        )


def problems(config: Mapping[str, Any], now: datetime) -> list[str]:
    """Return a sentence for each problem of settings whose types are right."""
    found = [] if text_of(config, "archive_path") else _missing(config)
    unreadable = [name for name in ("start_date", "end_date") if not _is_time(config, name)]
    found += [
        f"{name} is no date or time that can be read: write 2024-01-31 or 2024-01-31T15:00:00Z."
        for name in unreadable
    ]
    found += [*address_problems(config, "base_url"), *batch_problems(config)]
    return found if unreadable else found + _wrong_range(config, now)


def _missing(config: Mapping[str, Any]) -> list[str]:
    needed = {
        "api_key": "it is in the settings of the Amplitude project",
        "secret_key": "it is in the settings of the Amplitude project, beside the API key",
        "start_date": "the first day to export, such as 2024-01-31",
    }
    return [
        f"{name} is missing: {what}. (To read exported files instead, set archive_path.)"
        for name, what in needed.items()
        if not text_of(config, name)
    ]


def _wrong_range(config: Mapping[str, Any], now: datetime) -> list[str]:
    start, end = _time(config, "start_date"), _time(config, "end_date")
    if start is not None and start > full_hour(now):
        return ["start_date lies in the future."]
    if start is not None and end is not None and end <= start:
        return [
            "end_date must be later than start_date; it is exclusive, so a day ends at the next."
        ]
    return []


def _time(config: Mapping[str, Any], name: str) -> datetime | None:
    text = text_of(config, name)
    return read_time(text) if text else None


def _is_time(config: Mapping[str, Any], name: str) -> bool:
    try:
        _time(config, name)
    except ValueError:
        return False
    return True
