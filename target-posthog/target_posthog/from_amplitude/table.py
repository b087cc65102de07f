"""The table: which column of an Amplitude export becomes what in PostHog. Data only.

Left: PostHog's name. Then Amplitude's column, or several: the first that has a value, or, where the
conversion needs all of them, `values(...)`; or `of_reading(...)`, where it needs what is known
besides. Then the conversion, and the condition if there is one.

Columns: Amplitude docs, Export API, and what exports carry beyond it.
Names: PostHog docs, Capture API and default properties; `$amplitude_…` as its importer has them.
"""

from __future__ import annotations

from analytics_records import devices
from analytics_records.amplitude import fields, groups, outcomes, record
from singer_delivery.mapping.table import Row, of_reading, values

from target_posthog import people
from target_posthog.from_amplitude import conversions

EVENT_NAMES = {
    "[Amplitude] Page Viewed": "$pageview",
    "[Amplitude] Screen Viewed": "$screen",
    "[Amplitude] Element Clicked": "$autocapture",
    "[Amplitude] Element Changed": "$autocapture",
}
"""Amplitude's event name to PostHog's. Others stay, unless PostHog gives them a meaning."""

CONDITIONS = {
    "web": "platform is Web",
    "app": "platform is not Web",
    "send_ip": "setting `send_ip`",
    "send_advertising_ids": "setting `send_advertising_ids`",
}
"""What the last column of the table means."""

# fmt: off
ENVELOPE = (
    Row("event",        "event_type",                               record.event_name),
    Row("distinct_id",  of_reading("user_id", "device_id", "amplitude_id"), conversions.who_is),
    Row("timestamp",    of_reading(*record.TIME_COLUMNS),               record.when_was),
    Row("uuid",         of_reading("uuid", "app", "device_id", "$insert_id"), record.event_uuid),
)
"""What makes an event one. These can refuse the record, so the mapping calls them itself."""

PEOPLE = (
    Row("$set, $set_once, $unset", "user_properties",               people.person_changes),
    Row("$groups",                 "groups",                        groups.keys_by_type),
    Row("$groupidentify",          of_reading("group_properties", "groups"),
                                                                    groups.properties_by_group),
)
"""What is sent of people and groups, when it is newer: see `people.py` and `groups.py`."""

PROPERTIES = (
    # Who
    Row("$amplitude_user_id",          "user_id",                   fields.id_text),
    Row("$amplitude_device_id",        "device_id",                 fields.id_text),
    Row("$device_id",                  of_reading("device_id"),          conversions.device),
    Row("$amplitude_id",               "amplitude_id"),
    Row("$amplitude_user_creation_time", "user_creation_time"),
    Row("$amplitude_paying",           "paying"),
    Row("$amplitude_partner_id",       "partner_id"),
    Row("$amplitude_source_id",        "source_id"),
    Row("$amplitude_global_user_properties", "global_user_properties"),
    Row("$amplitude_idfa",             "idfa",                      None, "send_advertising_ids"),
    Row("$amplitude_adid",             "adid",                      None, "send_advertising_ids"),
    # What, and from where
    Row("$amplitude_app",              "app"),
    Row("$amplitude_event_id",         "event_id"),
    Row("$amplitude_event_type",       "amplitude_event_type"),
    Row("$amplitude_insert_id",        "$insert_id"),
    Row("$amplitude_data_type",        "data_type"),
    Row("$amplitude_library",          "library"),
    Row("$amplitude_plan",             "plan"),
    Row("$amplitude_sample_rate",      "sample_rate"),
    Row("$amplitude_is_attribution_event", "is_attribution_event"),
    Row("$amplitude_attribution_ids",  "amplitude_attribution_ids"),
    Row("$event_type",                 "event_type",                conversions.element_action),
    # When
    Row("$amplitude_event_time",       of_reading("event_time"),         fields.original_time),
    Row("$amplitude_client_event_time", "client_event_time"),
    Row("$amplitude_server_received_time", "server_received_time"),
    Row("$amplitude_server_upload_time", "server_upload_time"),
    Row("$session_id",                 of_reading("session_id", "client_event_time", "device_id"),
                                                                    conversions.session),
    Row("$amplitude_session_id",       "session_id"),
    # On which device
    Row("$amplitude_platform",         "platform"),
    Row("$browser",                    "os_name",                   None, "web"),
    Row("$browser_version",            "os_version",                None, "web"),
    Row("$os",                         values(*fields.DEVICE, "os_name"), fields.web_system, "web"),
    Row("$os",                         "os_name",                   fields.app_system, "app"),
    Row("$os_version",                 "os_version",                None, "app"),
    Row("$device_type",                values(*fields.DEVICE, "platform", "os_name"),
                                                                    devices.device_class),
    Row("$amplitude_device_type",      "device_type"),
    Row("$device_name",                "device_family",             None, "app"),
    Row("$amplitude_device_family",    "device_family",             None, "web"),
    Row("$device_brand",               "device_brand"),
    Row("$device_manufacturer",        "device_manufacturer"),
    Row("$device_model",               "device_model"),
    Row("$network_carrier",            "device_carrier",            devices.carrier),
    Row("$app_version",                "version_name"),
    Row("$amplitude_start_version",    "start_version"),
    Row("$locale",                     "language",                  conversions.locale),
    Row("$amplitude_language",         "language",                  conversions.language_name),
    # Where
    Row("$ip",                         "ip_address",                None, "send_ip"),
    Row("$geoip_country_name",         "country"),
    Row("$geoip_country_code",         "country",                   fields.country),
    Row("$geoip_subdivision_1_name",   "region"),
    Row("$geoip_city_name",            "city"),
    Row("$geoip_latitude",             "location_lat"),
    Row("$geoip_longitude",            "location_lng"),
    Row("$amplitude_dma",              "dma"),
    # Objects: their contents travel as properties; here only what is none
    Row("$amplitude_event_properties", "event_properties",          fields.original_if_no_object),
    Row("$amplitude_user_properties",  "user_properties",           fields.original_if_no_object),
    Row("$amplitude_group_properties", "group_properties",          fields.original_if_no_object),
    Row("$amplitude_groups",           "groups"),
)
"""Columns that become properties of the event."""

