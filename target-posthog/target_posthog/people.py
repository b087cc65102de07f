"""What is sent of people: only what is newer than what was sent before. Knows no source.

PostHog applies `$set` in the order of arrival and never looks at timestamps (PostHog docs, Person
properties), so imported history would overwrite newer values. Records may carry the complete person
each time; it travels only when it changed and only when it is newer.
"""

from __future__ import annotations

from collections.abc import Collection

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import newer
from singer_delivery.mapping.observation import State
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.model import Effects, Fact, Facts, Note

from target_posthog.links import inherited
from target_posthog.settings import MappingSettings, PersonProperties

NOT_UNSET = Note("operations_without_counterpart", "$unset")


def decide(
    it: PairDecision,
    state: State,
    settings: MappingSettings,
    facts: Facts,
    effects: Effects,
) -> str | None:
    """Decide whether the person is set; return the reason why not.

    What is set becomes a fact.
    """
    mode = settings.person_properties
    if mode == "none":
        return "person_properties: none"
    if is_profileless(it, settings):
        return "person_profiles: identified_only"
    if not state.digest:
        return "nothing to set"
    fact = _newer(it, state, facts, effects)
    if fact is None:
        return "superseded"
    effects.notes += state.notes
    if mode == "set_once" and state.unsets:
        effects.notes.append(NOT_UNSET)
    if not (state.sets or state.sets_once or (state.unsets and mode == "set")):
        return "nothing to set"
    effects.facts.append(fact)
    return None


def is_profileless(it: PairDecision, settings: MappingSettings) -> bool:
    """Tell whether the record creates no profile of its person."""
    return it.user is None and settings.person_profiles == "identified_only"


def _newer(it: PairDecision, state: State, facts: Facts, effects: Effects) -> Fact | None:
    """Return the fact to remember if the state of the person is newer, else None."""
    fact = newer(facts, "person", it.person, state.digest, it.at, effects.renewed)
    if fact is None:
        return None
    before = inherited(it, facts)
    return fact if before is None or before.at <= fact.at else None


def person_changes(change: Changes, mode: PersonProperties, first: Collection[str]) -> Changes:
    """Set, set once (attribution) or unset on the person, when newer than what was last sent.

    Args:
        change: as the source says it. It is changed.
        mode: in `set_once` everything is set once, and nothing is unset.
        first: names of first attribution (`initial_utm_source` and its like), which is set once,
            under PostHog's name `$initial_utm_source`.
    """
    for old in (change.set, change.set_once):
        for key in [key for key in old if key in first]:
            change.set_once["$" + key] = old.pop(key)
    if mode == "set_once":
        change.set_once = {**change.set, **change.set_once}
        change.set, change.unset = {}, []
    return change
