"""What Mixpanel refuses, acts on and understands: its names and limits.

Sources: Mixpanel docs (Import Events, User Profiles, Group Profiles, Reserved properties, Default
properties, Supported data types, Identifying users).
"""

from __future__ import annotations

import re
from typing import Any, TypeGuard

from singer_delivery.mapping import records
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import shortened

SERVICE = "Mixpanel"
READER = "target-mixpanel"
"""What reads records, for people."""
IMPORT, ENGAGE, GROUPS = "/import", "/engage", "/groups"
MERGE = "$merge"

DEVICE = "$device:"
"""What Mixpanel puts before a device, and takes off it once, to tell it from a user."""

MAX_NAME_CHARACTERS = 255
"""Longer event names are cut, which can make one event of two."""

MAX_ID_BYTES, KEPT_ID_BYTES = 247, 200
"""Texts are cut at 255 bytes, which can make one person of two; `$device:` takes 8 of them."""

MAX_PROPERTIES = 254
"""Of an event: fewer than 255."""

MAX_ELEMENTS = 254
"""Of a list, and keys of a nested object: fewer than 255."""

MAX_DEPTH = 3
"""Of lists and objects within each other; that lists count is the stricter reading."""

MAX_TEXT_BYTES = 255
"""Longer texts are cut by the server."""

MAX_IDS = 500
"""Of one person under Original ID Merge: what is merged beyond them is refused without a word."""

EARLIEST = 31_536_000_000_000
"""1971-01-01 in microseconds: what is earlier is refused."""

HOUR = 3_600_000_000
"""In microseconds. What is further ahead of the server's clock than this is refused."""

ILLEGAL_IDS = frozenset({
    "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a",
    "na", "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}",
})  # fmt: skip
"""Ids that stand for nobody, in lower case; Mixpanel refuses events that carry them."""

GUARDED_KEYS = frozenset({
    # whom it is stored for
    "distinct_id", "$distinct_id", "$user_id", "$device_id", "$identified_id", "$anon_id", "alias",
    "$distinct_ids", "$distinct_id_before_identity", "$is_reshuffled", "$preshuffle_distinct_id",
    "$failure_description", "$failure_reason", "$identity_failure_reason",
    # which event it is, when and where
    "$event_name", "$insert_id", "time", "$time", "ip", "token",
    # what hides an event, or drops it without a word
    "bucket", "$bucket", "$ignore",
    # what Mixpanel, its partners and its connectors write themselves
    "$source", "$partner_id", "$import", "$mp_api_endpoint", "$mp_api_timestamp_ms",
    "$mp_event_size", "$mp_is_forwarded", "$mp_experiment_name", "mp_processing_time_ms",
    "mp_original_distinct_id", "mp_original_event_name", "mp_sent_by_lib_version",
    "$warehouse_type", "$warehouse_import_id", "$warehouse_import_job_id",
    "$warehouse_import_run_id", "$warehouse_table",
    "$duration_s", "$event_count", "$origin_start", "$origin_end",
})  # fmt: skip
"""Event properties Mixpanel acts on: from imported data they travel under another name."""

GUARDED_PROFILE_KEYS = frozenset({
    "$token", "$distinct_id", "$group_key", "$group_id", "$last_seen", "$geo_source",
    "$mp_first_event_time", "$ip", "$ignore_time", "$ignore_alias",
})  # fmt: skip
"""Properties of a person or a group that Mixpanel writes itself, or that would steer an update."""

IDENTITY_EVENTS = frozenset({"$identify", "$create_alias", MERGE})
"""Under Simplified ID Merge one of them makes Mixpanel refuse all of the request."""

MEANINGFUL_NAMES = IDENTITY_EVENTS | {
    "$session_start", "$session_end", "$hotshard_events", "$hotshard_record", "$experiment_started",
}  # fmt: skip
MEANINGFUL_PREFIXES = ("$mp_", "$ae_")
"""Event names Mixpanel gives a meaning, such as `$mp_session_record` or `$ae_first_open`."""


_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")


def is_illegal_id(text: str) -> bool:
    """Tell whether Mixpanel takes this id for nobody."""
    return text.lower() in ILLEGAL_IDS


def is_insert_id(value: Any) -> TypeGuard[str]:
    """Tell whether Mixpanel takes a value as `$insert_id` (docs, "Import Events")."""
    is_one = isinstance(value, str) and _INSERT_ID.fullmatch(value) is not None
    return is_one and not is_illegal_id(value)


def fitted_id(text: str) -> str:
    """Return an id Mixpanel does not cut: itself, or its start and a hash of it."""
    return shortened(text, MAX_ID_BYTES, KEPT_ID_BYTES)


IDS = IdRules(is_illegal_id, fitted_id)
"""What Mixpanel makes of ids."""


def harmless_name(name: str, prefix: str) -> str:
    """Return an event name that triggers nothing: itself, or without `$` behind the prefix."""
    return records.harmless_name(name, MEANINGFUL_NAMES, MEANINGFUL_PREFIXES, prefix)


def base_properties(version: str, source: str) -> dict[str, str]:
    """Return what every event carries: what sent it, and where it is from."""
    return {"mp_lib": "target-mixpanel", "$lib_version": version, "analytics_source": source}
