"""Who a record is of, and the event that tells PostHog whose device it is.

The device is merged into the user, never the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics_records.amplitude.identity import Ids, Link, link_due
from analytics_records.amplitude.reading import Reading, Who, link_uuid
from singer_delivery.mapping.values import Moment, clean_id, rfc3339
from singer_delivery.model import Event, Note, Unmappable

from target_posthog.mappings.people import inherited
from target_posthog.mappings.posthog import ALIAS, IDENTIFY, IDS, make_event
from target_posthog.mappings.settings import LinkIdentities

_BY = {"alias": (ALIAS, "alias"), "identify": (IDENTIFY, "$anon_distinct_id")}
"""Setting: the event that merges, and its property that names who is merged away."""

_ids = Ids(IDS)


def who_is(record: Mapping[str, Any], notes: list[Note]) -> Who:
    """`user_id`, else `device_id`, else `amplitude:` and `amplitude_id`: trimmed, never illegal.

    Ids over 200 bytes become their first 150 bytes, a dash and a hash: PostHog would cut them.

    Raises:
        Unmappable: none of the three is an id (`no_identity`).
    """
    who = _ids.who(record.get("user_id"), record.get("device_id"), notes)
    if who.distinct_id:
        return who
    amplitude_id = clean_id(record.get("amplitude_id"))
    if amplitude_id is not None and not IDS.is_illegal(amplitude_id):
        return Who(None, None, IDS.fitted(f"amplitude:{amplitude_id}"))
    reason = "no_identity"
    detail = "neither `user_id` nor `device_id` nor `amplitude_id` says whose event it is"
    raise Unmappable(reason, detail)


def link(reading: Reading, way: LinkIdentities, base: Mapping[str, Any]) -> Event | None:
    """Return the event that merges this record's device into its user, unless it was sent before.

    See `link_due` of the library: a device has one owner, the first user it was seen with.
    """
    due = None if way == "none" else link_due(reading)
    if due is None:
        return None
    event = _link_event(reading.record, due, way, base)
    told = inherited(reading)
    if told is not None:
        event.facts = (*event.facts, told)
    return event


def _link_event(
    record: Mapping[str, Any], due: Link, way: LinkIdentities, base: Mapping[str, Any]
) -> Event:
    name, merged_away = _BY[way]
    event = make_event(
        "link",
        name,
        person=due.user,
        distinct_id=due.user,
        uuid=link_uuid(record, due.user, due.device),
        when=Moment(due.owner.at, rfc3339(due.owner.at)),
        properties={**base, merged_away: due.device},
        facts=(due.told,),
    )
    event.merges = due.device
    event.claims = due.claims
    return event
