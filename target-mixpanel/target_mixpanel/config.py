"""The settings of the target, as users see them; `target.py` reads them."""

from __future__ import annotations

from singer_delivery.sdk.settings import address_settings, delivery_settings, request_settings
from singer_delivery.sdk.source_settings import (
    TEXTS,
    backfill_days_setting,
    bare_ids_setting,
    chosen_events_settings,
)
from singer_delivery.sdk.stream_settings import streams_setting
from singer_sdk import typing as th

from target_mixpanel import endpoint
from target_mixpanel.account import HOSTS
from target_mixpanel.settings import LINK_EVENT

SETTINGS = [
    th.Property(
        "project_token",
        th.StringType,
        secret=True,
        title="Project token",
        description=(
            "Token of the Mixpanel project (Settings > Project). Profiles and groups always need "
            "it; events too, without a service account."
        ),
    ),
    th.Property(
        "project_id",
        th.CustomType({"type": ["string", "integer", "null"]}),  # it is a number to most people
        title="Project id",
        description="Number of the project; goes with a service account.",
    ),
    th.Property(
        "service_account_username",
        th.StringType,
        title="Service account",
        description="Name of a service account that is Owner or Admin of the project.",
    ),
    th.Property(
        "service_account_secret",
        th.StringType,
        secret=True,
        title="Service account's secret",
        description="Its secret.",
    ),
    *address_settings(HOSTS),
    th.Property(
        "query_base_url",
        th.StringType,
        title="Query base URL",
        description="Address for `verify` to ask instead of the region's own.",
    ),
    th.Property(
        "project_timezone",
        th.StringType,
        default="UTC",
        title="Time zone of the project",
        description=(
            "Such as US/Pacific: Mixpanel shows it in the settings of the project. `verify` needs "
            "it, since reports count days in it."
        ),
    ),
    th.Property(
        "identity_merge",
        th.StringType,
        default="simplified",
        allowed_values=["simplified", "original"],
        title="Identity merge",
        description="Which identity system the project has (Settings > Project > Identity Merge).",
    ),
    th.Property(
        "user_properties_on_events",
        th.BooleanType,
        default=True,
        title="User properties on events",
        description=(
            "Whether user_properties also stay on each event, as user.<name>: Mixpanel's profiles "
            "have no history."
        ),
    ),
    th.Property(
        "profiles",
        th.BooleanType,
        default=True,
        title="Profiles",
        description="Whether profiles of people are updated: once a run, to the newest state.",
    ),
    th.Property(
        "groups",
        th.BooleanType,
        default=True,
        title="Groups",
        description="Whether profiles of groups are updated (needs Mixpanel's Group Analytics).",
    ),
    th.Property(
        "group_keys",
        TEXTS,
        title="Group keys",
        description=(
            "Mixpanel's group key for each Amplitude group type; by default the same name. The "
            "keys must stand in the project's settings before the import."
        ),
    ),
    th.Property(
        "geolocate_ip",
        th.BooleanType,
        default=False,
        title="Locate by IP address",
        description="Whether Mixpanel locates events without a city by their ip_address.",
    ),
    th.Property(
        "retention_years",
        th.IntegerType(minimum=1),
        default=2,
        title="Retention",
        description="Years the project keeps events. Older ones are counted in the report.",
    ),
    th.Property(
        "skip_expired",
        th.BooleanType,
        default=False,
        title="Skip expired events",
        description="Leave events out that are older than the retention, counted in the report.",
    ),
    bare_ids_setting("another Mixpanel project"),
    th.Property(
        "link_event",
        th.StringType,
        default=LINK_EVENT,
        title="Link event",
        description=(
            "Name of the event that links a device to its user, in a copy of a project with "
            "Original ID Merge into one with Simplified ID Merge."
        ),
    ),
    backfill_days_setting("Amplitude"),
    *chosen_events_settings("Amplitude or Mixpanel"),
    streams_setting(
        "Amplitude or Mixpanel export",
        ", or the rows of a lookup table, all of them in every run",
        [
            th.Property(
                "lookup_table",
                th.StringType,
                title="Lookup table",
                description="Its records replace the lookup table with this id.",
            )
        ],
    ),
    th.Property(
        "max_events_per_second",
        th.IntegerType(minimum=0),
        default=endpoint.EVENTS_PER_SECOND,
        title="Events a second",
        description="Upper limit, 0 for none. Mixpanel takes about 30,000 a second and project.",
    ),
    *request_settings(
        endpoint.MAX_EVENTS,
        endpoint.MAX_BYTES,
        "Mixpanel takes 10 MB",
        most_events=endpoint.MAX_EVENTS,
        most_bytes=endpoint.MAX_BYTES,
    ),
    *delivery_settings("target-mixpanel", max_in_flight=12, max_retries=12),
]
