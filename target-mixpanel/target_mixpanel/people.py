"""What is sent of people: only what is newer than what was sent before.

A profile has no time: the last update to arrive wins (Mixpanel docs, User Profiles). So a snapshot
of a profile is deferred to the end of the run, when all of each profile are sent as one. What takes
properties away, or comes from an Identify call, changes what the snapshots before it left: it
cannot be deferred, and must not overtake a snapshot of the same profile that still waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from singer_delivery.mapping import devices
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PERSON, PairDecision
from singer_delivery.mapping.property_names import PropertyNames
from singer_delivery.mapping.source import Source
from singer_delivery.mapping.table import Row, build
from singer_delivery.mapping.values import digest
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_mixpanel.profiles import Profile, harmless, person_profile, updates

NOTHING, SUPERSEDED = "nothing to set", "superseded"
"""Why a record that is about a profile alone updates none."""


class MixpanelDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record; an update is sent only when it is newer.

    Attributes:
        sends_event: whether an event is sent.
        state: digest of the state of the person that is sent; empty when none is.
        first: digest of the first attribution that is sent; empty when none is.
        since: the order key of both, or of what is inherited.
        at_once: whether the state is sent at once, as a change of what was sent before.
        cleared: names of properties that are taken away because all are.
        inherited: operations, as JSON, by which the user gets what is known of the device that is
            linked; empty for none.
        groups: which of the record's snapshots of groups are sent, by their number.
    """

    sends_event: bool = False
    state: str = ""
    first: str = ""
    since: tuple[int, str] = (0, "")
    at_once: bool = False
    cleared: tuple[str, ...] = ()
    inherited: str = ""
    groups: tuple[int, ...] = ()


