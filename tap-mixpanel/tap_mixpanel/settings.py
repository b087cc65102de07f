"""The settings: what is wrong with them, and what they mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from singer_delivery.sdk.batch_config import BatchSettings, batch_problems
from singer_delivery.sdk.config import address_problems, number_of, text_of

from tap_mixpanel.account import HOSTS, Account
from tap_mixpanel.config import (
    LOOKBACK_DAYS,
    MAX_REQUESTS,
    MAX_RETRIES,
    PAGE_SIZE,
    SESSION_MINUTES,
    SPOOL_DIR,
    WINDOW_DAYS,
)
from tap_mixpanel.time_frame import AUTO, PROJECT

YEARS_OF_IDENTITIES = 5
"""The longest that Mixpanel keeps events (Mixpanel docs, GDPR: "Data Retention")."""

FIRST_DAY = date(2000, 1, 1)
"""Mixpanel answers earlier days with `invalid date, bad year`."""

SECRETS_END = date(2027, 3, 3)
"""On this day Mixpanel ends project secrets (Mixpanel docs, Project Secret)."""

USE_SERVICE_ACCOUNT = (
    "Mixpanel ends project secrets on 3 March 2027: make a service account (Organization "
    "settings), and set service_account_username, service_account_secret and project_id "
    "in its place."
)


@dataclass(frozen=True)
class Settings:
    """The settings. Without `archive_path`, `start` and the login of `account` are set.

    Attributes:
        start: the first project day to read.
        end: the first project day not to read; None is tomorrow.
        zone: of the project.
        identities_start: the first project day of the stream `identities`.
    """

    account: Account
    start: date | None
    end: date | None
    archive_path: str | None
    zone: ZoneInfo | None
    time_frame: str
    identity_merge: str
    identities_start: date | None
    lookback_days: int
    window_days: int
    max_requests_per_hour: int
    event_names: tuple[str, ...]
    data_group_ids: dict[str, str]
    page_size: int
    incremental_profiles: bool
    session_timeout_minutes: int
    session_property: str | None
    spool_dir: Path
    max_retries: int
    batches: BatchSettings | None

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read settings in which `problems` finds nothing."""
        start, zone = _day(config, "start_date"), text_of(config, "project_timezone")
        return cls(
            account=_account(config),
            start=start,
            end=_day(config, "end_date"),
            archive_path=text_of(config, "archive_path"),
            zone=ZoneInfo(zone) if zone else None,
            time_frame=text_of(config, "time_frame") or AUTO,
            identity_merge=text_of(config, "identity_merge") or AUTO,
            identities_start=_day(config, "identities_start_date") or _years_before(start),
            lookback_days=number_of(config, "lookback_days", LOOKBACK_DAYS),
            window_days=number_of(config, "window_days", WINDOW_DAYS),
            max_requests_per_hour=number_of(config, "max_requests_per_hour", MAX_REQUESTS),
            event_names=tuple(config.get("event_names") or ()),
            data_group_ids=dict(config.get("data_group_ids") or {}),
            page_size=number_of(config, "page_size", PAGE_SIZE),
            incremental_profiles=bool(config.get("incremental_profiles")),
            session_timeout_minutes=number_of(config, "session_timeout_minutes", SESSION_MINUTES),
            session_property=text_of(config, "session_property"),
            spool_dir=Path(text_of(config, "spool_dir") or SPOOL_DIR),
            max_retries=number_of(config, "max_retries", MAX_RETRIES),
            batches=BatchSettings.of_config(config),
        )


def read_day(text: str) -> date:
    """Read the day of a date or time in ISO 8601, as it is written there.

    Raises:
        ValueError: The text is no date or time.
    """
    stripped = text.strip()
    # fromisoformat of Python 3.10 does not read "Z".
    zoned = f"{stripped[:-1]}+00:00" if stripped[-1:] in ("Z", "z") else stripped
    return datetime.fromisoformat(zoned).date()


def problems(config: Mapping[str, Any], now: datetime) -> list[str]:
    """Return a sentence for each problem of settings whose types are right."""
    found = [*(_of_files(config) if text_of(config, "archive_path") else _missing(config, now))]
    dates = ("start_date", "end_date", "identities_start_date")
    unreadable = [name for name in dates if not _is_day(config, name)]
    found += [f"{name} is no date that can be read: write 2024-01-31." for name in unreadable]
    for name in ("base_url", "query_base_url"):
        found += address_problems(config, name)
    found += [*_zone_problems(config), *_group_problems(config), *batch_problems(config)]
    return found if unreadable else [*found, *_wrong_range(config, now)]


