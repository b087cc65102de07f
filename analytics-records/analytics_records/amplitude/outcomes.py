"""What the report counts of Amplitude's records whatever the destination, and why. Data only."""

from __future__ import annotations

CLOCK_FALLBACK = "`event_time` was missing or impossible; another time column was used"

NOBODY = {
    "illegal_user_id": (
        "`user_id` stands for nobody (`null`, `anonymous`, `0` …); the event went to the device"
    ),
    "illegal_device_id": "`device_id` stands for nobody; it was not used",
}
"""Ids that were read as none."""

COUNTED = {
    "known_by_amplitude_id": (
        "a record without a user whose `amplitude_id` is known as a user's; it went to that user"
    ),
    "group_properties_of_no_group": (
        "`group_properties` names no group, and the record has not exactly one of the type; kept "
        "as a property"
    ),
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    "no_event_name": "`event_type` is missing, empty or not text",
    "no_time": "none of the four time columns is a date and time",
    "inexact_id": (
        "an id is a number that lost digits before it came (`1.8e19`): several ids would become one"
    ),
    "nested_too_deep": "a value nests deeper than 200 levels",
}
"""Not deliverable: into the dead letters, with the reason."""

LEFT_OUT = {
    "excluded: <event>": "`exclude_events` names it",
    "not included: <event>": "`include_events` does not name it",
    "superseded": "a `$identify` or `$groupidentify` record that is not newer than what was sent",
    "nothing to set": "a `$identify` or `$groupidentify` record that sets nothing",
}
"""Left out by a rule."""

DROPPED = {
    "$schema": "version of Amplitude's own storage; says nothing of the event",
    "$insert_key": "key of Amplitude's own storage; `$insert_id` is the one customers set",
    "client_upload_time": "when the device sent it; only corrects `event_time`, which is corrected",
    "processed_time": "when Amplitude's pipeline had it; says nothing of the event",
    "data": "Amplitude's bookkeeping: upload path, internal numbers of groups, flags",
}
"""Columns that do not travel, and why."""
