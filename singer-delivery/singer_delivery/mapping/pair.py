"""A pair: the records of one source at one destination. The walk of a record, and who answers what.

    observe     the source reads what decisions need of a line
    decide      names, ids, time and link here; then the destination: people, groups, what is sent
    map         the destination makes events of the record and its decision

Which events travel is asked first: a record that the settings leave out sends no event, no update
of a group and nothing of its person, which the next one brings again. Its link is sent all the
same: the first record after a login is often the only chance to learn whose device it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.identity import Link, Who, Whose
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.source import Source
from singer_delivery.mapping.values import Moment, moment_text
from singer_delivery.model import EVENT, Decision, Effects, Facts, Mapped, Note, Unmappable

PERSON, GROUP = "person", "group"
"""Calls: what records are about that are no events."""


class PairDecision(Decision, array_like=True, gc=False):
    """What is decided of a record of a pair; destinations add what they decide.

    Attributes:
        sent_as: the name its event gets.
        call: "person" or "group" for a record that is no event but a call about one; else empty.
        user: id of the user, as the destination takes it: whom the record names, or whom the
            source's own id of the person names.
        device: id of the device, likewise.
        distinct_id: of the two, who did it; empty when nobody is known.
        own_device: the device, when it belongs to the record's user or is about to.
        at: when it happened, in microseconds since 1970 (UTC).
        time_column: the column that says so.
        link: device, user and time of a link that is sent beside the event.
        in_doubt: whether nobody is named, and the device has an owner.
        copy: how many equal records came before it, where records have no id of their own.
        links: device, user and time of links that are sent beside that one.
    """

    sent_as: str = ""
    call: str = ""
    user: str | None = None
    device: str | None = None
    distinct_id: str = ""
    own_device: str | None = None
    at: int = 0
    time_column: str = ""
    link: tuple[str, str, int] | None = None
    in_doubt: bool = False
    copy: int = 0
    links: tuple[tuple[str, str, int], ...] = ()


D = TypeVar("D", bound=PairDecision)


@dataclass(slots=True)
class Reading(Generic[D]):
    """A record on its way to events: what tables and conversions read.

    Attributes:
        record: the record, clean.
        name: of its event, as the source has it.
        decision: of it.
        event_properties: the event's own properties.
    """

    record: Mapping[str, Any]
    name: str
    decision: D
    event_properties: Mapping[str, Any]

    def moment(self) -> Moment:
        """Return when it happened."""
        it = self.decision
        return Moment(it.at, moment_text(self.record.get(it.time_column), it.at))


class Destination(Protocol[D]):
    """What a destination makes of records, whatever their source.

    Attributes:
        decision_type: the class of its decisions.
        links: whether devices are linked to users; if not, no device has an owner.
        devices_apart: whether it keeps devices apart from users, so that a device that has its
            user's very id belongs to it by a link only.
    """

    decision_type: type[D]
    links: bool
    devices_apart: bool

    def event_name(self, name: str, call: str) -> str:
        """Return the name that an event is sent under, empty for a call that sends no event.

        Raises:
            Unmappable: it takes no such name.
        """

    def who(self, seen: Observation, notes: list[Note]) -> Who:
        """Return the ids of a record.

        Raises:
            Unmappable: it takes no record without one.
        """

    def check_time(self, at: int) -> None:
        """Refuse a time, in microseconds since 1970, that it does not take.

        Raises:
            Unmappable: it does not.
        """

    def leave_out(self, it: D, due: Link | None, facts: Facts, effects: Effects) -> None:
        """Decide what is sent of a record that `it.skipped` leaves out: its link, if it is due.

        Whatever it adds to the effects counts.
        """

    def decide(
        self, it: D, seen: Observation, due: Link | None, facts: Facts, effects: Effects
    ) -> None:
        """Decide what is sent, in `it`: skipped, sends, merges, link and the destination's own."""

    def map(self, reading: Reading[D]) -> Mapped:
        """Return what a record becomes. Pure."""


