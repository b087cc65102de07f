"""The table: which property of a Mixpanel export becomes what in PostHog. Data only.

Left: PostHog's name. Then Mixpanel's property, or a column of the tap (`row.…`), or several: the
first that has a value, or, where the conversion needs all of them, `values(...)`; or
`of_reading(...)`, where it needs what is known besides. Then the conversion, and the condition.

Properties: Mixpanel docs, Default Properties and Reserved Properties; constants of mixpanel-js and
of the mobile SDKs for page views and autocapture.
Names: PostHog docs, Capture API and default properties; `$mixpanel_…` as its importer has them.
"""

from __future__ import annotations

from analytics_records import devices
from analytics_records.mixpanel import columns, fields, outcomes, profiles, record
from analytics_records.mixpanel.row import BEFORE_IDENTITY, BEFORE_RESHUFFLE
from analytics_records.mixpanel.source import NAME, SESSION, UUID, Mixpanel
from singer_delivery.mapping.table import Row, of_reading

from target_posthog.from_mixpanel import conversions

EVENT_NAMES = {
    "$mp_web_page_view": "$pageview",
    "$mp_page_leave": "$pageleave",
    **dict.fromkeys(conversions.ELEMENT_ACTIONS, "$autocapture"),
    "$mp_rage_click": "$rageclick",
    "$mp_dead_click": "$dead_click",
    "$ae_first_open": "Application Installed",
    "$ae_updated": "Application Updated",
}
"""Mixpanel's event name to PostHog's. Others stay, unless PostHog gives them a meaning."""

CONDITIONS = {
    "person_properties": "unless `person_properties` is `none`",
}
"""What the last column of the table means."""

IDS = ("$user_id", "$device_id", BEFORE_IDENTITY, BEFORE_RESHUFFLE, "distinct_id")
"""Properties that say whose an event is."""

# fmt: off
ENVELOPE = (
    Row("event",        NAME,                               Mixpanel.event_name),
    Row("distinct_id",  of_reading(*IDS),                   conversions.who_is),
    Row("timestamp",    of_reading(record.TIME, record.OWN_TIME, record.RECEIPT), record.when_was),
    Row("uuid",         of_reading(UUID, "$insert_id"),     Mixpanel.event_uuid),
)
"""What makes an event one. These can refuse the row, so the mapping calls them itself."""

GROUPS = (
    Row("$groups",      of_reading("group key"),            conversions.groups),
)
"""Of the properties that the setting `group_keys` names; all stay where they are as well."""

PROPERTIES = (
    # Who
    Row("$mixpanel_user_id",            "$user_id",                 fields.id_text),
    Row("$mixpanel_device_id",          "$device_id",               fields.id_text),
    Row("$device_id",                   of_reading("$device_id"),   conversions.device),
    Row("$mixpanel_distinct_id",        of_reading("distinct_id"),  conversions.other_distinct_id),
    Row("$mixpanel_insert_id",          "$insert_id"),
    Row("$process_person_profile",      of_reading("distinct_id"),  conversions.nobody),
    # When
    Row("$mixpanel_time",               of_reading("time"),         fields.original_time),
    Row("$session_id",                  of_reading(SESSION),        conversions.session),
    # On which device
    Row("$mixpanel_lib",                "mp_lib"),
    Row("$mixpanel_lib_version",        "$lib_version"),
    Row("$app_build",                   "$app_build_number"),
    Row("$device_brand",                "$brand"),
    Row("$device_manufacturer",         "$manufacturer"),
    Row("$device_model",                "$model"),
    Row("$network_carrier",             "$carrier",                 devices.carrier),
    Row("$network_wifi",                "$wifi"),
    Row("$viewport_height",             "$viewportHeight"),
    Row("$viewport_width",              "$viewportWidth"),
    # Where
    Row("$geoip_country_code",          "mp_country_code"),
    Row("$geoip_country_name",          "mp_country_code",          fields.country_name),
    Row("$geoip_subdivision_1_name",    "$region"),
    Row("$geoip_city_name",             "$city"),
    Row("$geoip_latitude",              "$latitude"),
    Row("$geoip_longitude",             "$longitude"),
    # Elements
    Row("$event_type",                  NAME,                       conversions.element_action),
    Row("$elements",                    of_reading("$elements"),    conversions.elements),
    Row("$mixpanel_elements",           of_reading("$elements"),    conversions.other_elements),
)
"""Properties and columns of the tap that become properties of the event."""

