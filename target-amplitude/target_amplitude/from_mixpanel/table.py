"""The table: which property of a Mixpanel export becomes what in Amplitude. Data only.

Left: Amplitude's name. Then Mixpanel's property, or several: the first that has a value, or, where
the conversion needs all of them, `values(...)`; or `of_reading(...)`, where it needs what is known
besides. Then the conversion, and the condition if there is one.

Properties: Mixpanel docs, Default properties, Reserved properties, Hot shard limits; those of page
views and of autocapture from the open mixpanel-js, `src/autocapture`.
Names: Amplitude docs, HTTP V2 API; Batch Event Upload; Autocapture of its browser SDK.
"""

from __future__ import annotations

from analytics_records import devices
from analytics_records.mixpanel.source import SESSION, UUID
from singer_delivery.mapping.table import Row, of_reading, values

from target_amplitude.from_mixpanel import conversions

PAGE = "[Amplitude] Page Viewed"
ELEMENTS = {
    "$mp_click": "[Amplitude] Element Clicked",
    "$mp_input_change": "[Amplitude] Element Changed",
    "$mp_submit": "[Amplitude] Form Submitted",
    "$mp_rage_click": "[Amplitude] Rage Click",
    "$mp_dead_click": "[Amplitude] Dead Click",
}
EVENT_NAMES = {
    "$mp_web_page_view": PAGE,
    "$ae_first_open": "[Amplitude] Application Installed",
    "$ae_updated": "[Amplitude] Application Updated",
    **ELEMENTS,
}
"""Mixpanel's event name to Amplitude's. Others stay, unless Amplitude gives them a meaning."""

CREATED_EVENT = "Mixpanel User Created"
"""Name of the event that says since when there is a user, where the setting gives none."""

CONDITIONS = {
    "web": "on the web: `mp_lib` is `web`, or there is a `$browser`",
    "app": "not on the web",
    "ios": "in an app, and `$os` is `iOS`, `iPhone OS` or `iPadOS`",
    "not_ios": "elsewhere",
    "page": "a page view, or an event of an element",
    "element": "an event of an element",
}
"""What the last column of the table means."""

# fmt: off
ENVELOPE = (
    Row("event_type",         of_reading("event", "mp_original_event_name"), conversions.name),
    Row("user_id, device_id", of_reading("$user_id", "$device_id", "distinct_id",
                                         "$distinct_id_before_identity",
                                         "$preshuffle_distinct_id", "mp_original_distinct_id"),
                                                            conversions.ids),
    Row("time",               of_reading("time", "$mp_api_timestamp_ms"), conversions.time),
    Row("insert_id",          UUID),
)
"""What makes an event one."""

TOP = (
    Row("session_id",         SESSION,                      conversions.session_id),
)
"""The tap's columns that become keys of the event."""

OWN_TOP = (
    Row("platform",           values("mp_lib", "$browser", "$os"), conversions.platform),
    Row("os_name",            "$browser",                   None, "web"),
    Row("os_version",         "$browser_version",           conversions.text, "web"),
    Row("os_name",            "$os",                        None, "app"),
    Row("os_version",         "$os_version",                conversions.text, "app"),
    Row("device_model",       ("$model", "$device", "$os"), None, "web"),
    Row("device_model",       ("$model", "$device"),        None, "app"),
    Row("device_manufacturer", "$manufacturer"),
    Row("device_brand",       "$brand"),
    Row("carrier",            "$carrier",                   devices.carrier),
    Row("app_version",        ("$app_version_string", "$app_release", "$app_version"),
                                                            conversions.text, "ios"),
    Row("app_version",        ("$app_version_string", "$app_version"),
                                                            conversions.text, "not_ios"),
    Row("country",            "mp_country_code",            conversions.country),
    Row("region",             "$region"),
    Row("city",               "$city"),
    Row("location_lat",       values("$latitude", "$longitude"), conversions.latitude),
    Row("location_lng",       values("$latitude", "$longitude"), conversions.longitude),
)
"""Properties that become keys of the event."""