class Named(NamedTuple):
    """What is decided of a record by its name alone, `refused` with reason and detail."""

    sent_as: str = ""
    call: str = ""
    skipped: str | None = None
    refused: tuple[str, str] | None = None


class Pair(Generic[D]):
    """A `RecordMapping` of one source's records at one destination.

    Facts, and who may rely on them:

    - `owner`, device -> user: a claim, on disk before anything is sent;
    - `user`, user -> the source's own id, and `source_id`, that id -> user: claims;
    - `link`, device -> user: the link was sent;
    - `person` and `group`: digest of the properties last sent, and the order key of their record.
      See the destination.

    Args:
        source: of the records.
        destination: of the events.
        choice: which events travel.
    """

    decision_type: ClassVar[type[Decision]]

    def __init__(self, source: Source, destination: Destination[D], choice: Choice) -> None:
        self.source, self.destination = source, destination
        self.observe, self.people_of = source.observe, source.people_of
        self._choice = choice
        self._named = lru_cache(1024)(self._look_at_name)
        self._new: Callable[..., D] = destination.decision_type
        self._who, self._check_time = destination.who, destination.check_time
        whose = Whose(source.name, links=destination.links, apart=destination.devices_apart)
        self._whose, self._rest = whose.of, destination.decide

    def ids_of(self, observation: Observation) -> tuple[str | int | None, ...]:
        """Return every id of a record's person, as the source has it."""
        return (observation.user, observation.device, observation.source_id)

    def decide(self, observation: Observation, facts: Facts, effects: Effects) -> D:
        """Return the decision of a record, and fill in its effects.

        Raises:
            Unmappable: it has no name, id or time that the destination takes.
        """
        named = self._named(observation.name)
        if named.refused is not None:
            raise Unmappable(*named.refused)
        if named.skipped is not None:
            return self._left_out(observation, named, facts, effects)
        it, due = self._placed(observation, named, facts, effects)
        self._rest(it, observation, due, facts, effects)
        return it

    def map(self, record: Mapping[str, Any], decision: D) -> Mapped:
        """Return what a clean record becomes. Pure."""
        source = self.source
        shaped = source.shaped(record)
        name, own = source.event_name(shaped), source.event_properties(shaped)
        mapped = self.destination.map(Reading(shaped, name, decision, own))
        for event in mapped.events:
            if event.kind == EVENT:
                event.source_name, event.source_hour = name, source.hour(record, shaped)
        return mapped

    def _look_at_name(self, name: str) -> Named:
        if not name.strip():
            detail = f"`{self.source.name_column}` is missing, empty or not text"
            return Named(refused=("no_event_name", detail))
        skipped = self._choice.leaves_out(name)
        if skipped is not None:
            return Named(skipped=skipped)
        call = self.source.calls.get(name, "")
        try:
            return Named(self.destination.event_name(name, call), call)
        except Unmappable as error:
            return Named(refused=(error.reason, error.detail))

    def _left_out(self, seen: Observation, named: Named, facts: Facts, effects: Effects) -> D:
        try:
            it, due = self._placed(seen, named, facts, effects)
        except Unmappable:  # it would not have travelled anyway
            effects.notes.clear()
            return self._new(skipped=named.skipped, sends=False)
        self.destination.leave_out(it, due, facts, effects)
        return it

    def _placed(
        self, seen: Observation, named: Named, facts: Facts, effects: Effects
    ) -> tuple[D, Link | None]:
        """Return the decision with the ids and the time of a record, and the link that is due."""
        who = self._who(seen, effects.notes)
        if seen.refused is not None:
            raise Unmappable(*seen.refused)
        if seen.notes:
            effects.notes += seen.notes
        self._check_time(seen.at)
        person, who, own_device, due, in_doubt = self._whose(who, seen, facts, effects)
        # By place: names would make it slower, and there is one for every record.
        it = self._new(
            person, named.skipped, True, None,  # noqa: FBT003
            named.sent_as, named.call, *who, own_device, seen.at, seen.time_column,
        )  # fmt: skip
        if in_doubt:
            it.in_doubt = True
        return it, due
