"""A pair of Mixpanel's rows at one destination. Pure.

It differs from other pairs in whose a row is, in rows that join ids, which are no events, and in
rows without an id of their own, which are numbered where they are decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.identity import Identity, Link, Who, id_of
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import Destination, Named, Pair, PairDecision
from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.model import Effects, Facts, Mapped, Note, Unmappable

from analytics_records.mixpanel.ids import without_prefix
from analytics_records.mixpanel.observation import Seen
from analytics_records.mixpanel.record import HOT_SHARD_COUNT
from analytics_records.mixpanel.row import uuid_of_content
from analytics_records.mixpanel.source import COLUMNS, COPY, Mixpanel
from analytics_records.mixpanel.whose import Persons, Whom

D = TypeVar("D", bound=PairDecision)

Number = Callable[[str], int]
"""Returns how often a thing came before in the run, and counts it."""

VERB_ROW = "identity_verb"
"""Why a row that joins ids sends no event."""

COUNT_ROW = "hotshard_record"
"""Why a row that counts the events of a hot shard sends none."""

UNKNOWN = "unknown_column"
"""Counted for each column beside those of the tap."""

WITHOUT_ID = "without_insert_id"
"""Counted for a row that nothing but its content tells from others."""


class MixpanelPair(Pair[D]):
    """A `RecordMapping` of Mixpanel's rows at one destination.

    Facts beside those of `Pair`: see `whose.Persons`.

    Args:
        source: of the rows.
        destination: of the events.
        choice: which events travel.
        persons: decides whose rows are.
        number: numbers equal rows, where rows are decided.
    """

    def __init__(
        self,
        source: Mixpanel,
        destination: Destination[D],
        choice: Choice,
        persons: Persons,
        number: Number | None = None,
    ) -> None:
        super().__init__(source, destination, choice)
        self._persons, self._number = persons, number

    def ids_of(self, observation: Observation) -> tuple[str | int | None, ...]:
        """Return every id of a row's people, with and without the prefix of devices."""
        seen = observation
        assert isinstance(seen, Seen), "as the source makes them"
        found = (seen.user, seen.device, seen.distinct, seen.before, *seen.joins)
        return (*found, *map(without_prefix, found))

    def decide(self, observation: Observation, facts: Facts, effects: Effects) -> D:
        """Return the decision of a row, and fill in its effects.

        Raises:
            Unmappable: it has no name, id or time that the destination takes.
        """
        assert isinstance(observation, Seen), "as the source makes them"
        if observation.name == HOT_SHARD_COUNT:
            return self._new(skipped=COUNT_ROW, sends=False)
        if observation.is_verb:
            return self._decide_verb(observation, facts, effects)
        if not observation.content:  # nearly always
            return super().decide(observation, facts, effects)
        copy = 0 if self._number is None else self._number(observation.content)
        if copy:
            observation.uuid = uuid_of_content(observation.content, copy)
            observation.event_ids = (observation.uuid,)
        it = super().decide(observation, facts, effects)
        it.copy = copy
        if it.skipped is None:
            effects.notes.append(Note(WITHOUT_ID))
        return it

    def map(self, record: Mapping[str, Any], decision: D) -> Mapped:
        """Return what a clean record becomes. Pure."""
        numbered = {**record, COPY: decision.copy} if decision.copy else record
        mapped = super().map(numbered, decision)
        if record.keys() <= COLUMNS:  # nearly always
            return mapped
        unknown = (name for name in record if name not in COLUMNS and not is_bookkeeping(name))
        return Mapped(mapped.events, [*mapped.notes, *(Note(UNKNOWN, name) for name in unknown)])

    def identity(self, whom: Whom, seen: Seen, facts: Facts, effects: Effects) -> Identity:
        """Return by which ids the destination gets a row.

        Args:
            whom: whose it is.
            seen: the row.
            facts: of the past.
            effects: gets claims and notes.

        Raises:
            Unmappable: it takes no row of nobody.
        """
        if not seen.is_verb:
            who = Who(whom.user, whom.device, whom.ingested)
            return self._whose(who, seen, facts, effects)
        user = None if whom.user is None else goes_by(whom.user, facts)
        return Identity(user or "", Who(user, None, user or ""), None, None, in_doubt=False)

    def decide_links(self, it: D, whom: Whom, seen: Seen, facts: Facts, effects: Effects) -> None:
        """Decide which links a row sends beside the one between its device and its user."""

    def _decide_verb(self, seen: Seen, facts: Facts, effects: Effects) -> D:
        """Return the decision of a row that joins ids: it sends links at most."""
        named = Named(skipped=VERB_ROW)
        it, due = self._placed(seen, named, facts, effects)
        self.destination.leave_out(it, due, facts, effects)
        return it

    def _placed(
        self, seen: Observation, named: Named, facts: Facts, effects: Effects
    ) -> tuple[D, Link | None]:
        assert isinstance(seen, Seen), "as the source makes them"
        whom = self._persons.of(seen, facts, effects)
        if seen.refused is not None:
            raise Unmappable(*seen.refused)
        if seen.notes:
            effects.notes += seen.notes
        self._check_time(seen.at)
        person, who, own_device, due, in_doubt = self.identity(whom, seen, facts, effects)
        # By place: names would make it slower, and there is one for every record.
        it = self._new(
            person, named.skipped, True, None,  # noqa: FBT003
            named.sent_as, named.call, *who, own_device, seen.at, seen.time_column,
        )  # fmt: skip
        if in_doubt:
            it.in_doubt = True
        self.decide_links(it, whom, seen, facts, effects)
        return it, due


def goes_by(user: str, facts: Facts) -> str:
    """Return the id that a user goes by: see `identity.Whose`."""
    known = facts.recall("user", user)
    return user if known is None else id_of(known)
