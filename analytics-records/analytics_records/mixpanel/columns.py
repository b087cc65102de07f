"""The four streams of a Mixpanel project, and the properties that Mixpanel gives a meaning.

A row is `{"event": …, "properties": {…}}` as exported; what a tap adds stands beside the two. No
property is typed: one name may hold another type in the next row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from singer_delivery.mapping.selection import Export
from singer_delivery.model import RecordMapping

Make = Callable[[Mapping[str, Any]], RecordMapping]
"""Makes the mapping of records with a schema."""


class Column(NamedTuple):
    """A column: its name, its JSON type beside null, its format, and what it holds."""

    name: str
    type: str
    description: str
    format: str | None = None


_EVENT = (
    Column("event", "string", "Name of the event, as exported."),
    Column("properties", "object", "Properties of the event, as exported."),
)
_BESIDE = (
    Column("uuid", "string", "Identifies the row, for good."),
    Column("time", "string", "When it happened, in UTC.", "date-time"),
    Column("day", "string", "Day of the project on which it happened.", "date"),
    Column("session_start", "string", "Start of its session, in UTC.", "date-time"),
    Column("identity_merge", "string", "`simplified` or `original`; null while undecided."),
)
_READ_AT = Column("read_at", "string", "When Mixpanel said so, in UTC.", "date-time")

EVENTS = (*_BESIDE, *_EVENT)
"""Columns of the streams `events` and `identities`."""

PROFILES = (
    Column("distinct_id", "string", "Whose profile it is."),
    _READ_AT,
    Column("properties", "object", "Properties of the profile, as returned."),
)
"""Columns of the stream `profiles`."""

GROUP_PROFILES = (
    Column("group_key", "string", "Name of the group key: the property that names groups."),
    Column("group_id", "string", "Value of the group key: which group it is."),
    _READ_AT,
    Column("properties", "object", "Properties of the profile, as returned."),
)
"""Columns of the stream `group_profiles`."""

STREAMS = {
    "identities": EVENTS,
    "group_profiles": GROUP_PROFILES,
    "profiles": PROFILES,
    "events": EVENTS,
}
"""In the order in which a tap emits them."""

KEYS = {
    "identities": ("uuid",),
    "group_profiles": ("group_key", "group_id"),
    "profiles": ("distinct_id",),
    "events": ("uuid",),
}
"""Key of each stream."""

_ONLY_EVENTS = {"session_start", "identity_merge"}


def schema(stream: str) -> dict[str, Any]:
    """Return the JSON schema of a stream's records. Unknown columns pass."""
    columns = {column.name: _json_schema(column) for column in STREAMS[stream]}
    return {"type": "object", "properties": columns, "additionalProperties": True}


def lacks_of_events(columns: Collection[str]) -> tuple[str, ...] | None:
    """Return what a table of these columns lacks to be exported events; None where it is none."""
    found = {*columns}
    if not (found >= {"event", "properties"} or found & _ONLY_EVENTS):
        return None
    return None if "distinct_id" in found else _missing(found, ("event", "properties"))


def lacks_of_profiles(columns: Collection[str]) -> tuple[str, ...] | None:
    """Return what a table of these columns lacks to be profiles; None where it is none."""
    return _lacks(columns, ("distinct_id", "read_at", "properties"), "distinct_id")


def lacks_of_group_profiles(columns: Collection[str]) -> tuple[str, ...] | None:
    """Return what a table of these columns lacks to be group profiles; None where it is none."""
    return _lacks(columns, ("group_key", "group_id", "read_at", "properties"), "group_key")


def exports(of_events: Make, of_group_profiles: Make, of_profiles: Make) -> list[Export]:
    """Return how the streams of an export are known, with what a target makes of each."""
    return [
        Export("Mixpanel export", lacks_of_events, of_events),
        Export("Mixpanel group profile", lacks_of_group_profiles, of_group_profiles),
        Export("Mixpanel profile", lacks_of_profiles, of_profiles),
    ]


def _lacks(columns: Collection[str], needed: tuple[str, ...], key: str) -> tuple[str, ...] | None:
    """Return the needed columns that are missing; None where key and another are not there."""
    found = {*columns}
    if "event" in found or key not in found or not found & {"read_at", "properties"}:
        return None
    return _missing(found, needed)


def _missing(found: Collection[str], needed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"`{name}`" for name in needed if name not in found)


def _json_schema(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": [column.type, "null"],
        "description": column.description,
    }
    if column.format:
        made["format"] = column.format
    if column.type == "object":
        # No `properties`: where there are none in it, the SDK's flattening drops the column.
        made["additionalProperties"] = True
    return made


