"""Updates of profiles, and what is sent of people: only what is newer than what was sent before.

A profile has no time: the last update to arrive wins (Mixpanel docs, User Profiles). So a snapshot
of a profile is deferred to the end of the run, when only the newest of each profile is sent. What
an Identify call changes is a part, to be laid over the snapshots before it: it cannot be deferred,
and must not overtake a snapshot of the same profile that still waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import newer
from singer_delivery.mapping.observation import State
from singer_delivery.mapping.pair import PairDecision, Source
from singer_delivery.mapping.records import put_aside
from singer_delivery.mapping.table import Row, build
from singer_delivery.mapping.values import digest
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_mixpanel.limits import fit_values
from target_mixpanel.mixpanel import ENGAGE, GROUPS, GUARDED_PROFILE_KEYS

_UNLOCATED = {"$ip": 0, "$ignore_time": True}
"""Neither to locate the machine that imports, nor to say that the person was seen just now."""


NOTHING, SUPERSEDED = "nothing to set", "superseded"
"""Why a record that is about a profile alone updates none."""


class MixpanelDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record; an update is sent only when it is newer.

    Attributes:
        sends_event: whether an event is sent.
        state: digest of the state of the person that is sent; empty when none is.
        first: digest of the first attribution that is sent; empty when none is.
        is_partial: whether the state is a part, to be laid over what was sent before.
        groups: which of the record's snapshots of groups are sent, by their number.
    """

    sends_event: bool = False
    state: str = ""
    first: str = ""
    is_partial: bool = False
    groups: tuple[int, ...] = ()


class Profile(NamedTuple):
    """A profile that is updated.

    Attributes:
        endpoint: that takes its updates.
        kind: for the report.
        order: that its updates keep.
        head: what names the profile in an update.
    """

    endpoint: str
    kind: Literal["person", "group"]
    order: str
    head: dict[str, Any]


def person_profile(user: str) -> Profile:
    """Return the profile of a user."""
    return Profile(ENGAGE, "person", user, {"$distinct_id": user, **_UNLOCATED})


def group_profile(key: str, group: str) -> Profile:
    """Return the profile of a group, by its group key and its id."""
    head = {"$group_key": key, "$group_id": group, **_UNLOCATED}
    return Profile(GROUPS, "group", f"group:{key}:{group}", head)


def updates(
    profile: Profile, operations: Mapping[str, Any], at: int | None, fact: Fact | None
) -> list[Event]:
    """Return the updates that make a change: one for each operation, as Mixpanel takes them.

    Deferred ones keep a place for each operation, so that none replaces another.

    Args:
        profile: which one.
        operations: what becomes of its properties: `$set`, `$set_once` and `$unset`.
        at: time of the source record, in microseconds since 1970.
        fact: defers the updates: only the newest of each is sent, at the end of the run, and the
            fact is forgotten if the last of them is refused. None for updates that go at once.
    """
    is_deferred = fact is not None
    events = [
        Event(
            profile.endpoint,
            profile.kind,
            operation,
            at,
            {**profile.head, operation: content},
            order=_place(profile.order, operation) if is_deferred else profile.order,
            deferred=is_deferred,
        )
        for operation, content in operations.items()
    ]
    if events and fact is not None:
        events[-1].facts = (fact,)
    return events


def _place(order: str, operation: str) -> str:
    return order if operation == "$set" else f"{order}\x1f{operation}"


def harmless(properties: dict[str, Any], found: set[str], prefix: str) -> dict[str, Any]:
    """Return the properties of a profile, none that Mixpanel acts on, all within its limits.

    Args:
        properties: of the profile.
        found: what happened to them is added.
        prefix: before the names of those that Mixpanel acts on.
    """
    if not GUARDED_PROFILE_KEYS.isdisjoint(properties):
        kept = {k: v for k, v in properties.items() if k not in GUARDED_PROFILE_KEYS}
        for key in [key for key in properties if key in GUARDED_PROFILE_KEYS]:
            put_aside(kept, key, properties[key], prefix)
        properties = kept
    found |= fit_values(properties, longest_list=None)
    return properties


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
    """

    def __init__(self, source: Source, table: PersonTable, prefix: str) -> None:
        self._source, self._table, self._prefix = source, table, prefix
        self._columns = table.columns

    def decide(self, it: MixpanelDecision, state: State, facts: Facts, effects: Effects) -> str:
        """Decide what is sent of the record's user; return why nothing is, or an empty text."""
        user = it.user
        if user is None:
            return "no user"
        if not state.digest:
            return NOTHING
        fact = newer(facts, "person", user, state.digest, it.at, effects.renewed)
        if fact is None:
            return SUPERSEDED
        notes: list[Note] = []
        change = self.changes(orjson.loads(state.json), notes)
        if state.is_partial and change.as_properties():
            it.state, it.is_partial = state.digest, True
            effects.facts.append(fact)
        elif change.as_properties():
            self._decide_snapshot(it, state, change, fact, facts, effects)
        if it.state or it.first:
            return ""  # `updates` counts the notes
        effects.notes += notes
        return NOTHING

    def _decide_snapshot(
        self,
        it: MixpanelDecision,
        state: State,
        change: Changes,
        fact: Fact,
        facts: Facts,
        effects: Effects,
    ) -> None:
        if change.set or self._of_record(dict(zip(self._columns, state.beside, strict=True))):
            it.state = state.digest
            effects.kept.append(fact)
        if change.set_once:
            value = digest(change.set_once)
            once = newer(facts, "initial", fact.name, value, it.at, effects.renewed)
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
        notes.extend(Note(name) for name in sorted(found))
        return result

    def updates(
        self, it: MixpanelDecision, record: Mapping[str, Any], notes: list[Note]
    ) -> list[Event]:
        """Return the updates that were decided."""
        if it.user is None or not (it.state or it.first):
            return []
        profile = person_profile(it.user)
        change = self.changes(self._source.person_properties(record), notes)
        if it.is_partial:
            rows = self._table.of_person
            change.unset += [r.to for r in rows if not {*r.columns}.isdisjoint(change.unset)]
            return updates(profile, change.as_properties(), it.at, None)
        made: list[Event] = []
        if it.state:
            content = {**self._of_record(record), **change.set}
            fact = Fact("person", it.user, it.state, it.at)
            made += updates(profile, {"$set": content}, it.at, fact)
        if it.first:
            fact = Fact("initial", it.user, it.first, it.at)
            made += updates(profile, {"$set_once": change.set_once}, it.at, fact)
        return made

    def _of_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        build(self._table.of_record, record, made)
        return made
