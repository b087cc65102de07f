"""What the report counts besides what was delivered, in the words it uses. Data only."""

from __future__ import annotations

from analytics_records.amplitude import outcomes

COUNTED = {
    "illegal_user_id": (
        "`user_id` stands for nobody (`null`, `anonymous`, `0` …); the event went to the device"
    ),
    "illegal_device_id": "`device_id` stands for nobody; it was not used",
    "long_id": (
        "an id over 247 bytes was shortened; it stands whole in `amplitude_user_id` or "
        "`amplitude_device_id`"
    ),
    "no_identity": (
        "neither `user_id` nor `device_id`; kept, but in no report about people: its "
        "`distinct_id` is empty"
    ),
    "identity_conflict": (
        "a second user on a device that has an owner; the event went to the user, without the "
        "device"
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
    "values_over_255_bytes": "a text that Mixpanel cuts at 255 bytes; sent whole",
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
