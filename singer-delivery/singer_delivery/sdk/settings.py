"""The settings that every target of this library has: what they are, and how they are read.

A config that is read here has its defaults filled in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from singer_sdk import typing as th

from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.settings import Billing, RunSettings
from singer_delivery.sdk.checking import CHECK
from singer_delivery.sdk.config import path_of
from singer_delivery.sdk.people import people_settings, share_of
from singer_delivery.sdk.progress_settings import (
    CONTROL_PATH,
    REPORTS_PATH,
    rhythm_of,
    target_settings,
)


def address_settings(regions: Iterable[str]) -> list[th.Property[Any]]:
    """Return the settings of where a service is; the first of its regions is the default."""
    names = list(regions)
    return [
        th.Property(
            "region",
            th.StringType,
            default=names[0],
            allowed_values=names,
            title="Data region",
            description="Where the project's data lives.",
        ),
        th.Property(
            "base_url",
            th.StringType,
            title="Base URL",
            description="Address to use instead of the region's own, for instance a proxy.",
        ),
    ]


def request_settings(
    max_events: int,
    max_bytes: int,
    takes: str,
    *,
    most_events: int | None = None,
    most_bytes: int | None = None,
) -> list[th.Property[Any]]:
    """Return the settings of a request's size.

    Args:
        max_events: by default.
        max_bytes: by default.
        takes: how much the service takes, in a few words.
        most_events: that may be set; None for any number.
        most_bytes: likewise.
    """
    return [
        th.Property(
            "max_batch_events",
            th.IntegerType(minimum=1, maximum=most_events),
            default=max_events,
            title="Events a request",
            description="How many events one request carries at most.",
        ),
        th.Property(
            "max_batch_bytes",
            th.IntegerType(minimum=1, maximum=most_bytes),
            default=max_bytes,
            title="Bytes a request",
            description=f"How many bytes of JSON one request carries at most; {takes}.",
        ),
    ]


_REMEMBERING = (
    "Whether the ledger lists what was delivered, about 10 bytes an event, and keeps books by day "
    "and name: `singer-delivery verify` and `report` compare by them."
)


def delivery_settings(
    name: str, *, max_in_flight: int, max_retries: int, also_remembered: str = ""
) -> list[th.Property[Any]]:
    """Return the settings of delivery for the target `name`, with its defaults.

    `also_remembered` is a sentence on what else the target does with the list of deliveries.
    """
    return [
        *people_settings(),
        CHECK,
        *_sending_settings(max_in_flight, max_retries),
        *_keeping_settings(name, _REMEMBERING + also_remembered),
        *_output_settings(name),
        *target_settings(name),
    ]


def _sending_settings(max_in_flight: int, max_retries: int) -> list[th.Property[Any]]:
    return [
        th.Property(
            "max_in_flight",
            th.IntegerType(minimum=1, maximum=256),
            default=max_in_flight,
            title="Requests in flight",
            description="How many requests may be in flight at once.",
        ),
        th.Property(
            "max_retries",
            th.IntegerType(minimum=0),
            default=max_retries,
            title="Retries",
            description=(
                "How often a request is sent again (timeouts, dropped connections, 408, 429, 5xx) "
                "before the run stops. Nothing is lost then: start the same run again."
            ),
        ),
        th.Property(
            "processes",
            th.IntegerType(minimum=0, maximum=64),
            title="Processes",
            description=(
                "How many processes map records beside the one that sends them; 0: none. By "
                "default as many as there are cores, less one, once a run proves long (1,000 "
                "records or a BATCH message); if set, from the first record on."
            ),
        ),
    ]


def _keeping_settings(name: str, remembering: str) -> list[th.Property[Any]]:
    """Return the settings of what is kept: the ledger and its books, the dead letters."""
    return [
        th.Property(
            "ledger_url",
            th.StringType,
            default=f"sqlite:///{name}.ledger.sqlite3",
            secret=True,  # an address of a database server may hold its password
            title="Ledger",
            description=(
                "Where identity links and the newest state of people and groups are remembered "
                "between runs: a SQLite file by default, or a PostgreSQL address."
            ),
        ),
        th.Property(
            "remember_deliveries",
            th.BooleanType,
            default=True,
            title="Remember deliveries",
            description=remembering,
        ),
        th.Property(
            "dead_letter_path",
            th.StringType,
            default=f"{name}.dead-letters.singer",
            title="Dead letters",
            description=(
                "File for records that cannot be delivered, with their reasons. It is a Singer "
                "file: mend it and pipe it back in."
            ),
        ),
        th.Property(
            "max_dead_letters",
            th.CustomType({"type": ["string", "integer"]}),
            default="20%",
            title="Most dead letters",
            description=(
                "How many dead letters stop the run, as a number (500) or as a share of the "
                "records read (20%, judged from 100 records on, at the end from 10): something "
                "else must be wrong then. 100% never stops it."
            ),
        ),
    ]


def _output_settings(name: str) -> list[th.Property[Any]]:
    """Return the settings of what a run writes besides: its report, or a dry run."""
    return [
        th.Property(
            "report_path",
            th.StringType,
            default=f"{name}.report.json",
            title="Run report",
            description="File for the report of the last run, as JSON. Empty: none is written.",
        ),
        th.Property(
            "dry_run",
            th.BooleanType,
            default=False,
            title="Dry run",
            description=(
                "Send nothing: write what would be sent to output_path. No STATE is given back and "
                "the ledger is not changed."
            ),
        ),
        th.Property(
            "output_path",
            th.StringType,
            default=f"{name}.dry-run.jsonl",
            title="Dry run's output",
            description="File for what a dry run would send, one JSON line an event.",
        ),
    ]


def run_settings(
    config: Mapping[str, Any],
    *,
    user_agent: str,
    max_events_per_second: int,
    first_wait: float = 1.0,
    billing: Billing | None = None,
    forgets: bool = False,
) -> RunSettings:
    """Read the settings of delivery.

    `user_agent` is the target's name, a slash and its version; `forgets` tells whether the service
    forgets after a while which events it has.
    """
    return RunSettings(
        user_agent=user_agent,
        max_in_flight=config["max_in_flight"],
        max_retries=config["max_retries"],
        max_events_per_second=max_events_per_second,
        ledger_url=config["ledger_url"],
        dead_letter_path=Path(config["dead_letter_path"]),
        report_path=path_of(config, "report_path"),
        dry_run=config["dry_run"],
        output_path=Path(config["output_path"]),
        service=user_agent.partition("/")[0],
        processes=config.get("processes"),
        first_wait=first_wait,
        max_dead_letters=DeadLetterLimit.read(str(config["max_dead_letters"])),
        keep_books=config["remember_deliveries"],
        remember_deliveries=forgets and config["remember_deliveries"],
        max_events_per_second_per_id=config.get("max_events_per_second_per_id", 0),
        max_wait_minutes=config.get("max_wait_minutes", 0),
        sample=share_of(config),
        billing=billing or Billing(),
        progress=rhythm_of(config),
        control_path=path_of(config, CONTROL_PATH),
        reports_path=path_of(config, REPORTS_PATH),
    )


def named_streams(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read how plain streams are loaded, by their names."""
    return config.get("streams") or {}


def scope(*words: str) -> str:
    """Return the name of a project in the ledger, made of what it is known by, keys included.

    The words cannot be read from it.
    """
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:32]