DEFAULT_PROPERTIES = frozenset({
    # written by the API
    "$city", "$region", "mp_country_code", "$mp_api_endpoint", "$import", "$mp_api_timestamp_ms",
    "mp_processing_time_ms", "$mp_event_size",
    # written by SDKs
    "$device_id", "$user_id", "$insert_id", "mp_lib", "$lib_version", "mp_sent_by_lib_version",
    "$os", "$os_version", "$browser", "$browser_version", "$app_build_number",
    "$app_version_string", "$device", "$screen_height", "$screen_width", "$screen_dpi",
    "$current_url", "$initial_referrer", "$initial_referring_domain", "$referrer",
    "$referring_domain", "$search_engine", "mp_keyword", "utm_source", "utm_medium",
    "utm_campaign", "utm_content", "utm_term", "$manufacturer", "$brand", "$model",
    "$watch_model", "$carrier", "$radio", "$wifi", "$bluetooth_enabled", "$bluetooth_version",
    "$has_nfc", "$has_telephone", "$google_play_services", "$duration",
})  # fmt: skip
"""Properties of events (Mixpanel docs, Default Properties)."""

RESERVED_PROPERTIES = frozenset({
    "token", "ip", "bucket", "$bucket", "distinct_id", "$distinct_id", "$device_id", "$user_id",
    "$event_name", "time", "$time", "$insert_id", "$identified_id", "$ignore", "$anon_id", "alias",
    "$distinct_ids", "$distinct_id_before_identity", "$is_reshuffled", "$preshuffle_distinct_id",
    "$failure_description", "$failure_reason", "$identity_failure_reason",
    "mp_original_distinct_id", "mp_original_event_name", "$source", "$partner_id",
    "$warehouse_type", "$warehouse_import_id", "$warehouse_import_job_id",
    "$warehouse_import_run_id", "$warehouse_table", "$duration_s", "$event_count", "$origin_start",
    "$origin_end",
})  # fmt: skip
"""Properties of events (Mixpanel docs, Reserved Properties)."""

SEEN_PROPERTIES = frozenset({
    # of rows as they are exported (Mixpanel docs, Geolocation; public sample rows)
    "$geo_source", "$latitude", "$longitude", "$mp_is_forwarded", "$had_persisted_distinct_id",
    "$app_version", "$app_release", "initial_utm_source", "initial_utm_medium",
    "initial_utm_campaign", "initial_utm_content", "initial_utm_term",
    # of page views and autocapture (constants of the open mixpanel-js)
    "current_page_title", "current_domain", "current_url_path", "current_url_search",
    "current_url_protocol", "$host", "$pathname", "$viewportHeight", "$viewportWidth", "$el_id",
    "$el_classes", "$el_tag_name", "$el_text", "$el_attr__href", "$elements", "$target",
})  # fmt: skip
"""Properties of events that Mixpanel's API and SDKs write as well."""

EVENT_PROPERTIES = DEFAULT_PROPERTIES | RESERVED_PROPERTIES | SEEN_PROPERTIES
"""Names of an event's properties that every mapping has a row, a reason or a same name for."""

FIRST_ATTRIBUTION = frozenset({
    "$initial_referrer", "$initial_referring_domain", "initial_utm_source", "initial_utm_medium",
    "initial_utm_campaign", "initial_utm_content", "initial_utm_term",
})  # fmt: skip
"""Properties that say where a person came from at first (Mixpanel docs, Default Properties)."""

PROFILE_PROPERTIES = frozenset({
    # written by the API, and reserved
    "$city", "$region", "$country_code", "$geo_source", "$timezone", "$last_seen", "$distinct_id",
    "$name", "$first_name", "$last_name", "$email", "$phone", "$avatar", "$created",
    "$mp_first_event_time",
    # written by SDKs
    "$lib_version", "$android_lib_version", "$ios_lib_version", "$swift_lib_version", "$os",
    "$android_os", "$android_os_version", "$ios_version", "$browser", "$browser_version",
    "$android_app_version", "$android_app_version_code", "$ios_app_release", "$ios_app_version",
    "$initial_referrer", "$initial_referring_domain", "initial_utm_source", "initial_utm_medium",
    "initial_utm_campaign", "initial_utm_content", "initial_utm_term", "$android_manufacturer",
    "$android_brand", "$android_model", "$ios_device_model",
    # of messages and revenue (Mixpanel docs, User Profiles)
    "$android_devices", "$ios_devices", "$transactions", "$campaigns", "$unsubscribed",
})  # fmt: skip
"""Properties of a person's profile (Mixpanel docs, Default Properties, Reserved Properties)."""
