"""The table: which column of an Amplitude export is sent as what to another project. Data only.

A copy says again what the source was told, and leaves out what its server added. Left: the key of
`/batch`. Then the column of the export, or several; then the conversion, and the condition if there
is one.

Columns: Amplitude docs, Export API, and what exports carry beyond it.
Keys: Amplitude docs, Batch Event Upload API, HTTP V2 API.
"""

from __future__ import annotations

from analytics_records.amplitude import as_told, fields, groups, outcomes, record
from singer_delivery.mapping.table import Row, of_reading, values

from target_amplitude.from_amplitude import conversions
from target_amplitude.groups import GroupTypes, GroupUpdates

EVENT_NAMES = {
    "[Amplitude] Start Session": "session_start",
    "[Amplitude] End Session": "session_end",
    "[Amplitude] Revenue": "revenue_amount",
    "[Amplitude] Revenue (Verified)": "amplitude_Revenue (Verified)",
    "[Amplitude] Revenue (Unverified)": "amplitude_Revenue (Unverified)",
    "[Amplitude] Merged User": "amplitude_Merged User",
}
"""Names that Amplitude refuses; all others stay."""

CONDITIONS = {
    "no_revenue": "an event whose name Amplitude refuses, other than `[Amplitude] Revenue`",
    "other": "any event but `revenue_amount` and those",
}
"""What the last column of the table means."""

# fmt: off
ENVELOPE = (
    Row("event_type",           "event_type",                       record.event_name),
    Row("user_id, device_id",   of_reading("user_id", "device_id", "amplitude_id"),
                                                                    conversions.ids),
    Row("time",                 of_reading(*record.TIME_COLUMNS),   conversions.milliseconds),
    Row("insert_id",            of_reading("$insert_id", "uuid"),   as_told.insert_id),
)
"""What makes an event one. These can refuse the record, so the mapping calls them itself."""

TOP = (
    Row("session_id",           "session_id",                       conversions.session),
    Row("platform",             "platform"),
    Row("os_name",              "os_name"),
    Row("os_version",           "os_version"),
    Row("device_brand",         "device_brand"),
    Row("device_manufacturer",  "device_manufacturer"),
    Row("device_model",         "device_model"),
    Row("language",             "language"),
    Row("app_version",          "version_name"),
    Row("carrier",              "device_carrier"),
    Row("plan",                 "plan",                             conversions.plan),
    Row("country",              "country"),
    Row("region",               "region"),
    Row("city",                 "city"),
    Row("dma",                  "dma"),
    Row("location_lat",         "location_lat"),
    Row("location_lng",         "location_lng"),
    Row("ip",                   "ip_address"),
    Row("idfa",                 "idfa"),
    Row("adid",                 "adid"),
)
"""Columns that are keys of an event. Of the location all four or none, of the point both or none;
the address only beside a location."""

BESIDE = (
    Row("amplitude_event_properties", "event_properties",       fields.original_if_no_object),
    Row("amplitude_user_properties", "user_properties",         fields.original_if_no_object),
    Row("amplitude_groups",     "groups",                       fields.original_if_no_object),
    Row("amplitude_group_properties", values("group_properties", "groups"),
                                                                groups.properties_of_none),
)
"""Columns whose contents have no place of their own; properties, behind `amplitude_`."""

CONTENT = (
    Row("event_properties",     "event_properties"),
    Row("user_properties",      "user_properties",                  as_told.properties_as_told),
    Row("groups",               "groups",                           GroupTypes.named),
)
"""Columns that are objects of an event."""

UPDATES = (
    Row("$identify",            "user_properties",                  as_told.changes_as_told),
    Row("$groupidentify",       of_reading("group_properties", "groups"), GroupUpdates.at_once),
)
"""What is sent of people when all events are there, and of groups once a day before its events."""

OWN_TOP = (
    Row("revenue",              "$revenue",                         conversions.amount, "other"),
    Row("price",                values("$price", "$revenue"),       conversions.price, "other"),
    Row("quantity",             values("$quantity", "$revenue"),    conversions.quantity, "other"),
    Row("productId",            "$productId",                       conversions.text, "other"),
    Row("revenueType",          "$revenueType",                     conversions.text, "other"),
    Row("currency",             "$currency",                        conversions.code, "other"),
)
"""Keys of `event_properties` that move to the top: nobody says whether both would count."""

OWN = (
    Row("amplitude_price",      values("$price", "$revenue"),   conversions.beside_total, "other"),
    Row("amplitude_quantity",   values("$quantity", "$revenue"), conversions.beside_total, "other"),
    Row("amplitude_revenue",    "$revenue",                         None, "no_revenue"),
    Row("amplitude_price",      "$price",                           None, "no_revenue"),
    Row("amplitude_quantity",   "$quantity",                        None, "no_revenue"),
)
"""Keys of `event_properties` that get another name."""
# fmt: on

