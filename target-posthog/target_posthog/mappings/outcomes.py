"""What the report counts besides what was delivered, in the words it uses. Data only."""

from __future__ import annotations

COUNTED = {
    "illegal_user_id": (
        "`user_id` stands for nobody (`null`, `anonymous`, `0` …); the event went to the device"
    ),
    "illegal_device_id": "`device_id` stands for nobody; it was not used",
    "long_id": "an id over 200 bytes was shortened; it stands whole in `$amplitude_user_id`",
    "identity_conflict": "a second user on a device that has an owner; no link was sent",
    "clock_fallback": "`event_time` was missing or impossible; another time column was used",
    "operations_without_counterpart": (
        "an Identify operation PostHog does not have (`$add`, `$append` …); its result comes with "
        "the next event of the person"
    ),
    "group_type_beyond_five": "a sixth group type; kept as a property, not linked",
    "group_type_not_listed": "a group type `group_types` does not name; kept, not linked",
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    "no_event_name": "`event_type` is missing, empty or not text",
    "event_name_too_long": "the name has over 200 characters; `rename_events` can shorten it",
    "no_identity": "no `user_id`, `device_id` or `amplitude_id`",
    "no_time": "none of the four time columns is a date and time",
    "time_out_of_range": "every time is before 2000 or over 24 hours after the upload",
    "nested_too_deep": "a value nests deeper than 200 levels",
}
"""Not deliverable: into the dead letters, with the reason."""

SKIPPED = {
    "excluded: <event>": "`exclude_events` names it",
    "not included: <event>": "`include_events` does not name it",
    "superseded": "a `$identify` or `$groupidentify` record that is not newer than what was told",
    "nothing to set": "a `$identify` or `$groupidentify` record that sets nothing",
    "person_properties: none": "a `$identify` record, and the setting sends none",
    "person_profiles: identified_only": "a `$identify` record of a device without a user",
    "group_type_beyond_five, group_type_not_listed": (
        "a `$groupidentify` record of a type that is not linked"
    ),
}
"""Left out by a rule."""