EVENT_PROPERTY_ROWS = (
    # Page Location has the query string, as PostHog's `$current_url` does; Page URL has none.
    Row("$current_url",      ("[Amplitude] Page Location", "[Amplitude] Page URL")),
    Row("$host",             "[Amplitude] Page Domain"),
    Row("$pathname",         "[Amplitude] Page Path"),
    Row("title",             "[Amplitude] Page Title"),
    Row("$referrer",         "referrer",                            fields.attribution),
    Row("$referring_domain", "referring_domain",                    fields.attribution),
    Row("$screen_name",      "[Amplitude] Screen Name"),
    Row("$viewport_height",  "[Amplitude] Viewport Height"),
    Row("$viewport_width",   "[Amplitude] Viewport Width"),
    Row("$elements",         of_reading(*conversions.ELEMENT_KEYS),      conversions.elements),
    Row("revenue",           of_reading(*fields.REVENUE),                fields.revenue),
    Row("currency",          "$currency"),
)
"""Keys of `event_properties` that PostHog knows by another name; the originals stay as well."""
# fmt: on

ROWS = ENVELOPE + PROPERTIES + PEOPLE
"""Every row that reads a column."""

DROPPED = outcomes.DROPPED
"""Columns that do not travel, and why."""

COLUMNS = frozenset(column for row in ROWS for column in row.columns) | {*DROPPED}
"""Every column with a name here; any other travels as `amplitude_<name>`."""

COUNTED = {
    **outcomes.NOBODY,
    "long_id": (
        "an id over 200 bytes was shortened; all of it stands in `$amplitude_user_id` or "
        "`$amplitude_device_id`"
    ),
    **outcomes.COUNTED,
    "device_is_a_user": (
        "a device has the very id of a user; the two are not merged, and an event of "
        "the device alone goes to `device:<id>`"
    ),
    "person_in_doubt": (
        "a record without a user, of an `amplitude_id` that is nobody's yet, on a device that has "
        "an owner; it sets nothing on the owner"
    ),
    "identity_conflict": "a second user on a device that has an owner; no link was sent",
    "clock_fallback": outcomes.CLOCK_FALLBACK,
    "operations_without_counterpart": (
        "an Identify operation PostHog does not have (`$add`, `$append` …); its result comes with "
        "the next event of the person"
    ),
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
    "no_identity": "no `user_id`, `device_id` or `amplitude_id`",
    "time_out_of_range": "every time is before 2000 or over 24 hours after the upload",
}
"""Not deliverable: into the dead letters, with the reason."""

SKIPPED = {
    **outcomes.LEFT_OUT,
    "person_properties: none": "a `$identify` record, and the setting sends none",
    "person_profiles: identified_only": "a `$identify` record of a device without a user",
    "person_in_doubt": "a `$identify` record that names nobody, on a device that has an owner",
    "group_type_beyond_five, group_type_not_listed": (
        "a `$groupidentify` record of a type that is not linked"
    ),
}
"""Left out by a rule."""
