"""What is copied on each event of a person, where records do not say it. Knows no source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from singer_delivery.model import Effects, Fact, Facts, Note

from target_amplitude.amplitude import MAX_LIST, MAX_TEXT_CHARACTERS
from target_amplitude.decision import AmplitudeDecision


class Copies:
    """Copies what is known of a person on each event of theirs, where records do not have it.

    The fact `profile`, person -> properties as JSON, is said by whatever describes people.
    """

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on

    def remember(
        self, whose: str, properties: Mapping[str, Any], since: tuple[int, str], effects: Effects
    ) -> None:
        """Remember what is copied on the events of a person."""
        if self._is_on:
            content = orjson.dumps(fit_for_copy(properties)).decode()
            effects.facts.append(Fact("profile", whose, content, *since))

    def of(self, it: AmplitudeDecision, facts: Facts, notes: list[Note]) -> str:
        """Return what is copied on the event of a record, as JSON; empty for nothing."""
        whose = it.user or it.device
        if not self._is_on or whose is None:
            return ""
        known = facts.recall("profile", whose)
        if known is None:
            notes.append(NO_PROFILE)
            return ""
        return known.value


NO_PROFILE = Note("no_profile")


def fit_for_copy(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties without the long texts and lists that are not copied on every event."""
    return {
        key: value
        for key, value in properties.items()
        if not (isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS)
        and not (isinstance(value, list) and len(value) > MAX_LIST)
    }
