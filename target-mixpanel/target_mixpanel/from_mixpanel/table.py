"""The table: which property of a Mixpanel export becomes what in Mixpanel. Data only.

A copy says again what the source was told, and leaves out what the source's server added. So every
property travels as it is, but for those that are named here.

Sources: Mixpanel docs, Default properties, Reserved properties, Hot shard limits, Identifying
users, Create Identity; public rows of exports.
"""

from __future__ import annotations

from analytics_records import nobody
from singer_delivery.mapping.table import Row, of_reading

from target_mixpanel.from_mixpanel import conversions

# fmt: off
ENVELOPE = (
    Row("event",                  of_reading("event", "mp_original_event_name"),
                                                              conversions.name),
    Row("$user_id, $device_id",   of_reading("$user_id", "$device_id", "distinct_id",
                                             "$distinct_id_before_identity"),
                                                              conversions.simplified_ids,
                                                              "simplified"),
    Row("distinct_id",            of_reading("$distinct_id_before_identity",
                                             "$preshuffle_distinct_id", "distinct_id"),
                                                              conversions.ingested_id, "original"),
    Row("time",                   of_reading("time", "$mp_api_timestamp_ms"),
                                                              conversions.time),
    Row("$insert_id",             of_reading("$insert_id", "uuid"), conversions.insert_id),
)
"""What makes an event one."""

PROPERTIES = (
    Row("mixpanel_user_id",       of_reading("$user_id"),     conversions.other_user),
    Row("mixpanel_device_id",     of_reading("$device_id"),   conversions.other_device),
    Row("mixpanel_token",         "token"),
    Row("mixpanel_ip",            "ip"),
    Row("mixpanel_ignore",        "$ignore"),
    Row("mixpanel_bucket",        ("bucket", "$bucket")),
)
"""Properties with another name; all others keep theirs."""
# fmt: on

CONDITIONS = {
    "simplified": "setting `identity_merge: simplified`",
    "original": "setting `identity_merge: original`",
}
"""What the last column of the table means."""

SET_ASIDE = frozenset({"token", "ip", "$ignore", "bucket", "$bucket"})
"""Properties that would hide an event, or say where it goes; they should be in no export."""

_BY_SERVER = "Mixpanel writes it when it takes an event"
_IDENTITY = "Mixpanel's own trace of an id that changed; the id that came is sent"
_FAILURE = "Mixpanel's own words about a link that it refused"

DROPPED = {
    "mp_processing_time_ms": _BY_SERVER,
    "$mp_api_*": _BY_SERVER,
    "$mp_event_size": _BY_SERVER,
    "$mp_is_forwarded": _BY_SERVER,
    "$import": _BY_SERVER,
    "$geo_source": _BY_SERVER,
    "$source": "which connector wrote it; Mixpanel acts on it",
    "$warehouse_*": "which warehouse connector wrote it; Mixpanel acts on it",
    "$distinct_id_before_identity": _IDENTITY,
    "$is_reshuffled": _IDENTITY,
    "$preshuffle_distinct_id": _IDENTITY,
    "$failure_*": _FAILURE,
    "$identity_failure_reason": _FAILURE,
    "mp_original_*": "name and id of an event of a hot shard; it gets them back",
    "$distinct_id": "another name of `distinct_id`",
    "$time": "another name of `time`",
    "$event_name": "another name of the event's name",
}
"""Properties of events that do not travel, and why. A `*` stands for the rest of a name."""

COLUMNS_DROPPED = {
    "day": "the day of `time` in the source project",
    "session_start": "Mixpanel computes sessions",
    "identity_merge": "it says how the ids of the row are read",
}
"""Columns of the stream that are no properties."""

PROFILE_DROPPED = {
    "$last_seen": "Mixpanel writes it itself, and refuses to have it set",
    "$geo_source": _BY_SERVER,
    "$mp_first_event_time": _BY_SERVER,
    "$campaigns": "messages that the source project sent",
    "$android_devices": "push tokens belong to the source project's messages",
    "$ios_devices": "push tokens belong to the source project's messages",
    "$distinct_id": "whose profile it is stands beside it",
}
"""Properties of profiles that do not travel, and why."""

