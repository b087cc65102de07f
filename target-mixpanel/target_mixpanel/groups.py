"""Groups: the group keys of an event, and what is sent of groups: only what is newer.

A group key must be declared in the settings of the Mixpanel project before anything is imported:
events that came earlier are not found by it (Mixpanel docs, Group Analytics).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Groups, Keys, Observation, Snapshot
from singer_delivery.mapping.source import Source
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_mixpanel.limits import fit_as_they_are
from target_mixpanel.mixpanel import fitted_id
from target_mixpanel.people import NOTHING, SUPERSEDED, MixpanelDecision
from target_mixpanel.profiles import group_profile, harmless, updates

Warn = Callable[[str], None]
"""Logs a sentence as a warning."""


@dataclass(frozen=True, slots=True)
class NamedGroups:
    """The groups of an event, by their group keys, and whether Mixpanel takes all as they are."""

    keys: dict[str, list[str]]
    fit: bool


NONE = NamedGroups({}, fit=True)


class GroupKeys:
    """Names group types as the Mixpanel project does.

    Args:
        chosen: the setting `group_keys`.
        taken: names that mean something else on an event.
        prefix: before types that have such a name.
    """

    def __init__(self, chosen: Mapping[str, str], taken: Collection[str], prefix: str) -> None:
        self._chosen, self._taken, self._prefix = chosen, taken, prefix
        self._remembered: Memory[NamedGroups] = Memory(1024)  # about 1 MB

    def key_of(self, group_type: str) -> str:
        """Return the group key of a type: the chosen one, else the type itself."""
        key = self._chosen.get(group_type, group_type)
        return self._prefix + key.lstrip("$") if key in self._taken else key

    def properties(self, keys: Keys) -> dict[str, list[str]]:
        """To each group key the groups of the event, as text."""
        named: dict[str, list[str]] = {}
        for group_type, groups in keys.items():
            named.setdefault(self.key_of(group_type), []).extend(map(fitted_id, groups))
        return named

    def named(self, groups: Groups) -> NamedGroups:
        """Return the same, and whether Mixpanel takes it as it is."""
        if not groups.keys:
            return NONE
        found = self._remembered.get(groups.content)
        if found is None:
            keys = self.properties(groups.keys)
            found = NamedGroups(keys, fit_as_they_are(keys.values()))
            self._remembered.keep(groups.content, found)
        return found


class GroupProfiles:
    """Decides which updates of groups a record sends, and makes them.

    Args:
        source: of the records.
        keys: names group types.
        prefix: before names that Mixpanel would act on.
        backfill_days: see the setting.
    """

    def __init__(self, source: Source, keys: GroupKeys, prefix: str, backfill_days: int) -> None:
        self._source, self._keys, self._prefix = source, keys, prefix
        self._newer = Newer(backfill_days)

    def decide(
        self, it: MixpanelDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> str:
        """Decide what is sent of the record's groups; return why nothing is, or an empty text."""
        if not seen.groups.snapshots:  # mostly
            return NOTHING
        reason, sent = NOTHING, list[int]()
        for number, snapshot in enumerate(seen.groups.snapshots):
            if not snapshot.properties:
                continue
            name, digest = snapshot.name, snapshot.digest
            fact = self._newer.fact(facts, "group", name, digest, seen, effects.renewed)
            if fact is None:
                reason = SUPERSEDED
            elif (change := self._change(snapshot, effects.notes)) is not None:
                at_once = snapshot.is_partial or change.unset
                (effects.facts if at_once else effects.kept).append(fact)
                sent.append(number)
                it.since = fact.since
        it.groups = tuple(sent)
        return "" if sent else reason

    def _change(self, snapshot: Snapshot, notes: list[Note]) -> Changes | None:
        """Return what is to be sent of a group; if nothing is, count what was read in vain."""
        found: list[Note] = []
        change = self._source.changes(snapshot.properties, found)
        if change.as_properties():
            return change  # `updates` counts
        notes += found
        return None

    def updates(self, it: MixpanelDecision, groups: Groups, notes: list[Note]) -> list[Event]:
        """Return the updates that were decided."""
        made: list[Event] = []
        for number in it.groups:
            made += self._updates(it, groups.snapshots[number], notes)
        return made

    def _updates(self, it: MixpanelDecision, snapshot: Snapshot, notes: list[Note]) -> list[Event]:
        change, found = self._source.changes(snapshot.properties, notes), set[str]()
        change.set = harmless(change.set, found, self._prefix)
        change.set_once = harmless(change.set_once, found, self._prefix)
        notes.extend(Note(name) for name in sorted(found))
        group_type, key = snapshot.group
        profile = group_profile(self._keys.key_of(group_type), fitted_id(key))
        # Two types may share a group key: neither takes the other's place.
        profile = profile._replace(order=f"group:{snapshot.name}")
        fact = Fact("group", snapshot.name, snapshot.digest, *it.since)
        is_deferred = not (snapshot.is_partial or change.unset)
        return updates(profile, change.as_properties(), it.at, fact if is_deferred else None)


class NamedKeys:
    """Names each group key once, when its first group is read: nobody can ask which there are.

    Args:
        warn: gets the sentence.
    """

    def __init__(self, warn: Warn | None) -> None:
        self._warn, self._named = warn, set[str]()

    def name(self, key: str) -> None:
        """Name a group key, unless it was named before."""
        if self._warn is None or key in self._named:
            return
        self._named.add(key)
        self._warn(
            f"Groups of `{key}` are sent: is that group key in the settings of the Mixpanel "
            "project (Settings > Project > Group Keys)? Events that arrive before it is there "
            "never count for a group."
        )
