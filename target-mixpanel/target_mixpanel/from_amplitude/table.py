"""The table: which column of an Amplitude export becomes what in Mixpanel. Data only.

Left: Mixpanel's name. Then Amplitude's column, or several: the first that has a value, or, where
the conversion needs all of them, `values(...)`; or `of_reading(...)`, where it needs what is known
besides. Then the conversion, and the condition if there is one.

Columns: Amplitude docs, Export API, and what exports carry beyond it.
Names: Mixpanel docs, Import Events, Default properties; its web library's page views.
"""

from __future__ import annotations

from analytics_records import devices
from analytics_records.amplitude import fields, groups, outcomes, record
from singer_delivery.mapping.table import Row, of_reading, values

from target_mixpanel.from_amplitude import conversions
from target_mixpanel.groups import GroupKeys
from target_mixpanel.people import People

EVENT_NAMES = {
    "[Amplitude] Page Viewed": "$mp_web_page_view",
}
"""Amplitude's event name to Mixpanel's. Others stay, unless Mixpanel gives them a meaning."""

CONDITIONS = {
    "web": "platform is Web",
    "app": "platform is not Web",
    "simplified": "setting `identity_merge: simplified`",
    "original": "setting `identity_merge: original`",
    "geolocate_ip": "setting `geolocate_ip`",
}
"""What the last column of the table means."""

# fmt: off
ENVELOPE = (
    Row("event",                     "event_type",                  record.event_name),
    Row("$user_id, $device_id",      of_reading("user_id", "device_id"), conversions.ids),
    Row("time",                      of_reading(*record.TIME_COLUMNS), record.when_was),
    Row("$insert_id",                of_reading("uuid", "$insert_id", "app", "device_id"),
                                                                    conversions.insert_id),
)
"""What makes an event one. These can refuse the record, so the mapping calls them itself."""

PROFILES = (
    Row("$set, $set_once, $unset",   "user_properties",             People.changes),
    Row("<group key>",               "groups",                      GroupKeys.properties),
    Row("$set (/groups)",            of_reading("group_properties", "groups"),
                                                                    groups.properties_by_group),
)
"""What is sent of people and groups, when it is newer: see `people.py` and `groups.py`."""

PROPERTIES = (
    # Who
    Row("amplitude_user_id",         of_reading("user_id"),         conversions.other_user),
    Row("amplitude_device_id",       of_reading("device_id"),       conversions.other_device,
                                                                    "simplified"),
    Row("amplitude_device_id",       of_reading("device_id"),       conversions.device_beside_user,
                                                                    "original"),
    Row("amplitude_id",              "amplitude_id"),
    Row("amplitude_user_creation_time", "user_creation_time"),
    Row("amplitude_paying",          "paying"),
    Row("amplitude_partner_id",      "partner_id"),
    Row("amplitude_source_id",       "source_id"),
    Row("amplitude_global_user_properties", "global_user_properties"),
    Row("amplitude_idfa",            "idfa"),
    Row("amplitude_adid",            "adid"),
    # What, and from where
    Row("amplitude_app",             "app"),
    Row("amplitude_event_id",        "event_id"),
    Row("amplitude_event_type",      "amplitude_event_type"),
    Row("amplitude_insert_id",       "$insert_id"),
    Row("amplitude_data_type",       "data_type"),
    Row("amplitude_library",         "library"),
    Row("amplitude_plan",            "plan"),
    Row("amplitude_sample_rate",     "sample_rate"),
    Row("amplitude_is_attribution_event", "is_attribution_event"),
    Row("amplitude_attribution_ids", "amplitude_attribution_ids"),
    # When
    Row("amplitude_event_time",      of_reading("event_time"),      fields.original_time),
    Row("amplitude_client_event_time", "client_event_time"),
    Row("amplitude_server_received_time", "server_received_time"),
    Row("amplitude_server_upload_time", "server_upload_time"),
    Row("amplitude_session_id",      "session_id"),
    # On which device
    Row("amplitude_platform",        "platform"),
    Row("$browser",                  "os_name",                     None, "web"),
    Row("$browser_version",          "os_version",                  None, "web"),
    Row("$os",                       values(*fields.DEVICE, "os_name"), fields.web_system, "web"),
    Row("$os",                       "os_name",                     fields.app_system, "app"),
    Row("$os_version",               "os_version",                  None, "app"),
    Row("$device",                   ("device_family", "device_type"), None, "app"),
    Row("amplitude_device_type",     "device_type"),
    Row("amplitude_device_family",   "device_family",               None, "web"),
    Row("$brand",                    "device_brand"),
    Row("$manufacturer",             "device_manufacturer"),
    Row("$model",                    "device_model"),
    Row("$carrier",                  "device_carrier",              devices.carrier),
    Row("$app_version_string",       "version_name"),
    Row("amplitude_start_version",   "start_version"),
    Row("amplitude_language",        "language"),
    # Where
    Row("ip",                        values("ip_address", "city"),  conversions.address_to_locate,
                                                                    "geolocate_ip"),
    Row("mp_country_code",           "country",                     fields.country),
    Row("amplitude_country",         "country",                     conversions.codeless_country),
    Row("$region",                   "region"),
    Row("$city",                     "city"),
    Row("$latitude",                 "location_lat"),
    Row("$longitude",                "location_lng"),
    Row("amplitude_dma",             "dma"),
    # Objects: their contents travel as properties; here only what is none
    Row("amplitude_event_properties", "event_properties",           fields.original_if_no_object),
    Row("amplitude_user_properties", "user_properties",             fields.original_if_no_object),
    Row("amplitude_group_properties", values("group_properties", "groups"),
                                                                    groups.properties_of_none),
    Row("amplitude_groups",          "groups",                      fields.original_if_no_object),
)
"""Columns that become properties of the event."""