ROWS = ENVELOPE + PROPERTIES
"""Every row that reads a property."""

COUNTED = {
    "illegal_user_id": f"a `$user_id` that stands for nobody: {len(nobody.NOBODY)} such ids",
    "illegal_device_id": "a `$device_id` that stands for nobody",
    "long_id": "an id over 247 bytes was shortened",
    "no_identity": (
        "no id at all; kept, but in no report about people: its `distinct_id` is empty"
    ),
    "identity_conflict": (
        "a second user on a device that has an owner; the event went to the user, with the device "
        "in `mixpanel_device_id`"
    ),
    "device_is_a_user": (
        "under Original ID Merge: a device has the very id of a user; the two stay apart"
    ),
    "several_user_ids": (
        "a second user id of one person, who has one in Simplified ID Merge; the event went to the "
        "first, with its own in `mixpanel_user_id`"
    ),
    "bare_id_as_user": "an id that nothing tells, sent as a user's for its form",
    "bare_id_as_device": "an id that nothing tells, sent as a device's for its form",
    "sent_apart": ("an identity event joins two ids that were sent as two users: they stay two"),
    "link_out_of_range": (
        "a device whose rows Mixpanel has given to a user since, while no row that was read links "
        "the two: it stays apart; counted when the run ends"
    ),
    "over_500_ids_of_one_user": (
        "under Original ID Merge a device beyond the 500 ids that a person can have"
    ),
    "device_has_an_owner": (
        "the profile of a device that became a user's in this run: Mixpanel carries nothing over"
    ),
    "clock_fallback": "`time` was missing; when Mixpanel received it stands for it",
    "ahead_of_now": "up to an hour ahead of now; Mixpanel writes the time of arrival instead",
    "older_than_retention": (
        "older than `retention_years`; Mixpanel bills it, and deletes it all the same"
    ),
    "unknown_column": "a column beside those of the tap; it is not sent",
    "values_over_255_bytes": "a text that Mixpanel cuts at 255 bytes; sent complete",
    "over_254_properties": "more properties than an event may have; see `mixpanel_overflow`",
    "over_254_elements": "a list or an object longer than Mixpanel takes; its first 254 were sent",
    "nested_over_3_deep": "a value deeper than Mixpanel takes; its inner part is JSON text",
}
"""Counted, and delivered all the same."""

SKIPPED = {
    "not included: <name>": "`include_events` does not name it",
    "excluded: <name>": "`exclude_events` names it",
    "identity_verb": (
        "an identity event whose link was sent before, that links nothing, or that was refused"
    ),
    "hotshard_record": "Mixpanel's count of the events of a hot shard",
    "expired": "older than `retention_years`, with `skip_expired`",
    "profiles: false": "a profile, and the setting sends none",
    "groups: false": "a profile of a group, and the setting sends none",
    "nothing to set": "a profile without properties",
    "unchanged": "a profile that was sent before as it is",
    "superseded": "a profile that was read before the one that was sent",
    "device has an owner": "a profile of a device that is a user's: Mixpanel carries nothing over",
}
"""Left out by a rule."""

DEAD_LETTERS = {
    "no_event_name": "the event has no name",
    "event_name_too_long": "the name has over 255 characters; `rename_events` can shorten it",
    "no_time": "neither the row nor Mixpanel's receipt says when it happened",
    "time_out_of_range": "before 1971 or more than an hour ahead of now",
    "no_identity": "a profile of nobody",
    "bad_properties": "`properties` is neither an object nor JSON text of one",
    "inexact_id": "an id is a number that lost digits before it came",
    "nested_too_deep": "it nests deeper than 200 levels",
    "bad_line": "the line is no JSON object",
    "event_too_large": "an event or update of 1 MB or more",
}
"""Not deliverable: into the dead letters, with the reason."""