OWN = (
    Row("referrer",           "$referrer"),
    Row("referring_domain",   "$referring_domain"),
    Row("[Amplitude] Page Location", "$current_url",        None, "page"),
    Row("[Amplitude] Page URL",      "$current_url",        conversions.without_query, "page"),
    Row("[Amplitude] Page Domain",   ("current_domain", "$host"), None, "page"),
    Row("[Amplitude] Page Path",     ("current_url_path", "$pathname"), None, "page"),
    Row("[Amplitude] Page Title",    "current_page_title",  None, "page"),
    Row("[Amplitude] Element ID",    "$el_id",              None, "element"),
    Row("[Amplitude] Element Class", "$el_classes",         conversions.classes, "element"),
    Row("[Amplitude] Element Tag",   "$el_tag_name",        None, "element"),
    Row("[Amplitude] Element Text",  "$el_text",            None, "element"),
    Row("[Amplitude] Element Href",  "$el_attr__href",      None, "element"),
    Row("[Amplitude] Viewport Height", "$viewportHeight",   None, "element"),
    Row("[Amplitude] Viewport Width",  "$viewportWidth",    None, "element"),
)
"""Properties that Amplitude knows by another name."""

BESIDE = (
    Row("$os",                of_reading("$os"),            conversions.system, "web"),
    Row("mixpanel_user_id",   of_reading("$user_id"),       conversions.other_user),
    Row("mixpanel_device_id", of_reading("$device_id"),     conversions.other_device),
    Row("mixpanel_distinct_id", of_reading("distinct_id"),  conversions.other_distinct_id),
    Row("mixpanel_insert_id", of_reading("$insert_id"),     conversions.insert_id),
    Row("mixpanel_time",      of_reading("time"),           conversions.original_time),
)
"""What stays of the ids and the time, and what stays although it moved elsewhere."""

OF_USER = tuple(
    Row(name.lstrip("$"), name)
    for name in ("$initial_referrer", "$initial_referring_domain", "initial_utm_source",
                 "initial_utm_medium", "initial_utm_campaign", "initial_utm_content",
                 "initial_utm_term")
)
"""Properties that become user properties of the event."""
# fmt: on

MOVING = frozenset({
    "$browser", "$browser_version", "$os", "$os_version", "$model", "$device", "$manufacturer",
    "$brand", "$carrier", "$app_version_string", "$app_release", "$app_version", "$region", "$city",
    "$latitude", "$longitude", "$referrer", "$referring_domain",
    *(row.source for row in OF_USER if isinstance(row.source, str)),
})  # fmt: skip
"""Properties that do not stay under their own names beside what they become."""

_BY_SERVER = "Mixpanel writes it when it takes an event"
_BY_CONNECTOR = "which of Mixpanel's connectors wrote it"
_BY_SDK = "bookkeeping of Mixpanel's SDKs"
_FAILURE = "Mixpanel's own words about a link that it refused"

DROPPED = {
    "$mp_api_*": _BY_SERVER,
    "mp_processing_time_ms": _BY_SERVER,
    "$mp_event_size": _BY_SERVER,
    "$mp_is_forwarded": _BY_SERVER,
    "$import": _BY_SERVER,
    "$geo_source": _BY_SERVER,
    "$is_reshuffled": "Mixpanel's own trace of an id that changed",
    "$had_persisted_distinct_id": _BY_SDK,
    "mp_sent_by_lib_version": _BY_SDK,
    "$source": _BY_CONNECTOR,
    "$warehouse_*": _BY_CONNECTOR,
    "$failure_*": _FAILURE,
    "$identity_failure_reason": _FAILURE,
    "$elements": "nested lists, which Amplitude cuts at 1,024 characters; see `$el_id` and others",
    "$target": "a nested object, which Amplitude cuts at 1,024 characters",
    "token": "the source project's key",
    "ip": "an address: Mixpanel exports none, and Amplitude would locate it today",
    "$distinct_id": "another name of `distinct_id`",
    "$time": "another name of `time`",
    "$event_name": "another name of the event's name",
    "$event_count": "Mixpanel computes it of sessions",
    "$duration_s": "Mixpanel computes it of sessions",
    "$origin_start": "Mixpanel computes it of sessions",
    "$origin_end": "Mixpanel computes it of sessions",
}
"""Properties of events that do not travel, and why. A `*` stands for the rest of a name."""

READ = frozenset({
    "distinct_id", "$user_id", "$device_id", "$distinct_id_before_identity",
    "$preshuffle_distinct_id", "mp_original_distinct_id", "mp_original_event_name", "time",
    "$insert_id",
})  # fmt: skip
"""Properties that make ids, time and name, and are no property besides."""

