"""What rules and notes of a run report mean to whoever signs, and what to do. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple


class Words(NamedTuple):
    """What a rule or a note means, and what to do about it; empty for nothing."""

    meaning: str
    advice: str = ""


AS_YOU_WISH = "As the settings say: nothing is to be done."
UNKNOWN = Words("Counted by the target; its page in docs/mappings tells more.")

RULES: Mapping[str, Words] = {
    "excluded: *": Words(
        "The setting `exclude_events` leaves events of this name out.", AS_YOU_WISH
    ),
    "not included: *": Words("The setting `include_events` does not name them.", AS_YOU_WISH),
    "excluded_person": Words(
        "Records of people in the file of `exclude_people_path`.", AS_YOU_WISH
    ),
    "not_sampled": Words(
        "Records of people outside the sample of `sample_users`.",
        "Load all before you sign for the whole: take `sample_users` out, and start anew.",
    ),
    "delivered_before": Words(
        "Their event had been delivered already, by this run or an earlier one."
    ),
    "parked_before": Words(
        "Their event waits in the ledger already.", "Run again until none waits."
    ),
    "identity_verb": Words("Rows that join ids: they become links, and are no events."),
    "unchanged": Words("They say of a person or a group what had been sent."),
    "superseded": Words("Something newer is known of the person or the group."),
    "nothing to set": Words("They say nothing of a person or a group."),
    "no user": Words("Profiles of devices that are nobody's."),
    "device has an owner": Words("Profiles of devices whose user has a profile of their own."),
    "expired*": Words(
        "Older than the destination keeps events (`skip_expired`).",
        "Raise `retention_years` if the project keeps them longer.",
    ),
    "*: none": Words("The setting of that name is `none`.", AS_YOU_WISH),
    "*: false": Words("The setting of that name is `false`.", AS_YOU_WISH),
    "*: identified_only": Words("Nothing is told of people without a user id.", AS_YOU_WISH),
    "*stream_map*": Words("A stream map of yours removes them.", AS_YOU_WISH),
}
"""By the rule, * standing for anything."""

CARRIED: Mapping[str, Words] = {
    "operations_without_counterpart": Words(
        "Operations such as `$add` and `$append`, which cannot be sent twice without harm; what "
        "they led to stands in the next record of the person."
    ),
    "group_properties_of_no_group": Words(
        "Properties of groups that fit no group for sure; they stay on the event."
    ),
    "profile_properties_dropped": Words("Properties of profiles that mean nothing elsewhere."),
    "transactions_dropped": Words("Payments on profiles, which events tell with their time."),
    "sent_apart": Words("Properties that the destination would act on travel under other names."),
    "reserved_name": Words("Names that the destination reserves travel under other names."),
    "unknown_column": Words("Columns that are not of the export travel as properties."),
    "long_id": Words("Ids longer than the destination takes travel as a digest."),
    "illegal_*": Words("Ids that stand for nobody, such as `null`, count as no id."),
}
"""Notes on what does not arrive as it was, by their names."""

PEOPLE: Mapping[str, Words] = {
    "identity_conflict": Words(
        "A second user on a device: the device stays with the first one, and nobody is merged.",
        "Look at a few of them before you sign: shared devices are the usual cause.",
    ),
    "shared_device": Words(
        "A second user on a device: nobody is merged.",
        "Look at a few of them before you sign.",
    ),
    "device_is_a_user": Words("An id that is a user's and a device's; it is never linked."),
    "device_has_an_owner": Words("What was known of a device was told of its user."),
    "several_user_ids": Words("The source joins several user ids into one person."),
    "known_by_*": Words("Events without a user that the source knows as a user's."),
    "linked_by_*": Words("Devices that the source knows as a user's."),
    "person_in_doubt": Words("Nothing was set on the person, as nobody knows whose it is."),
    "bare_id_taken_for_user": Words(
        "An id that nothing tells is taken for a user's, by its form.",
        "Set `bare_distinct_ids` if that is wrong.",
    ),
    "bare_id_taken_for_device": Words(
        "An id that nothing tells is taken for a device's, by its form.",
        "Set `bare_distinct_ids` if that is wrong.",
    ),
}
"""Notes on people, by their names."""

LEFT_BEHIND = (
    "Charts, dashboards, boards, funnels and alerts: build those in use anew.",
    "Cohorts and saved segments, annotations and releases.",
    "Descriptions, owners and categories of events and properties.",
    "Opt-outs: no export holds them, and only `exclude_people_path` leaves people out.",
)
"""What no export carries, whatever the vendors."""

OTHER_NUMBERS = (
    (
        "Charts cut days by the time zone of their project; this report cuts them by UTC unless it "
        "says otherwise."
    ),
    (
        "The source's charts may hide or block events that its export still holds: often the "
        "export is the larger one."
    ),
    "Names change on the way: compare a name here with its name at the source.",
    "Unique users never add up over days, and vendors merge people by different rules.",
    "The destination may still be working: totals can take hours, and history longer.",
)
"""Why a chart may show another number though all has arrived."""


def words_of(name: str, of: Mapping[str, Words]) -> Words | None:
    """Return what a rule or note means; None where the list has none that fits."""
    exact = of.get(name)
    if exact is not None:
        return exact
    return next((words for pattern, words in of.items() if fnmatchcase(name, pattern)), None)