EVENT_PROPERTY_ROWS = (
    Row("$app_version",     of_reading(*fields.APP_VERSION),        fields.app_version),
    Row("$device_type",     of_reading("$os", "$browser", "$device"), conversions.device_type),
    Row("$host",            ("current_domain", "$host")),
    Row("$pathname",        ("current_url_path", "$pathname")),
    Row("title",            "current_page_title"),
    Row("$set_once",        of_reading(*sorted(columns.FIRST_ATTRIBUTION)),
                                                    conversions.first_touch, "person_properties"),
)
"""Properties that PostHog knows by another name; they stay as well."""
# fmt: on

ROWS = ENVELOPE + PROPERTIES + EVENT_PROPERTY_ROWS
"""Every row."""

DROPPED = outcomes.DROPPED
"""Properties that do not travel, and why."""

PROFILES_DROPPED = profiles.DROPPED
"""Properties of profiles that do not travel, and why."""

SAME = frozenset({
    "$os", "$os_version", "$browser", "$browser_version", "$device", "$screen_height",
    "$screen_width", "$screen_dpi", "$current_url", "$referrer", "$referring_domain",
    "$search_engine", "mp_keyword", "utm_source", "utm_medium", "utm_campaign", "utm_content",
    "utm_term", "$watch_model", "$radio", "$bluetooth_enabled", "$bluetooth_version", "$has_nfc",
    "$has_telephone", "$google_play_services", "$duration", "current_url_search",
    "current_url_protocol", "$el_id", "$el_classes", "$el_tag_name", "$el_text", "$el_attr__href",
    "$target", "$duration_s", "$event_count", "$origin_start", "$origin_end", "$partner_id",
    "$event_name", "$time", "$bucket", "bucket", "$ignore", "$identified_id", "$anon_id",
    "$distinct_ids",
})  # fmt: skip
"""Documented properties that travel as they are: PostHog has the same name, or none."""

COLUMNS = frozenset(c for row in ENVELOPE + PROPERTIES for c in row.columns) | {*DROPPED}
"""Every property that does not travel under its own name."""

COUNTED = {
    **outcomes.NOBODY,
    "no_identity": (
        "a row of nobody; the event is kept under `mixpanel:<uuid>`, without a person, as Mixpanel "
        "keeps it"
    ),
    "long_id": (
        "an id over 200 bytes was shortened; all of it stands in `$mixpanel_user_id` or "
        "`$mixpanel_device_id`"
    ),
    **outcomes.COUNTED,
    "unknown_column": "a column beside those of the tap; it travels as `mixpanel_<name>`",
    "device_is_a_user": (
        "a device has the very id of a user; the two are not merged, and an event of "
        "the device alone goes to `device:<id>`"
    ),
    "identity_conflict": "a second user on a device that has an owner; no link was sent",
    "profile_of_a_device": (
        "a profile of a device of nobody; it waits for the end of the run, and is sent if the "
        "device has no owner then"
    ),
    "device_has_an_owner": "a profile of a device that has an owner by now; it was not sent",
    "profile_properties_dropped": "properties of a profile that do not travel; see the table",
    "operations_without_counterpart": "a property of a group that is gone; PostHog takes none away",
    "nested_over_8_lists": (
        "lists nested deeper than PostHog stores, which would hide all properties of the event; "
        "the inner ones are JSON text"
    ),
    "colliding_keys": (
        "an object of which a value has the path of another key (`a.b` beside `a: {b}`): PostHog "
        "would keep one of the two; the object is JSON text"
    ),
    "group_type_beyond_five": "a sixth group type; kept as a property, not linked",
    "group_type_not_listed": "a group type `group_types` does not name; kept, not linked",
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    **outcomes.DEAD_LETTERS,
    "event_name_too_long": "the name has over 200 characters; `rename_events` can shorten it",
    "no_identity": "a profile without an id",
}
"""Not deliverable: into the dead letters, with the reason."""

SKIPPED = {
    **outcomes.LEFT_OUT,
    "person_properties: none": "a profile, and the setting sends none",
    "person_profiles: identified_only": "a profile of a device without a user",
    "device_has_an_owner": "a profile of a device that has an owner",
    "group_key_not_named": "a profile of a group whose key `group_keys` does not name",
    "group_type_beyond_five": "a group profile of a sixth type",
    "group_type_not_listed": "a group profile of a type that `group_types` does not name",
}
"""Left out by a rule."""