STAY = frozenset({
    "mp_lib", "$lib_version", "mp_country_code", "$app_build_number", "$search_engine",
    "mp_keyword", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
    "$screen_height", "$screen_width", "$screen_dpi", "$radio", "$wifi", "$bluetooth_enabled",
    "$bluetooth_version", "$has_nfc", "$has_telephone", "$watch_model", "$google_play_services",
    "$duration", "current_url_search", "current_url_protocol", "$current_url", "current_domain",
    "$host", "current_url_path", "$pathname", "current_page_title", "$viewportHeight",
    "$viewportWidth", "$el_id", "$el_classes", "$el_tag_name", "$el_text", "$el_attr__href",
    "bucket", "$bucket", "$ignore", "$identified_id", "$anon_id", "alias", "$distinct_ids",
    "$partner_id",
})  # fmt: skip
"""Properties that Mixpanel documents and that travel under their own names."""

ROWS = ENVELOPE + TOP + OWN_TOP + OWN + BESIDE + OF_USER
"""Every row that reads a property or a column."""

PROFILE_NAMES: dict[str, str] = {"$last_seen": "mixpanel_last_seen"}
"""Properties of profiles with another name than their own without `$`."""

COUNTED = {
    "illegal_user_id": "a `$user_id` that stands for nobody",
    "illegal_device_id": "a `$device_id` that stands for nobody",
    "illegal_distinct_id": "a `distinct_id` that stands for nobody",
    "long_id": "an id over 1,024 characters became its first 950 and a hash",
    "bare_id_taken_for_user": "an id that nothing tells, sent as a user's for its form",
    "bare_id_taken_for_device": "an id that nothing tells, sent as a device's for its form",
    "several_user_ids": (
        "a second user id of one person; the event went to the first, with its own in "
        "`mixpanel_user_id`"
    ),
    "known_by_device": "an event of a device alone that has an owner; it went to the owner",
    "identity_conflict": (
        "a second user on a device that has an owner; Amplitude keeps the two users apart"
    ),
    "clock_fallback": (
        "`time` was missing, before 2000 or over a day after the receipt; the receipt stands for "
        "it, and the original in `mixpanel_time`"
    ),
    "ahead_of_now": "over a day ahead of now",
    "without_insert_id": "a row that nothing but its content tells from others",
    "no_profile": "an event of a person without a profile in the export: it carries none",
    "device_has_an_owner": (
        "the profile of a device that became a user's in this run: Mixpanel carries nothing over"
    ),
    "no_creation_date": "a person of whom neither `$created` nor an event says since when",
    "unknown_column": "a column beside those of the tap; it travels as `mixpanel_<name>`",
    "values_over_1024_characters": "a text that Amplitude cuts; sent complete",
    "nested_over_40_deep": "a value deeper than Amplitude takes; its inner part is JSON text",
    "lists_in_lists": "a list in a list became JSON text",
    "over_5_group_types": "more group types than Amplitude links to an event",
    "over_10_groups": "more groups of a type than Amplitude links to an event",
    "transactions_dropped": (
        "a profile with `$transactions`, and no `transaction_event`, or no amount or time in one"
    ),
}
"""Counted, and delivered all the same."""

SKIPPED = {
    "not included: <name>": "`include_events` does not name it",
    "excluded: <name>": "`exclude_events` names it",
    "identity_verb": "a row of `$identify`, `$create_alias` or `$merge`: it says who is who",
    "hotshard_record": "Mixpanel's count of the events of a hot shard",
    "events_without_id: skip": "nobody's, and the setting leaves such events out",
    "user_properties: none": "a profile, and the settings send none of it",
    "groups: false": "a profile of a group, and the setting sends none",
    "nothing to set": "a profile without properties",
    "unchanged": "a profile that was sent before as it is",
    "superseded": "a profile that was read before the one that was sent",
    "device has an owner": "a profile of a device that is a user's: Mixpanel carries nothing over",
}
"""Left out by a rule."""

DEAD_LETTERS = {
    "no_event_name": "the event has no name",
    "event_name_too_long": "the name has over 1,024 characters; `rename_events` can shorten it",
    "no_time": "neither the row nor Mixpanel's receipt says when it happened",
    "time_out_of_range": "before 1970",
    "no_identity": "no id of a user or a device; see `events_without_id`",
    "inexact_id": "an id is a number that lost digits before it came",
    "bad_properties": "`properties` is neither an object nor JSON text of one",
    "nested_too_deep": "it nests deeper than 200 levels",
    "bad_line": "the line is no JSON object",
    "event_too_large": "an event that Amplitude takes in no request",
}
"""Not deliverable: into the dead letters, with the reason."""