EVENT_PROPERTY_ROWS = OWN_TOP + OWN
"""Both."""

MOVING = frozenset({"$revenue", "$price", "$quantity", "$productId", "$revenueType", "$currency"})
"""Keys of `event_properties` that leave it where a row above reads them."""

RECEIPTS = frozenset({"$receipt", "$receiptSig"})
"""Keys of `event_properties` that never travel: a receipt is verified once."""

ROWS = ENVELOPE + TOP + BESIDE + CONTENT + UPDATES
"""Every row that reads a column."""

DROPPED = {
    **outcomes.DROPPED,
    "amplitude_attribution_ids": "Amplitude's own matching of installs",
    "amplitude_event_type": "the name of an event that Amplitude itself made",
    "app": "the project that is copied",
    "data_type": "kind of row, made by the server",
    "global_user_properties": "made by the server, of a portfolio of projects",
    "is_attribution_event": "made by the server",
    "library": "what sent it to the source; the API takes it without a documented effect",
    "partner_id": "of the partner that sent it to the source",
    "sample_rate": "made by the server",
    "source_id": "of the source that sent it to the source project",
    "user_creation_time": "new people are dated by their first event; see `user_created_event`",
    "device_family": "no key of an event: Amplitude works it out",
    "device_type": "no key of an event: Amplitude works it out",
    "paying": "no key of an event: it comes with revenue",
    "start_version": "no key of an event",
    "event_id": "a second key of deduplication that is not unique in exports",
}
"""Columns that do not travel, and why."""

COLUMNS = frozenset(column for row in ROWS for column in row.columns) | {*DROPPED}
"""Every column with a name here; any other is counted, and not sent."""

COUNTED = {
    "illegal_user_id": (
        "`user_id` stands for nobody (`null`, `anonymous`, `0` …); the event has no user"
    ),
    "illegal_device_id": "`device_id` stands for nobody; it was not used",
    "long_id": "an id over 1,024 characters was shortened, with a hash of it",
    "without_ids": (
        "neither `user_id` nor `device_id`; the device is `amplitude:` and the `amplitude_id`"
    ),
    "known_by_amplitude_id": (
        "a record without a user whose `amplitude_id` is known as a user's; it goes as it is, and "
        "what it says of the person is that user's"
    ),
    "linked_by_amplitude_id": (
        "before such a record a `$identify` of the device and the user: the device was last sent "
        "with another user, or with none"
    ),
    "shared_device": (
        "a device that comes with another user than before; within one organisation Amplitude "
        "gives its anonymous rows to its last user"
    ),
    "new_before_range": (
        "a person with a `user_creation_time` before the first row that is copied: the copy dates "
        "them later, unless `user_created_event` is set"
    ),
    "reserved_name": "a name that Amplitude refuses; see Event names",
    "insert_id_reused": (
        "the device and `$insert_id` of an earlier row with another `uuid`; sent under its own "
        "`uuid`, or skipped as `reused_insert_ids` says"
    ),
    "group_properties_of_no_group": (
        "`group_properties` names no group, and the record has not exactly one of the type"
    ),
    "over_5_group_types": "an event with more group types than Amplitude links; all are sent",
    "over_10_groups": "an event with more groups of a type than Amplitude links; all are sent",
    "clock_fallback": outcomes.CLOCK_FALLBACK,
    "wild_time": (
        "`event_time` lies before 2000 or over 24 hours after the upload; copied, as the source "
        "shows it, too"
    ),
    "ahead_of_now": "over a day ahead of now",
    "no_creation_date": "nobody says when the user was created",
    "operations_without_counterpart": (
        "an Identify operation that would count again from nothing (`$add`, `$append` …); its "
        "result comes with the next event of the person"
    ),
    "unknown_column": "a column that nobody knows; it is not sent",
    "event_type_over_2000": "an event of a type that Amplitude stores and never shows",
    "user_properties_over_1000": "a record with a property of users beyond those that are shown",
    "values_over_1024_characters": "a text that Amplitude cuts at 1,024 characters; sent complete",
    "nested_over_40_deep": "a value deeper than Amplitude takes; its inner part is JSON text",
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    **outcomes.DEAD_LETTERS,
    "no_identity": "neither ids nor an `amplitude_id`; see `events_without_id`",
    "event_name_too_long": "the name has over 1,024 characters; `rename_events` can shorten it",
    "time_out_of_range": "every time is before 1970, or before 2000 where `event_time` is missing",
}
"""Not deliverable: into the dead letters, with the reason."""

SKIPPED = {
    **outcomes.LEFT_OUT,
    "user_properties: none": "a `$identify` record, and the setting sends none",
    "groups: false": "a `$groupidentify` record, and the setting sends none",
    "no user": "a `$identify` record of a device without a user",
    "events_without_id: skip": "an event of nobody, and the setting leaves it out",
    "insert_id_reused": "with `reused_insert_ids: skip`",
}
"""Left out by a rule."""
