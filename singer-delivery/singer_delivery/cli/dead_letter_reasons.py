"""What each reason of a dead letter means, and what to do about it. Data only."""

from __future__ import annotations

from typing import NamedTuple

SENT_AS_THEY_ARE = "Nothing is to be mended: `dead-letters retry` sends them again."


class Reason(NamedTuple):
    """What a reason means, and what to do.

    Attributes:
        meaning: what is wrong with the record.
        advice: what the person who looks after the delivery does.
    """

    meaning: str
    advice: str


REASONS = {
    "bad_line": Reason(
        "The line is no JSON object.",
        "The line stands in `message`, as it came. Mend the tap, or write the record by hand in "
        "its place; `dead-letters retry` leaves such letters alone.",
    ),
    "bad_properties": Reason(
        "The column `properties` holds no object.",
        "A loader or a stream map has changed the column: load it as an object, or as JSON text.",
    ),
    "event_name_too_long": Reason(
        "The event's name is longer than the destination takes.",
        "Give it a shorter one with `rename_events`, then retry.",
    ),
    "event_too_large": Reason(
        "The event is larger than the destination takes in one request.",
        "Look for a property that holds a document or a list, and shorten or remove it in the "
        "file, or leave it out with `stream_maps` or `exclude_properties`; then retry.",
    ),
    "forbidden": Reason(
        "The destination refused the event where it took others of the same project.",
        "Something between here and the destination (a proxy, a firewall) may object to its "
        "content. Retry from another network; if it is refused there too, ask the vendor.",
    ),
    "inexact_id": Reason(
        "An id is a number that lost its last digits on the way, so several ids would become one.",
        "Read the source again with ids as text: a spreadsheet or a loader has made them floats.",
    ),
    "missing_key": Reason(
        "The record lacks a column of its stream's key.",
        "Add the column in the file, or mend the tap or the stream map that leaves it out.",
    ),
    "nested_too_deep": Reason(
        "A value nests deeper than 200 levels.",
        "Flatten the value in the file, or leave its property out with `stream_maps`; then retry.",
    ),
    "no_event_name": Reason(
        "The record does not say what happened: its event has no name.",
        "Nothing can be sent without a name. Write one into the file, or leave these letters out.",
    ),
    "no_identity": Reason(
        "Nothing in the record says whose it is, or of which group.",
        "See in docs/people.md which ids count. Write an id into the file; where the target has "
        "`events_without_id`, that setting sends such events all the same.",
    ),
    "no_key": Reason(
        "A row of a lookup table has nothing in its key column.",
        "A row without a key is found by no event: mend it at the source, or leave it out.",
    ),
    "no_time": Reason(
        "The record does not say when it happened, or in a form that nobody reads.",
        "Name the right column, or its form, in `streams`; or write a time into the file.",
    ),
    "not_json": Reason(
        "The record holds a value that JSON cannot say.",
        "Report it: a record that was read as JSON should be written as JSON. Keep the file.",
    ),
    "refused": Reason(
        "The destination refused the event; its own words are in the detail.",
        "Read the words with `dead-letters show --reason refused`, mend what they name in the file "
        "or in the settings, then retry.",
    ),
    "silenced": Reason(
        "The destination takes no events of this user or device any more.",
        "Ask the vendor to lift the block if it is an error, then retry; else leave them out with "
        "`exclude_people_path`.",
    ),
    "stream_map_failed": Reason(
        "A stream map of yours fails on the record.",
        "The detail names the map and the error: mend the expression in `stream_maps`. The record "
        "is kept as it came, so a retry maps it anew.",
    ),
    "time_out_of_range": Reason(
        "The time of the record is one that the destination refuses.",
        "Such times come of wrong clocks. Correct the time in the file, or let the letters be.",
    ),
    "update_too_large": Reason(
        "The update of a profile is larger than the destination takes.",
        "Look for a property that holds a document or a list, and shorten or remove it in the "
        "file; then retry.",
    ),
}
"""Every reason that a module of ours can give."""

UNMARKED = Reason(
    "The record has no `_dead_letter`: somebody has mended it.",
    SENT_AS_THEY_ARE,
)

OTHER = Reason(
    "A reason that this version does not know.",
    "Read the details with `dead-letters show`; a newer version of the target has written it.",
)


def explained(reason: str) -> Reason:
    """Return what a reason means, whether or not it is known; empty for a record without one."""
    return REASONS.get(reason, OTHER) if reason else UNMARKED
