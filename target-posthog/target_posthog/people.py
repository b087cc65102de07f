"""What is sent of people: only what is newer than what was sent before. Knows no source.

PostHog applies `$set` in the order of arrival and never looks at timestamps (PostHog docs, Person
properties), so imported history would overwrite newer values. Records carry what the source knows
of the person each time; it travels only when it changed and only when it is newer. A record that
names nobody sets nothing on the owner of its device.
"""

from __future__ import annotations

from collections.abc import Collection

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.property_names import PropertyNames
from singer_delivery.model import Effects, Fact, Facts, Note

from target_posthog.links import inherited
from target_posthog.settings import MappingSettings, PersonProperties

NOT_UNSET = Note("operations_without_counterpart", "$unset")
IN_DOUBT = Note("person_in_doubt")


class PostHogDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record.

    Attributes:
        linked: the group types that are linked; None for all that the record names.
        updated: which of its snapshots of groups are sent, by their place.
        sets_person: whether the event sets properties of its person.
        cleared: names of properties of the person that are taken away because all are.
    """

    linked: tuple[str, ...] | None = None
    updated: tuple[int, ...] = ()
    sets_person: bool = False
    cleared: tuple[str, ...] = ()


class People:
    """Decides what is sent of people.

    Args:
        settings: of the target.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._settings = settings
        self._newer = Newer(settings.backfill_days)
        self._names = PropertyNames()

    def decide(
        self, it: PostHogDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> str | None:
        """Decide whether the person is set; return the reason why not.

        What is set becomes a fact.
        """
        state, mode = seen.person, self._settings.person_properties
        if mode == "none":
            return "person_properties: none"
        if is_profileless(it, self._settings):
            return "person_profiles: identified_only"
        if not state.digest:
            return "nothing to set"
        if it.in_doubt:
            effects.notes.append(IN_DOUBT)
            return IN_DOUBT.name
        fact = self._fact(it, seen, facts, effects)
        if fact is None:
            return "superseded"
        return self._set(it, fact, seen, facts, effects)

    def _fact(
        self, it: PostHogDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> Fact | None:
        """Return the fact to remember if what is said of the person is newer, else None."""
        before = inherited(it, facts)
        is_known = before is not None and self._newer.is_backfilled(seen)
        if is_known or (before is not None and seen.is_before(before)):
            return None
        digest = seen.person.digest
        return self._newer.fact(facts, "person", it.person, digest, seen, effects.renewed)

    def _set(
        self,
        it: PostHogDecision,
        fact: Fact,
        seen: Observation,
        facts: Facts,
        effects: Effects,
    ) -> str | None:
        state, mode = seen.person, self._settings.person_properties
        effects.notes += state.notes
        takes_away = state.unsets or state.clears
        if mode == "set_once" and takes_away and state.is_partial:
            effects.notes.append(NOT_UNSET)
        if not (state.sets or state.sets_once or (takes_away and mode == "set")):
            return "nothing to set"
        if state.clears and mode == "set":
            it.cleared = self._names.all(facts)
        self._names.remember(state.names, seen, facts, effects)
        effects.facts.append(fact)
        return None


def is_profileless(it: PairDecision, settings: MappingSettings) -> bool:
    """Tell whether the record creates no profile of its person."""
    return it.user is None and settings.person_profiles == "identified_only"


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
