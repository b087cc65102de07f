"""What PostHog refuses, acts on and understands: its names and limits, and the shape of an event.

Sources: PostHog docs (Capture API, Ingestion warnings, Person properties, Sessions, Group
analytics) and the public code of its capture service, its ingestion and its storage of events
(clickhouse-udfs, json_clean_posthog_event_properties), which say more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from singer_delivery.mapping import records
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import shortened
from singer_delivery.model import Event

if TYPE_CHECKING:
    from singer_delivery.mapping.values import Moment

Kind = Literal["event", "link", "group", "person"]

SERVICE = "PostHog"
READER = "target-posthog"
"""What reads records, for people."""

BATCH = "/batch/"

ALIAS, IDENTIFY = "$create_alias", "$identify"
SET, GROUP_IDENTIFY = "$set", "$groupidentify"

MAX_NAME_CHARACTERS = 200
"""Longer event names are cut by one version of the server and dropped by another."""

MAX_ID_BYTES, KEPT_ID_BYTES = 200, 150
"""Longer ids are cut, which can make one person of two, or dropped."""

MAX_LISTS = 8
"""Lists within each other, objects between them or not, that its storage of events holds."""

ILLEGAL_IDS = frozenset({
    "0", "00000000-0000-0000-0000-000000000000", "[object object]", "anonymous", "anonymous-user",
    "backend", "distinct_id", "distinctid", "email", "false", "guest", "id", "nan", "none",
    "not_authenticated", "null", "system", "true", "undefined", "user",
})  # fmt: skip
"""Ids that stand for nobody, in lower case: capture refuses them or person merges ignore them."""

GUARDED_KEYS = frozenset({
    # the person: who it is, what is set on it, whether it has a profile
    "distinct_id", "$distinct_id", "$anon_distinct_id", "alias", "$user_id", "$device_id",
    "$set", "$set_once", "$unset", "$process_person_profile", "$is_identified",
    # the project: whose event it is
    "token", "$token", "api_key",
    # time and place as the server works them out
    "$ignore_sent_at", "$sent_at", "$timestamp", "$offset", "$ip", "$geoip_disable",
    # groups and sessions
    "$groups", "$group_type", "$group_key", "$group_set", "$group_unset",
    "$group_0", "$group_1", "$group_2", "$group_3", "$group_4", "$session_id", "$window_id",
    # what ingestion takes out of an event and stores elsewhere, or switches modes by
    "$cookieless_mode", "$cookieless_extra", "$elements", "$elements_chain", "$heatmap_data",
    "$prev_pageview_pathname",
    # what its storage drops, keeps for 60 days, or brings into a shape of its own
    "$active_feature_flags", "$feature_flag_payload", "$feature_flag_payloads",
    "$feature_flag_original_payload", "$feature_flag_bootstrapped_payload",
    "$feature_flag_request_id", "$feature_flags", "$surveys_activated", "ph_product_tours",
    "$product_tours_activated", "$product_tours_enabled_server_side",
    "$transformations_succeeded", "$transformations_skipped", "$unparseable_properties",
    "$ai_input", "$ai_output", "$ai_output_choices", "$ai_input_state", "$ai_output_state",
    "$ai_tools", "$mcp_listed_tool_names", "$exception_functions", "$exception_list",
    "$exception_sources", "$exception_types", "$exception_values",
    "$lib_rate_limit_remaining_tokens", "$lib_custom_api_host",
})  # fmt: skip
"""Event properties PostHog acts on: from imported data they travel under another name."""

MEANINGFUL_NAMES = frozenset({
    "$alias", "$autocapture", "$capture_metrics", "$copy_autocapture", "$create_alias",
    "$csp_violation", "$dead_click", "$delete_person", "$delete_person_property", "$element_hover",
    "$exception", "$experiment_started", "$feature_enrollment_update", "$feature_flag_called",
    "$group_identify", "$groupidentify", "$identify", "$merge_dangerously", "$opt_in", "$pageleave",
    "$pageview", "$performance_event", "$rageclick", "$screen", "$set", "$set_once", "$snapshot",
    "$snapshot_items", "$unset", "$web_vitals",
})  # fmt: skip
MEANINGFUL_PREFIXES = ("$$", "$ai_")
"""Event names PostHog gives a meaning, such as `$exception` or `$$heatmap`."""


def is_illegal_id(text: str) -> bool:
    """Tell whether PostHog takes this id for nobody; quotes around it make no difference."""
    return text.strip("'\"").lower() in ILLEGAL_IDS


def fitted_id(text: str) -> str:
    """Return an id PostHog neither cuts nor drops: itself, or its start and a hash of it."""
    return shortened(text, MAX_ID_BYTES, KEPT_ID_BYTES)


IDS = IdRules(is_illegal_id, fitted_id)
"""What PostHog makes of ids."""


def harmless_name(name: str, prefix: str) -> str:
    """Return an event name that triggers nothing: itself, or without `$` behind the prefix."""
    return records.harmless_name(name, MEANINGFUL_NAMES, MEANINGFUL_PREFIXES, prefix)


def base_properties(version: str, source: str, **more: Any) -> dict[str, Any]:
    """Return what every event carries: what sent it, where it is from, not to locate the sender."""
    base = {"$geoip_disable": True, "$lib": "target-posthog", "$lib_version": version}
    return {**base, **more, "analytics_source": source}


def make_event(
    kind: Kind,
    name: str,
    distinct_id: str,
    uuid: str,
    when: Moment | None,
    properties: dict[str, Any],
    order: str | None = None,
) -> Event:
    """Return an event for `/batch/`. Without a time PostHog takes the time of arrival.

    Args:
        kind: of the event, for the report.
        name: of the event.
        distinct_id: whose it is.
        uuid: its id.
        when: it happened.
        properties: of the event.
        order: whose order it keeps, where that is not the record's person.
    """
    body: dict[str, Any] = {"event": name, "distinct_id": distinct_id, "uuid": uuid}
    at = None
    if when is not None:
        at, body["timestamp"] = when.at, when.text
    body["properties"] = properties
    return Event(BATCH, kind, name, at, body, order, id=uuid)