class PersonTable(NamedTuple):
    """Which of a source's properties of people Mixpanel knows by a name of its own.

    Attributes:
        of_person: rows that read properties of the person; the originals stay as well.
        of_record: rows that read columns of the record.
        renamed: first attribution that Mixpanel has by another name; all other keeps its own.
    """

    of_person: tuple[Row, ...]
    of_record: tuple[Row, ...]
    renamed: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the record that say something of the person."""
        return tuple(column for row in self.of_record for column in row.columns)

    def known_as(self, names: Sequence[str]) -> list[str]:
        """Return names of properties, and after them the names that Mixpanel has for them."""
        own = [row.to for row in self.of_person if not {*names}.isdisjoint(row.columns)]
        return [*names, *own]


class People:
    """Decides which updates of profiles a record sends, and makes them.

    A record without a user sends none, even where its device belongs to somebody: what it knows of
    the person may be what was known before the login, and as the newest snapshot of the run it
    would stand in the place of a complete one. Nor would Mixpanel carry the profile of a device
    over to its user (Mixpanel docs, Identifying users, Simplified ID Merge).

    Args:
        source: of the records.
        table: of the properties of people.
        prefix: before names that Mixpanel would act on.
        backfill_days: see the setting.
    """

    def __init__(self, source: Source, table: PersonTable, prefix: str, backfill_days: int) -> None:
        self._source, self._table, self._prefix = source, table, prefix
        self._columns = table.columns
        self._newer, self._names = Newer(backfill_days), PropertyNames()

    def decide(
        self, it: MixpanelDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> str:
        """Decide what is sent of the record's user; return why nothing is, or an empty text."""
        user, state = it.user, seen.person
        if user is None:
            self._remember_device(it, seen, facts, effects)
            return "no user"
        if not state.digest:
            return NOTHING
        since = it.since if it.inherited else None
        fact = devices.person_fact(self._newer, user, seen, since, facts, effects)
        if fact is None:
            return SUPERSEDED
        notes: list[Note] = []
        change = self.changes(orjson.loads(state.json), notes)
        it.since = fact.since
        if state.is_partial or state.unsets:
            self._decide_change(it, seen, change, fact, facts, effects)
        elif change.as_properties():
            self._decide_snapshot(it, seen, change, fact, facts, effects)
        if it.state or it.first:
            self._names.remember(state.names, seen, facts, effects)
            return ""  # `updates` counts the notes
        effects.notes += notes
        return NOTHING

    def _remember_device(
        self, it: MixpanelDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> None:
        device, state = it.device, seen.person
        if device is None or it.in_doubt or not state.digest:
            return
        if devices.says_more(self._newer, device, seen, facts):
            change = self.changes(orjson.loads(state.json), [])
            if not state.is_partial:
                change.set = {**self._beside(seen), **change.set}
            devices.remember(self._newer, device, seen, change, facts, effects)

    def _decide_change(
        self,
        it: MixpanelDecision,
        seen: Observation,
        change: Changes,
        fact: Fact,
        facts: Facts,
        effects: Effects,
    ) -> None:
        if change.clear:
            it.cleared = self._names.all(facts)
        if it.cleared or change.as_properties():
            it.state, it.at_once = seen.person.digest, True
            effects.facts.append(fact)

    def _decide_snapshot(
        self,
        it: MixpanelDecision,
        seen: Observation,
        change: Changes,
        fact: Fact,
        facts: Facts,
        effects: Effects,
    ) -> None:
        if change.set or self._beside(seen):
            it.state = fact.value
            effects.kept.append(fact)
        if change.set_once:
            value = digest(change.set_once)
            once = self._newer.fact(facts, "initial", fact.name, value, seen, effects.renewed)
            if once is not None:
                it.first = value
                effects.kept.append(once)

    def changes(self, properties: Mapping[str, Any], notes: list[Note]) -> Changes:
        """Set, set once (attribution) or unset on the person, when newer than the last."""
        result = self._source.changes(properties, notes)
        first, renamed = self._source.first_attribution, self._table.renamed
        for old in (result.set, result.set_once):
            for key in [key for key in old if key in first]:
                result.set_once[renamed.get(key, key)] = old.pop(key)
        known: dict[str, Any] = {}
        build(self._table.of_person, result.set, known)
        found: set[str] = set()
        result.set = harmless({**known, **result.set}, found, self._prefix)
        result.set_once = harmless(result.set_once, found, self._prefix)
        result.unset = self._table.known_as(result.unset)
        notes.extend(Note(name) for name in sorted(found))
        return result

    def updates(
        self, it: MixpanelDecision, record: Mapping[str, Any], notes: list[Note]
    ) -> list[Event]:
        """Return the updates that were decided."""
        if it.user is None or not (it.state or it.first or it.inherited):
            return []
        profile = person_profile(it.user)
        inherited = orjson.loads(it.inherited or b"{}")
        made = updates(profile, inherited, it.at, None)
        if not (it.state or it.first):
            return made
        change = self.changes(self._source.person_properties(record), notes)
        if it.at_once:
            return made + self._at_once(it, profile, change, record)
        if it.state:
            content = {**self._of_record(record), **change.set}
            fact = Fact("person", it.user, it.state, *it.since)
            made += updates(profile, {"$set": content}, it.at, fact)
        if it.first:
            fact = Fact("initial", it.user, it.first, *it.since)
            made += updates(profile, {"$set_once": change.set_once}, it.at, fact)
        return made

    def _at_once(
        self, it: MixpanelDecision, profile: Profile, change: Changes, record: Mapping[str, Any]
    ) -> list[Event]:
        """Return the updates that change what was sent before, what is taken away first."""
        unset = dict.fromkeys((*self._table.known_as(it.cleared), *change.unset))
        if it.call != PERSON:
            change.set = {**self._of_record(record), **change.set}
        taken = [name for name in unset if name not in change.set and name not in change.set_once]
        operations = {"$unset": taken} if taken else {}
        change.unset = []
        return updates(profile, {**operations, **change.as_properties()}, it.at, None)

    def _beside(self, seen: Observation) -> dict[str, Any]:
        """Return what the record says of its person beside the properties."""
        return self._of_record(dict(zip(self._columns, seen.person.beside, strict=True)))

    def _of_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        build(self._table.of_record, record, made)
        return made
