"""Walks of records to Mixpanel, and a judgement of what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from target_mixpanel.from_amplitude import FromAmplitude
from target_mixpanel.settings import MappingSettings

from tests.fakes.mixpanel.events import (
    GEO_FROM_REQUEST,
    TOKEN_REMOVED,
    Rules,
    accepted,
    is_verb,
    merged_ids,
)
from tests.fakes.mixpanel.profiles import (
    GROUP_OPERATIONS,
    LAST_SEEN_TOUCHED,
    OPERATIONS,
    Kind,
    judged_updates,
)
from tests.pairs.walk import AT_10, Walk, Walked

if TYPE_CHECKING:
    from singer_delivery.model import Event

HOUR, DAY = 3_600_000_000, 86_400_000_000
NOW = AT_10 + 30 * DAY


def settings(**chosen: Any) -> MappingSettings:
    return MappingSettings(**{"now": NOW, **chosen})


def years_later(years: int, days: int) -> int:
    """Return a time so long after `a_record`."""
    return AT_10 + int((years * 365.25 + days) * DAY)


class Importing(Walk):
    """Reads records with these settings."""

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: FromAmplitude(settings(**chosen)))


def updates(walked: Walked) -> list[tuple[str, Any]]:
    """Return each profile update: its operation, and what it says."""
    return [(event.name, event.body[event.name]) for event in walked.events if event.name[0] == "$"]


def assert_mixpanel_takes(event: Event, identity_merge: str = "simplified") -> None:
    """Ask the stand-in, which knows Mixpanel's rules by itself."""
    sent = orjson.loads(orjson.dumps(event.body))
    notes: set[str] = set()
    if event.endpoint != "/import":
        assert_profile_takes(event.endpoint, sent)
    elif is_verb(sent):
        assert identity_merge == "original", "the whole request would be refused"
        assert merged_ids(sent)
    else:
        accepted(sent, Rules(identity_merge, NOW // 1000), notes)
        assert not notes & {GEO_FROM_REQUEST, TOKEN_REMOVED}


def assert_profile_takes(endpoint: str, sent: dict) -> None:
    people = Kind(("$distinct_id",), OPERATIONS)
    groups = Kind(("$group_key", "$group_id"), GROUP_OPERATIONS, {sent.get("$group_key")})
    kind = people if endpoint == "/engage" else groups
    judged = judged_updates([{**sent, "$token": "t"}], kind, {})
    assert judged.failed == []
    assert not judged.notes & {GEO_FROM_REQUEST, LAST_SEEN_TOUCHED}
