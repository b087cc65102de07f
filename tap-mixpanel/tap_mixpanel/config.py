"""The settings of the tap, as users see them; `settings.py` reads them."""

from __future__ import annotations

from typing import Any

from singer_delivery.sdk.batch_config import BATCH_CONFIG
from singer_delivery.sdk.progress_settings import tap_settings
from singer_sdk import typing as th

from tap_mixpanel.account import HOSTS
from tap_mixpanel.identity_merge import ORIGINAL, SIMPLIFIED
from tap_mixpanel.time_frame import AUTO, PROJECT, UTC

LOOKBACK_DAYS, WINDOW_DAYS, LONGEST_WINDOW, MAX_REQUESTS, ALLOWED_REQUESTS = 7, 31, 92, 50, 60
PAGE_SIZE, SESSION_MINUTES, MAX_RETRIES = 1_000, 30, 10
SPOOL_DIR = ".tap-mixpanel"

CONFIG_SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "service_account_username",
        th.StringType,
        title="Service account",
        description="Name of a service account with a role in the project.",
    ),
    th.Property(
        "service_account_secret",
        th.StringType,
        secret=True,
        title="Service account's secret",
        description="Its secret.",
    ),
    th.Property(
        "project_id",
        th.StringType,
        title="Project id",
        description="Number of the project; goes with a service account.",
    ),
    th.Property(
        "project_secret",
        th.StringType,
        secret=True,
        title="Project secret",
        description=(
            "Secret of the project, in place of a service account. Mixpanel ends project secrets "
            "on 3 March 2027."
        ),
    ),
    th.Property(
        "region",
        th.StringType,
        default="us",
        allowed_values=[*HOSTS],
        title="Region",
        description="Where Mixpanel keeps the project's data: us, eu or in.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        title="Base URL",
        description="Address of the raw export in place of the region's, without /api/2.0/export.",
    ),
    th.Property(
        "query_base_url",
        th.StringType,
        title="Query base URL",
        description="Address of the Query API in place of the region's, without /api/query.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "First day to export, of the project. Not needed with archive_path, where it filters "
            "rows by their day."
        ),
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description=(
            "First day not to export, of the project. By default tomorrow: today is read, and read "
            "again by the next run."
        ),
    ),
    th.Property(
        "archive_path",
        th.StringType,
        title="Archive path",
        description=(
            "Read exported files instead of asking the API: a folder or a file, local or an fsspec "
            "URL such as s3://bucket/prefix (needs the extra s3) or gs://bucket/prefix (gs)."
        ),
    ),
    th.Property(
        "project_timezone",
        th.StringType,
        title="Time zone of the project",
        description=(
            "Such as US/Pacific: Mixpanel shows it in the settings of the project. Needed where "
            "the times of the project are the wall clock of its zone; sessions end at its midnight."
        ),
    ),
    th.Property(
        "time_frame",
        th.StringType,
        default=AUTO,
        allowed_values=[AUTO, UTC, PROJECT],
        title="Time frame",
        description=(
            "What exported times are: utc, or in projects made before 2023 the wall clock of the "
            "project's zone. auto tells by live rows before the first row leaves, and stops the "
            "run where they do not tell."
        ),
    ),
    th.Property(
        "identity_merge",
        th.StringType,
        default=AUTO,
        allowed_values=[AUTO, SIMPLIFIED, ORIGINAL],
        title="Identity merge",
        description=(
            "Which identity system the project has (Settings > Project > Identity Merge). auto "
            "tells by the rows."
        ),
    ),
    th.Property(
        "identities_start_date",
        th.DateTimeType,
        title="Start date of identities",
        description=(
            "First day of the stream identities. By default five years before start_date, since a "
            "login today says whose earlier rows are."
        ),
    ),
    th.Property(
        "lookback_days",
        th.IntegerType(minimum=0),
        default=LOOKBACK_DAYS,
        title="Look-back",
        description="Days before the bookmark that each run reads again: phones deliver late.",
    ),
    th.Property(
        "window_days",
        th.IntegerType(minimum=1, maximum=LONGEST_WINDOW),
        default=WINDOW_DAYS,
        title="Window",
        description=(
            "Most days to ask for at once. Windows begin at one day, grow while they are small, "
            "and are halved when one fails."
        ),
    ),
    th.Property(
        "max_requests_per_hour",
        th.IntegerType(minimum=1, maximum=ALLOWED_REQUESTS),
        default=MAX_REQUESTS,
        title="Requests an hour",
        description=(
            "Most requests in any hour, at the export host and at the query host each. Mixpanel "
            "takes 60 of a project, all its programs together."
        ),
    ),
    th.Property(
        "event_names",
        th.ArrayType(th.StringType),
        title="Event names",
        description=(
            "Raw names of events to ask Mixpanel for; by default all. Verbs that say who is who "
            "are asked for besides. Not for archive_path."
        ),
    ),
    th.Property(
        "data_group_ids",
        th.ObjectType(additional_properties=th.StringType),
        title="Data group ids",
        description=(
            "Data group id for each group key whose profiles to read, as text; it is in the "
            "address of a group's profile in Mixpanel."
        ),
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        default=PAGE_SIZE,
        title="Page size",
        description=(
            "Profiles to ask for at once. More than 1,000 is not documented; the page that comes "
            "counts."
        ),
    ),
    th.Property(
        "incremental_profiles",
        th.BooleanType,
        default=False,
        title="Incremental profiles",
        description=(
            "Read only profiles seen since the last run, and all of them in every tenth run. "
            "Profiles that were removed or changed silently are missed in between."
        ),
    ),
    th.Property(
        "session_timeout_minutes",
        th.IntegerType(minimum=0),
        default=SESSION_MINUTES,
        title="Session timeout",
        description="Longest pause within a session, as in Mixpanel's settings; 0: no sessions.",
    ),
    th.Property(
        "session_property",
        th.StringType,
        title="Session property",
        description="Property whose value makes a session, in place of a timeout.",
    ),
    th.Property(
        "spool_dir",
        th.StringType,
        default=SPOOL_DIR,
        title="Working folder",
        description=(
            "Folder for downloads and for days that are put in order, removed after use, and for "
            "bad_lines.jsonl. Needs room for two windows, and for the rows of one unpacked."
        ),
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0),
        default=MAX_RETRIES,
        title="Retries",
        description="How often a window is asked for again after a passing failure.",
    ),
    *tap_settings(),
    BATCH_CONFIG,
    additional_properties=False,
).to_dict()
