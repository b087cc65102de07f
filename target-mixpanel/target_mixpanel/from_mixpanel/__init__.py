"""Mixpanel export -> another Mixpanel project: a copy. The tables are in `table.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analytics_records.mixpanel import columns
from analytics_records.mixpanel.source import PREFIX
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.selection import Export
from singer_delivery.model import RecordMapping

from target_mixpanel.from_mixpanel.events import FromMixpanel
from target_mixpanel.from_mixpanel.profiles import (
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
)
from target_mixpanel.from_mixpanel.whose import Unlinked
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.settings import MappingSettings

__all__ = [
    "PREFIX",
    "FromMixpanel",
    "GroupProfilesFromMixpanel",
    "ProfilesFromMixpanel",
    "exports",
]

Check = Callable[[Mapping[str, Any]], None]


def exports(
    settings: MappingSettings,
    hot_ids: HotIds,
    choice: Choice,
    check: Check,
    warn: Callable[[str], None] | None = None,
    unlinked: Unlinked | None = None,
) -> list[Export]:
    """Return how the streams of an export are known, and what makes the mapping of each.

    Args:
        settings: of the target.
        hot_ids: counts the events of each person and day.
        choice: of the events that travel.
        check: raises where a schema is of the very project that is written to.
        warn: logs a sentence.
        unlinked: counts devices without their link.
    """

    def made(make: Callable[[], RecordMapping]) -> Callable[[Mapping[str, Any]], RecordMapping]:
        def of(schema: Mapping[str, Any]) -> RecordMapping:
            check(schema)
            return make()

        return of

    return columns.exports(
        made(lambda: FromMixpanel(settings, hot_ids, choice, unlinked)),
        made(lambda: GroupProfilesFromMixpanel(settings, warn)),
        made(lambda: ProfilesFromMixpanel(settings)),
    )
