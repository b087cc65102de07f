"""What the report counts besides what was delivered, in the words it uses. Data only."""

from __future__ import annotations

from analytics_records.amplitude import outcomes

COUNTED = {
    "illegal_user_id": (
        "`user_id` stands for nobody (`null`, `anonymous`, `0` …); the event went to the device"
    ),
    "illegal_device_id": "`device_id` stands for nobody; it was not used",
    "long_id": "an id over 200 bytes was shortened; it stands whole in `$amplitude_user_id`",
    "identity_conflict": outcomes.IDENTITY_CONFLICT,
    "clock_fallback": outcomes.CLOCK_FALLBACK,
    "operations_without_counterpart": (
        "an Identify operation PostHog does not have (`$add`, `$append` …); its result comes with "
        "the next event of the person"
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
    "group_type_beyond_five, group_type_not_listed": (
        "a `$groupidentify` record of a type that is not linked"
    ),
}
"""Left out by a rule."""
