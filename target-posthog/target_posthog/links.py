"""Who a record is of, and the event that tells PostHog whose device it is. Knows no source.

The device is merged into the user, never the other way round.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.identity import Link, Who
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.values import Moment, clean_id, rfc3339
from singer_delivery.model import Effects, Event, Fact, Facts, Unmappable

from target_posthog.posthog import ALIAS, IDENTIFY, make_event
from target_posthog.settings import LinkIdentities

_BY = {"alias": (ALIAS, "alias"), "identify": (IDENTIFY, "$anon_distinct_id")}
"""Setting: the event that merges, and its property that names who is merged away."""


def of_source(source: str, source_id: str | int | None, detail: str, rules: IdRules) -> Who:
    """Return who is known by the source's own id alone: the source's name, a colon and the id.

    Raises:
        Unmappable: it is no id (`no_identity`); the detail says what has none.
    """
    own = clean_id(source_id)
    if own is not None and not rules.is_illegal(own):
        return Who(None, None, rules.fitted(f"{source}:{own}"))
    reason = "no_identity"
    raise Unmappable(reason, detail)


def decide(it: PairDecision, due: Link | None, facts: Facts, effects: Effects) -> None:
    """Send the link that is due.

    From then on what was sent of the device counts as sent of its user.
    """
    if due is None:
        return
    it.link, it.merges = due.values, due.device
    effects.claims += due.claims
    effects.facts.append(due.sent)
    sent = inherited(it, facts)
    if sent is not None:
        effects.facts.append(sent)


def inherited(it: PairDecision, facts: Facts) -> Fact | None:
    """Return what was sent of the record's own device, as the fact about its user that it becomes.

    The link makes it part of the person, where nothing was sent of the user yet; what was, wins
    (PostHog, person-merge-service.ts).
    """
    device = it.own_device
    if device is None or facts.recall("person", it.person) is not None:
        return None
    sent = facts.recall("person", device)
    return None if sent is None else sent._replace(name=it.person)


def event(
    link: tuple[str, str, int], uuid: str, way: LinkIdentities, base: dict[str, Any]
) -> Event:
    """Return the event that merges a device into its user.

    Args:
        link: the device, the user, and the time since when it is theirs.
        uuid: of the event.
        way: how they are merged.
        base: properties of every event.
    """
    device, user, at = link
    name, merged_away = _BY[way]
    when = Moment(at, rfc3339(at))
    return make_event("link", name, user, uuid, when, {**base, merged_away: device})
