"""What capture v1 says of single events, and what it means for them. Pure.

Sources: PostHog repository, rust/capture/src/v1/analytics (types.rs: EventResult; process.rs and
constants.rs: details; response.rs) and quota_limiter_shim.rs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from singer_delivery.endpoint import Judgement, Verdict

from target_posthog.endpoint import over_the_limit

TAKEN = ("ok", "warning")

OTHERS = ("alias", "$anon_distinct_id")
"""Properties by which a link names the other id of its person."""

NO_PERSON = "person_processing_disabled"
NO_PERSON_SENTENCE = (
    "PostHog takes events of some ids without their person (person_processing_disabled): it does "
    "so for ids that stand for nobody, and for those with very many events. The run report counts "
    "them."
)

NOT_ACKNOWLEDGED = Judgement(
    Verdict.RETRIABLE, "not acknowledged", "PostHog's reply says nothing of some events."
)

AFTER_ANOTHER = Judgement(
    Verdict.RETRIABLE, "after one to be retried", "PostHog asks for an earlier event again."
)


def by_uuid(results: Mapping[str, Any], events: Sequence[bytes]) -> Judgement:
    """Return what the results of a reply mean for the events of its request.

    Args:
        results: of the reply, by uuid.
        events: as they were encoded, in their order.

    An event that the reply does not name is not acknowledged, and is sent again. So are, behind an
    event to be retried, later ones of the same person, although they were taken: PostHog lets what
    arrives last say what is true of a person, and what was said first must not come last.
    """
    exceptions: dict[int, Judgement] = {}
    postponed: set[str] = set()
    for index, encoded in enumerate(events):
        event = json.loads(encoded)
        judgement, ids = judged(results.get(event["uuid"])), _ids(event)
        if judgement.verdict is Verdict.DELIVERED and not postponed.isdisjoint(ids):
            judgement = AFTER_ANOTHER
        if judgement.verdict is Verdict.RETRIABLE:
            postponed |= ids
        if judgement.verdict is not Verdict.DELIVERED or judgement.note:
            exceptions[index] = judgement
    return Judgement(Verdict.DELIVERED, exceptions=exceptions)


def judged(said: Any) -> Judgement:
    """Return what the result of one event means; `said` is None for an event without one."""
    result = said.get("result") if isinstance(said, dict) else None
    details = _word(said.get("details")) if isinstance(said, dict) else ""
    if result in TAKEN:
        note = details or ("warning" if result == "warning" else "")
        return Judgement(Verdict.DELIVERED, note=note)
    if result == "limited" or _is_of_money(result, details):
        return over_the_limit(details or "limited")
    if result == "drop":
        return _dropped(details)
    if result == "retry":
        detail = f"PostHog asks for some events again ({details or 'retry'})."
        return Judgement(Verdict.RETRIABLE, details or "retry", detail)
    return NOT_ACKNOWLEDGED


def _is_of_money(result: Any, details: str) -> bool:
    """Tell whether an event is dropped because the project has used up what it pays for."""
    return result == "drop" and (details == "billing_limit_exceeded" or "over_quota" in details)


OF_THE_SETTINGS = {
    "non_historical_import_drop": (
        "this PostHog takes imports alone: set `historical_migration` to true"
    ),
    "misrouted_event": "this PostHog takes no events of this kind: check `host`",
}
"""Reasons for which every event would be dropped, with what to do."""


def _dropped(details: str) -> Judgement:
    remedy = OF_THE_SETTINGS.get(details)
    if remedy is not None:
        detail = f"PostHog drops every event ({details}): {remedy}. Nothing is lost: run it again."
        return Judgement(Verdict.FATAL, details, detail)
    reason = details or "dropped"
    return Judgement(Verdict.REJECTED, reason, f"PostHog dropped it: {reason}")


def _ids(event: Mapping[str, Any]) -> set[str]:
    others = (event["properties"].get(name) for name in OTHERS)
    return {event["distinct_id"], *(other for other in others if isinstance(other, str))}


def _word(details: Any) -> str:
    """Return details if they are one of capture's words: anything else might quote the event."""
    is_word = isinstance(details, str) and re.fullmatch("[a-z0-9_]{1,64}", details)
    return details if is_word else ""
