"""The settings of the target, as users see them; `target.py` reads them."""

from __future__ import annotations

from singer_delivery.sdk.settings import delivery_settings, request_settings
from singer_delivery.sdk.source_settings import (
    TEXTS,
    backfill_days_setting,
    bare_ids_setting,
    chosen_events_settings,
    exclude_properties_setting,
)
from singer_delivery.sdk.stream_settings import streams_setting
from singer_sdk import typing as th

from target_posthog import endpoint
from target_posthog.capture import CAPTURE

SETTINGS = [
    th.Property(
        "api_key",
        th.StringType,
        secret=True,
        title="Project API key",
        description="The key of the PostHog project (phc_…); required, except for a dry run.",
    ),
    th.Property(
        "host",
        th.StringType,
        default="https://us.i.posthog.com",
        title="Host",
        description="https://us.i.posthog.com, https://eu.i.posthog.com, or your own PostHog.",
    ),
    CAPTURE,
    th.Property(
        "historical_migration",
        th.BooleanType,
        default=True,
        title="Historical migration",
        description="Send events by PostHog's lane for imports, apart from live events.",
    ),
    th.Property(
        "link_identities",
        th.StringType,
        default="alias",
        allowed_values=["alias", "identify", "none"],
        title="Link identities",
        description=(
            "How a device is linked to the first user seen on it: by $create_alias, by $identify, "
            "or not at all. A second user on the same device is never merged."
        ),
    ),
    th.Property(
        "person_properties",
        th.StringType,
        default="set",
        allowed_values=["set", "set_once", "none"],
        title="Person properties",
        description=(
            "How user_properties reach the person: as $set when newer than what was sent before, "
            "as $set_once (for a project that is already live), or not at all."
        ),
    ),
    th.Property(
        "person_profiles",
        th.StringType,
        default="always",
        allowed_values=["always", "identified_only"],
        title="Person profiles",
        description="With identified_only, events without a user id create no person profile.",
    ),
    th.Property(
        "group_types",
        th.ArrayType(th.StringType),
        title="Group types",
        description="Up to five group types to link; by default the first five met.",
    ),
    backfill_days_setting("Amplitude"),
    *chosen_events_settings("Amplitude"),
    th.Property(
        "send_ip",
        th.BooleanType,
        default=True,
        title="Send IP addresses",
        description="Whether ip_address travels, as $ip.",
    ),
    th.Property(
        "send_advertising_ids",
        th.BooleanType,
        default=True,
        title="Send advertising ids",
        description="Whether idfa and adid travel.",
    ),
    exclude_properties_setting(),
    th.Property(
        "group_keys",
        TEXTS,
        title="Group keys",
        description="PostHog's group type for each property of a Mixpanel export that is a group.",
    ),
    th.Property(
        "revenue",
        TEXTS,
        title="Revenue",
        description=(
            "Which property of a Mixpanel export holds the revenue of an event, and which its "
            "currency: {revenue: amount, currency: currency}. Without it nothing is guessed."
        ),
    ),
    bare_ids_setting("Mixpanel"),
    streams_setting("Amplitude or Mixpanel export"),
    th.Property(
        "max_events_per_second",
        th.IntegerType(minimum=0),
        title="Events a second",
        description=(
            "Upper limit, 0 for none. By default 5000 for PostHog Cloud, which asks importers for "
            "a few thousand, and none elsewhere."
        ),
    ),
    th.Property(
        "project_id",
        th.CustomType({"type": ["string", "integer", "null"]}),  # it is a number to most people
        title="Project id",
        description="Number of the project, as in its address /project/12345; for `verify`.",
    ),
    th.Property(
        "personal_api_key",
        th.StringType,
        secret=True,
        title="Personal API key",
        description="A key (phx_…) with the scope query:read, for `verify` alone.",
    ),
    th.Property(
        "query_host",
        th.StringType,
        title="Query host",
        description=(
            "Address of the application that answers queries, such as https://eu.posthog.com; by "
            "default that of host."
        ),
    ),
    *request_settings(endpoint.MAX_EVENTS, endpoint.MAX_BYTES, "PostHog takes 20 MB"),
    *delivery_settings("target-posthog", max_in_flight=16, max_retries=12),
]
