"""What is sent of people: a copy on each event, and their newest state when all events are there.

With `$skip_user_properties_sync` an event neither reads nor writes what Amplitude knows of its
person, so history carries its own properties, and the state of now is one `$identify` at the end of
the run (docs, "Backfill data"). It shows with the person's next event. Knows no source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from singer_delivery.mapping import devices
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.choice import without
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PERSON
from singer_delivery.mapping.property_names import PropertyNames
from singer_delivery.model import DEVICE, Effects, Event, Fact, Facts, Note

from target_amplitude import closing, limits
from target_amplitude.amplitude import (
    BATCH,
    IDENTIFY,
    MOST_USER_PROPERTIES,
    ids_of,
)
from target_amplitude.catalogue import PROPERTIES
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.limits import IN_OPERATION
from target_amplitude.settings import MappingSettings, UserProperties

NOTHING, SUPERSEDED = "nothing to set", "superseded"
"""Why a record that is about a person or a group alone updates none."""


def closing_event(
    user: str | None,
    device: str | None,
    change: Changes,
    mode: UserProperties,
    *,
    at: int | None,
    fact: Fact | None,
    beside: Mapping[str, Any] | None = None,
) -> Event:
    """Return the `$identify` that says what is true of a person now, for the end of the run.

    Args:
        user: whose state it is.
        device: the same, where nobody is known: it is sent unless the device has an owner by then.
            Never beside a user, since an event of both would hand the device to the user.
        change: what is set, set once and taken away.
        mode: whether it wins over what Amplitude has.
        at: time of the source record, in microseconds.
        fact: that it was sent; forgotten if it is refused. None for no such fact.
        beside: other keys of the event, such as a location or groups.
    """
    state = {**dict.fromkeys(change.unset), **change.set}
    once = dict(change.set_once)
    if mode == "set_once":
        state, once = {}, {**change.set, **once}
    for part in (state, once):
        limits.fit(part, set(), flattens=False, level=IN_OPERATION)
    whose = ids_of(user, device if user is None else None)
    body = closing.waiting(closing.PERSON, whose, state, once, at, beside)
    kind, order = (DEVICE, device) if user is None else ("person", f"user\x1f{user}")
    facts = () if fact is None else (fact,)
    return Event(BATCH, kind, IDENTIFY, at, body, order, deferred=True, facts=facts)


def identify_event(
    user: str | None,
    device: str | None,
    change: Changes,
    mode: UserProperties,
    at: int | None,
    beside: Mapping[str, Any] | None = None,
) -> Event:
    """Return the same for now, where events read what Amplitude knows of their person."""
    waits = closing_event(user, device, change, mode, at=at, fact=None, beside=beside)
    body = closing.event_of(waits.body)
    return Event(BATCH, "person", IDENTIFY, at, body)


class People:
    """Decides which records say what is newer of their person, and makes the update.

    Args:
        settings: of the target.
        changes: what properties of a person change, as the source says it.
        person_properties: what a record says of its person.
    """

    def __init__(
        self,
        settings: MappingSettings,
        changes: Callable[[Mapping[str, Any], list[Note]], Changes],
        person_properties: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        self._mode, self._all_changes = settings.user_properties, changes
        self._leaves_out = settings.leaves_out_property() if settings.exclude_properties else None
        self._is_deferred = settings.skip_user_properties_sync
        self._person_properties = person_properties
        self._newer, self._names = Newer(settings.backfill_days), PropertyNames()

    def decide(
        self,
        it: AmplitudeDecision,
        whose: str | None,
        seen: Observation,
        facts: Facts,
        effects: Effects,
    ) -> str:
        """Decide whether the state of a person is sent; return why not, or an empty text."""
        if it.call not in ("", PERSON):
            return ""
        state = seen.person
        if self._mode == "none":
            return "user_properties: none"
        if whose is None:
            self._decide_device(it, seen, facts, effects)
            return "no user"
        if not state.digest:
            return NOTHING
        since = it.since if it.inherited else None
        fact = devices.person_fact(self._newer, whose, seen, since, facts, effects)
        if fact is None:
            return SUPERSEDED
        if state.clears:
            it.cleared = self._names.all(facts)
        change = self._changes(orjson.loads(state.json), effects.notes)
        says_something = change.set or change.set_once or change.unset or it.cleared
        return self._send(it, whose, fact, seen, facts, effects) if says_something else NOTHING

    def _send(
        self,
        it: AmplitudeDecision,
        whose: str,
        fact: Fact,
        seen: Observation,
        facts: Facts,
        effects: Effects,
    ) -> str:
        it.whose, it.state, it.since = whose, fact.value, fact.since
        known = len(effects.claims)
        names = seen.person.names
        if self._leaves_out is not None:
            names = tuple(name for name in names if not self._leaves_out(name))
        self._names.remember(names, seen, facts, effects)
        if len(effects.claims) > known and len(self._names.all(facts)) >= MOST_USER_PROPERTIES:
            effects.notes.append(Note(PROPERTIES))
        (effects.kept if self._is_deferred else effects.facts).append(fact)
        return ""

    def inherit(
        self, it: AmplitudeDecision, device: str, user: str, facts: Facts, effects: Effects
    ) -> None:
        """Let the first user of a device have what is known of it."""
        if self._mode == "none":
            return
        found = devices.hand_over(device, user, facts, effects)
        if found is not None:
            it.inherited, it.since, it.whose = found.operations, found.since, user

    def _decide_device(
        self, it: AmplitudeDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> None:
        """Remember what a record says of a device that is nobody's, and send it for now."""
        device, state = it.device, seen.person
        if device is None or not state.digest or facts.recall("owner", device) is not None:
            return
        if devices.says_more(self._newer, device, seen, facts):
            change = self._changes(orjson.loads(state.json), [])
            devices.remember(self._newer, device, seen, change, facts, effects)
            if change.set or change.set_once or change.unset:
                it.state = state.digest

    def _changes(self, properties: Mapping[str, Any], notes: list[Note]) -> Changes:
        """Return what becomes of a person's properties, but for those that the user leaves out."""
        change = self._all_changes(properties, notes)
        if self._leaves_out is not None:
            change.set = without(change.set, self._leaves_out)
            change.set_once = without(change.set_once, self._leaves_out)
        return change

    def updates(self, it: AmplitudeDecision, record: Mapping[str, Any]) -> list[Event]:
        """Return the update that was decided."""
        if not (it.state or it.inherited):
            return []
        whose, own = it.whose or None, Changes()
        if it.state:
            own = self._changes(self._person_properties(record), [])
        theirs = orjson.loads(it.inherited or b"{}")
        change = Changes(
            {**theirs.get("$set", {}), **own.set},
            {**theirs.get("$set_once", {}), **own.set_once},
            [*dict.fromkeys((*it.cleared, *own.unset))],
        )
        if whose is None:
            return [closing_event(None, it.device, change, self._mode, at=it.at, fact=None)]
        if not self._is_deferred:
            return [identify_event(whose, None, change, self._mode, it.at)]
        fact = Fact("person", whose, it.state, *it.since) if it.state else None
        return [closing_event(whose, None, change, self._mode, at=it.at, fact=fact)]