def _account(config: Mapping[str, Any]) -> Account:
    region = text_of(config, "region") or "us"
    hosts = HOSTS[region]
    return Account(
        base_url=(text_of(config, "base_url") or hosts.export).rstrip("/"),
        query_base_url=(text_of(config, "query_base_url") or hosts.query).rstrip("/"),
        region=region,
        project_id=text_of(config, "project_id") or "",
        username=text_of(config, "service_account_username") or "",
        secret=text_of(config, "service_account_secret") or "",
        project_secret=text_of(config, "project_secret") or "",
    )


def _of_files(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("event_names"):
        yield (
            "event_names is what Mixpanel is asked for, and filters no files: leave it out where "
            "archive_path is set, and set exclude_events of the target."
        )


def _missing(config: Mapping[str, Any], now: datetime) -> Iterator[str]:
    needed = {"start_date": "the first day to export, such as 2024-01-31"}
    if not text_of(config, "project_secret"):
        needed = {
            "service_account_username": "Mixpanel shows it in Organization settings",
            "service_account_secret": "Mixpanel shows it once, when the service account is made",
            "project_id": "it is in the settings of the Mixpanel project",
            **needed,
        }
    elif any(text_of(config, f"service_account_{part}") for part in ("username", "secret")):
        yield "project_secret and a service account are both set: leave project_secret out."
    elif now.date() >= SECRETS_END:
        yield f"project_secret is of no use any more. {USE_SERVICE_ACCOUNT}"
    for name, what in needed.items():
        if not text_of(config, name):
            yield f"{name} is missing: {what}. (To read exported files instead, set archive_path.)"
    project_id = text_of(config, "project_id")
    if project_id and not re.fullmatch(r"[0-9]+", project_id):
        yield "project_id must be a number: it is in the settings of the Mixpanel project."


def _zone_problems(config: Mapping[str, Any]) -> Iterator[str]:
    name = text_of(config, "project_timezone")
    if name is None:
        if text_of(config, "time_frame") == PROJECT:
            yield (
                "time_frame is project, so project_timezone is needed: Mixpanel shows it in the "
                "settings of the project."
            )
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        yield "project_timezone is no time zone: write its IANA name, such as US/Pacific."


def _group_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for key, value in (config.get("data_group_ids") or {}).items():
        if not re.fullmatch(r"-?[0-9]+", str(value)):
            yield f"data_group_ids must hold a number as text for {key}."


def _wrong_range(config: Mapping[str, Any], now: datetime) -> Iterator[str]:
    start, end = _day(config, "start_date"), _day(config, "end_date")
    # A day has begun somewhere up to 14 hours before it does in UTC.
    latest = (now + timedelta(hours=14)).date()
    if start is not None and start > latest:
        yield "start_date lies in the future."
    elif start is not None and start < FIRST_DAY:
        yield "start_date lies before 2000, which Mixpanel does not answer."
    elif start is not None and end is not None and end <= start:
        yield "end_date must be later than start_date: it is the first day that is not exported."
    identities = _day(config, "identities_start_date")
    if identities is not None and identities < FIRST_DAY:
        yield "identities_start_date lies before 2000, which Mixpanel does not answer."
    if end is not None and end > latest + timedelta(days=1):
        yield "end_date lies in the future: leave it out to read all there is."


def _years_before(day: date | None) -> date | None:
    if day is None:
        return None
    return max(FIRST_DAY, day - timedelta(days=round(365.25 * YEARS_OF_IDENTITIES)))


def _day(config: Mapping[str, Any], name: str) -> date | None:
    text = text_of(config, name)
    return read_day(text) if text else None


def _is_day(config: Mapping[str, Any], name: str) -> bool:
    try:
        _day(config, name)
    except ValueError:
        return False
    return True


def today_in_utc(now: float) -> date:
    """Return the day in UTC; `now` is in seconds since 1970."""
    return datetime.fromtimestamp(now, timezone.utc).date()
