"""What the report counts of Mixpanel's rows whatever the destination, and why. Data only."""

from __future__ import annotations

_BOOKKEEPING = "Mixpanel's bookkeeping: where, when and how it took the event"
_MERGED = "Mixpanel's bookkeeping of ids that it changed"
_FAILED = "why Mixpanel did not join ids; such a row joins none here either"
_WAREHOUSE = "which sync from a warehouse brought the event"

DROPPED = {
    "$mp_api_endpoint": _BOOKKEEPING,
    "mp_processing_time_ms": _BOOKKEEPING,
    "$mp_event_size": _BOOKKEEPING,
    "$mp_is_forwarded": _BOOKKEEPING,
    "$import": "whether it was imported; its own time counts all the same",
    "$geo_source": "how Mixpanel found the place",
    "$had_persisted_distinct_id": "whether the web SDK found its id in the browser",
    "mp_sent_by_lib_version": "version of the library that sent it, not of the one that made it",
    "$source": _WAREHOUSE,
    "$warehouse_type": _WAREHOUSE,
    "$warehouse_import_id": _WAREHOUSE,
    "$warehouse_import_job_id": _WAREHOUSE,
    "$warehouse_import_run_id": _WAREHOUSE,
    "$warehouse_table": _WAREHOUSE,
    "$is_reshuffled": _MERGED,
    "$failure_reason": _FAILED,
    "$failure_description": _FAILED,
    "$identity_failure_reason": _FAILED,
    "mp_original_distinct_id": "put back in the place of `distinct_id`: see hot shards",
    "mp_original_event_name": "put back as the name of the event: see hot shards",
    "token": "key of the project; Mixpanel removes it when it takes the event",
    "ip": "an address; Mixpanel keeps none",
}
"""Properties of events that travel to no other vendor, and why."""

DROPPED_PREFIXES = ("$mp_api_", "$warehouse_")
"""Beginnings of names of the same kind that Mixpanel may add."""

NOBODY = {
    "illegal_user_id": (
        "`$user_id` stands for nobody (`null`, `anonymous`, `0` …); the event went to the device"
    ),
    "illegal_device_id": "`$device_id` stands for nobody; it was not used",
    "illegal_distinct_id": "`distinct_id` stands for nobody; it was not used",
}
"""Ids that were read as none."""

COUNTED = {
    "bare_id_taken_for_user": (
        "a `distinct_id` of which nothing says whether it is a user's or a device's; by its form "
        "it is a user's (see `bare_distinct_ids`)"
    ),
    "bare_id_taken_for_device": "the same, where its form is one that SDKs make for devices",
    "several_user_ids": (
        "a user id that Mixpanel has joined with another one, under which the person goes"
    ),
    "without_insert_id": "a row without `$insert_id`; its content and number tell it from others",
    "clock_fallback": "`time` was missing or impossible; the time of receipt was used",
}
"""Counted, and delivered all the same."""

DEAD_LETTERS = {
    "no_event_name": "`event` is missing, empty or not text",
    "no_time": "neither `time` nor `$mp_api_timestamp_ms` is a possible time",
    "bad_properties": "`properties` is neither an object nor JSON text of one",
    "inexact_id": (
        "an id is a number that lost digits before it came (`1.8e19`): several ids would become one"
    ),
    "nested_too_deep": "a value nests deeper than 200 levels",
}
"""Not deliverable: into the dead letters, with the reason."""

LEFT_OUT = {
    "hotshard_record": "Mixpanel's count of the events of a hot shard",
    "identity_verb": "a row that joins ids (`$identify`, `$create_alias`, `$merge`) is no event",
    "excluded: <event>": "`exclude_events` names it",
    "not included: <event>": "`include_events` does not name it",
    "superseded": "a profile that was read before the one that was sent",
    "unchanged": "a profile that says what was sent before",
    "nothing to set": "a profile without properties",
}
"""Left out by a rule."""
