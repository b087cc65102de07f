"""What is sent of people: a copy on each event, and their newest state when all events are there.

With `$skip_user_properties_sync` an event neither reads nor writes what Amplitude knows of its
person, so history carries its own properties, and the state of now is one `$identify` at the end of
the run (docs, "Backfill data"). It shows with the person's next event. Knows no source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson
from singer_delivery.mapping import devices
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PERSON, PairDecision
from singer_delivery.mapping.property_names import PropertyNames
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import CREATION, DEVICE, Delivery, Effects, Event, Fact, Facts, Note

from target_amplitude import closing, limits
from target_amplitude.amplitude import (
    BATCH,
    EARLIEST,
    IDENTIFY,
    MAX_LIST,
    MAX_TEXT_CHARACTERS,
    MOST_USER_PROPERTIES,
    device_key,
    ids_of,
    make_event,
    user_key,
)
from target_amplitude.catalogue import PROPERTIES
from target_amplitude.limits import IN_OPERATION
from target_amplitude.settings import MappingSettings, UserProperties

NOTHING, SUPERSEDED = "nothing to set", "superseded"
"""Why a record that is about a person or a group alone updates none."""

NO_DATE = Note("no_creation_date")


class AmplitudeDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record.

    Attributes:
        sends_event: whether an event is sent.
        insert_id: of the event, where it is not the record's own.
        event_id: by which the list of deliveries knows the event, whenever it is read.
        dedup_key: by which Amplitude knows it for seven days, where that is another one.
        inherited: operations, as JSON, by which the user gets what is known of the device that is
            theirs from now on; empty for none.
        whose: the person whose state is sent, as the source names them; empty for nobody.
        profile: what is copied on the event of its person, as JSON; empty for nothing.
        state: digest of the state of the person that is sent; empty when none is.
        since: the order key of what is sent of the person, or of groups.
        cleared: names of properties that are taken away because all are.
        groups: which of the record's snapshots of groups are sent, by their number.
        groups_at_once: which of them are sent before the event; the others when the run ends.
        created: the time of the person's creation event, in microseconds; 0 for no event.
        creation: the value of the fact that it was sent.
    """

    sends_event: bool = False
    insert_id: str = ""
    event_id: str = ""
    dedup_key: str = ""
    inherited: str = ""
    whose: str = ""
    profile: str = ""
    state: str = ""
    since: tuple[int, str] = (0, "")
    cleared: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    groups_at_once: tuple[int, ...] = ()
    created: int = 0
    creation: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The user and the device, for Amplitude's limits of one id."""
        return _ids(self.user, self.device)

    @property
    def delivery(self) -> Delivery | None:
        """How the list of deliveries knows the event."""
        if not self.event_id:
            return None
        copy = f"#{self.copy}" if self.copy else ""
        return Delivery.of(f"{self.event_id}{copy}", self.at)

    @property
    def also_known(self) -> Delivery | None:
        """How the list knows the key of Amplitude's own deduplication."""
        return Delivery.of(self.dedup_key, self.at) if self.dedup_key else None


@lru_cache(8192)
def _ids(user: str | None, device: str | None) -> tuple[str, ...]:
    """Return what is asked for every event of a request."""
    ids = () if user is None else (user_key(user),)
    return ids if device is None else (*ids, device_key(device))


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
    body = closing.waiting(closing.PERSON, whose, state, once, beside)
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


def creation_event(user: str, name: str, at: int, fact: Fact) -> Event:
    """Return the event that says since when there is a user; it leaves last of all.

    Neither skipped nor with properties: it makes visible what the `$identify` before it says.

    Args:
        user: who was created.
        name: of the event.
        at: when, in microseconds.
        fact: that it was sent.
    """
    made = make_event(CREATION, name, at, stable_uuid("created", user), ids_of(user, None))
    made.order, made.deferred, made.facts = f"created\x1f{user}", True, (fact,)
    return made


class Created:
    """Decides when a user was created: once for each, by an event dated as early as is known.

    Amplitude dates a person new by the earliest event. The fact `created`, user -> run and time of
    the creation as the source has it, says that the event was decided; while that run lasts an
    earlier event of the user may still move it.

    Args:
        settings: of the target.
        default: name of the event where the settings have none.
    """

    def __init__(self, settings: MappingSettings, default: str = "") -> None:
        chosen = settings.user_created_event
        self.name = default if chosen is None else chosen.strip()
        self._run = f"{settings.now:x}"

    def decide(
        self,
        it: AmplitudeDecision,
        user: str | None,
        created: int | None,
        at: int | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide whether a record sends the creation event of its user.

        Args:
            it: gets the time, and the value of the fact.
            user: of the record.
            created: when the source says that the user was created, in microseconds; None for
                nothing.
            at: when the event of the record happened, likewise.
            facts: of the past.
            effects: gets the fact and what is counted.
        """
        if not self.name or user is None:
            return
        last = facts.recall("created", user)
        run, known = ("", None) if last is None else _read(last)
        if last is not None and (run != self._run or (at is not None and at >= last.at)):
            return
        said = created if created is not None else known
        first = min(
            [time for time in (at, None if last is None else last.at) if time], default=None
        )
        when = _earliest(said, first)
        if when is None:
            effects.notes.append(NO_DATE)
        elif last is None or when < last.at:
            it.created = when
            it.creation = f"{self._run}:{'' if said is None else said}"
            effects.kept.append(self.fact(it, user))

    def fact(self, it: AmplitudeDecision, user: str) -> Fact:
        """Return the fact that the creation event was sent."""
        return Fact("created", user, it.creation, it.created)

    def events(self, it: AmplitudeDecision, user: str) -> list[Event]:
        """Return the event that was decided."""
        if not it.created:
            return []
        return [creation_event(user, self.name, it.created, self.fact(it, user))]


def _read(fact: Fact) -> tuple[str, int | None]:
    run, _, said = fact.value.partition(":")
    return run, int(said) if said else None


def _earliest(said: int | None, first: int | None) -> int | None:
    if said is not None and said >= EARLIEST and (first is None or said <= first):
        return said
    return first


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
        self._mode, self._changes = settings.user_properties, changes
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
        fact = self._fact(it, whose, seen, facts, effects)
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
        self._names.remember(seen.person.names, seen, facts, effects)
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

    def _fact(
        self,
        it: AmplitudeDecision,
        whose: str,
        seen: Observation,
        facts: Facts,
        effects: Effects,
    ) -> Fact | None:
        """Return the fact to remember if what is said of the person is newer, else None.

        It lies over what the user inherits with this record, also where it was sent before.
        """
        digest = seen.person.digest
        if not it.inherited:
            return self._newer.fact(facts, "person", whose, digest, seen, effects.renewed)
        is_old = self._newer.is_backfilled(seen) or seen.since < it.since
        return None if is_old else Fact("person", whose, digest, *seen.since)

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