EVENT_PROPERTY_ROWS = (
    # Page Location has the query string, as Mixpanel's `$current_url` does; Page URL has none.
    Row("$current_url",       ("[Amplitude] Page Location", "[Amplitude] Page URL")),
    Row("current_domain",     "[Amplitude] Page Domain"),
    Row("current_url_path",   "[Amplitude] Page Path"),
    Row("current_page_title", "[Amplitude] Page Title"),
    Row("$referrer",          "referrer",                           fields.attribution),
    Row("$referring_domain",  "referring_domain",                   fields.attribution),
    Row("revenue",            of_reading(*fields.REVENUE),          fields.revenue),
    Row("currency",           "$currency"),
)
"""Keys of `event_properties` that Mixpanel knows by another name; the originals stay as well."""

# Reserved and default properties of profiles: for Mixpanel's reports and messages. The profile has
# the same under the source's own names.
OF_THE_PERSON = (
    Row("$email",        ("email", "Email")),
    Row("$name",         ("name", "Name")),
    Row("$first_name",   "first_name"),
    Row("$last_name",    "last_name"),
    Row("$phone",        ("phone", "Phone")),
    Row("$avatar",       "avatar"),
)
"""Keys of `user_properties` that Mixpanel knows by a name of its own."""

OF_THE_RECORD = (
    Row("$city",         "city"),
    Row("$region",       "region"),
    Row("$country_code", "country",             fields.country),
    Row("$created",      "user_creation_time",  conversions.date),
)
"""Columns that say something of the person."""
# fmt: on

RENAMED_ATTRIBUTION = {
    "initial_referrer": "$initial_referrer",
    "initial_referring_domain": "$initial_referring_domain",
}
"""First attribution that Mixpanel has by another name; all other keeps its own."""

ROWS = ENVELOPE + PROPERTIES + PROFILES
"""Every row that reads a column."""

DROPPED = outcomes.DROPPED
"""Columns that do not travel, and why."""

COLUMNS = frozenset(column for row in ROWS for column in row.columns) | {*DROPPED}
"""Every column with a name here; any other travels as `amplitude_<name>`."""

COUNTED = {
    **outcomes.NOBODY,
    "long_id": (
        "an id over 247 bytes was shortened; it stands complete in `amplitude_user_id` or "
        "`amplitude_device_id`"
    ),
    "device_is_a_user": (
        "under Original ID Merge: a device has the very id of a user; the two stay apart, and an "
        "event of the device alone goes to `device:<id>`"
    ),
    "no_identity": (
        "neither `user_id` nor `device_id`; kept, but in no report about people: its "
        "`distinct_id` is empty"
    ),
    **outcomes.COUNTED,
    "identity_conflict": (
        "a second user on a device that has an owner; the event went to the user, without the "
        "device"
    ),
    "over_500_ids_of_one_user": (
        "under Original ID Merge a device beyond the 500 ids that a person can have: Mixpanel "
        "takes the `$merge` and leaves the device by itself"
    ),
    "clock_fallback": outcomes.CLOCK_FALLBACK,
    "ahead_of_now": "up to an hour ahead of now; Mixpanel writes the time of arrival instead",
    "older_than_retention": (
        "older than `retention_years`; Mixpanel bills it, and deletes it all the same"
    ),
    "operations_without_counterpart": (
        "an Identify operation that could not be sent twice without harm (`$add`, `$append` …); "
        "its result comes with the next event of the person"
    ),
    "values_over_255_bytes": "a text that Mixpanel cuts at 255 bytes; sent complete",
    "over_254_properties": "more properties than an event may have; see `amplitude_overflow`",
    "over_254_elements": "a list or an object longer than Mixpanel takes; its first 254 were sent",
    "nested_over_3_deep": "a value deeper than Mixpanel takes; its inner part is JSON text",
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    **outcomes.DEAD_LETTERS,
    "event_name_too_long": "the name has over 255 characters; `rename_events` can shorten it",
    "time_out_of_range": (
        "every time is before 2000 or over 24 hours after the upload, or it is more than an hour "
        "ahead of now"
    ),
}
"""Not deliverable: into the dead letters, with the reason."""

SKIPPED = {
    **outcomes.LEFT_OUT,
    "expired": "older than `retention_years`, with `skip_expired`",
    "profiles: false": "a `$identify` record, and the setting sends none",
    "groups: false": "a `$groupidentify` record, and the setting sends none",
    "no user": "a `$identify` record of a device without a user",
}
"""Left out by a rule."""
