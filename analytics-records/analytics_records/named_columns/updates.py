"""People and groups as the records of a stream describe them: what is new, and whose device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from singer_delivery.mapping.newer import is_newer
from singer_delivery.mapping.observation import NO_GROUPS, Observation
from singer_delivery.mapping.observation import NOTHING as NOTHING_SAID
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.values import Moment, clean_id, digest
from singer_delivery.model import Decision, Effects, Fact, Facts

from analytics_records.named_columns.description import PERSON
from analytics_records.named_columns.rows import Record, Rows
from analytics_records.person import person_of

NOTHING = "nothing to set"
NO_USER = "no user"
"""Why a record sends no update."""


class Update:
    """What one record says of a person or a group.

    Attributes:
        id: of the person, or key of the group.
        when: it was so; None where the stream has no times.
        content: the properties.
    """

    def __init__(self, rows: Rows, record: Record) -> None:
        self._rows = rows
        self.id = rows.id(record)
        self.when = rows.time(record)
        self.content = rows.properties(record)

    @property
    def fact(self) -> Fact:
        """The fact that this was sent. Each stream has facts of its own."""
        rows = self._rows
        about = (self.id,) if rows.description.form == PERSON else (rows.description.name, self.id)
        name = "\x1f".join((rows.stream, *about))
        at = 0 if self.when is None else self.when.at
        return Fact(rows.description.form, name, digest(self.content), at)

    def skipped(self, facts: Facts, renewed: list[Fact]) -> str | None:
        """Return why the record updates nothing, None when it is newer."""
        if not self.content:
            return NOTHING
        return not_newer(facts, self.fact, self.when, renewed)


class UpdateRows(ABC):
    """Decides what is sent of a stream's records about people or groups; a target maps them.

    Args:
        rows: reads them.
        args: that make the same in another process.
    """

    decision_type: ClassVar[type[Decision]] = PairDecision

    def __init__(self, rows: Rows, args: tuple[Any, ...]) -> None:
        self._rows, self._args = rows, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Let another process make the same."""
        return type(self), self._args

    def observe(self, line: bytes, *, is_message: bool) -> Record:
        """Return the record: see `Rows.read`."""
        return self._rows.read(line, is_message=is_message)

    def ids_of(self, observation: Record) -> tuple[str | None, ...]:
        """Return the ids of the person and of the device beside it; none of a group.

        Raises:
            Unmappable: one is a number whose digits are lost.
        """
        it = self._rows.description
        if it.form != PERSON:
            return ()
        return (clean_id(observation.get(it.id)), device_of(self._rows, observation))

    def people_of(self, observation: Record) -> tuple[str, ...] | None:
        """Return the person, else the device beside it; None for a group.

        Raises:
            Unmappable: one is a number whose digits are lost.
        """
        it = self._rows.description
        if it.form != PERSON:
            return None
        return person_of(observation.get(it.id), device_of(self._rows, observation))

    def decide(self, observation: Record, facts: Facts, effects: Effects) -> PairDecision:
        """Return the decision of a record, and fill in its effects.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        update = update_of(self._rows, observation)
        if update is None:
            return PairDecision(skipped=NO_USER, sends=False)
        return self.decide_update(observation, update, facts, effects)

    @abstractmethod
    def decide_update(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        """Return the decision of a record that says something of somebody."""


def update_of(rows: Rows, record: Record) -> Update | None:
    """Return what a record says; None for a person who is known by a device alone.

    Raises:
        Unmappable: it says of nobody, has no time, or nests too deep.
    """
    it = rows.description
    if rows.id_in(record.get(it.id)) is None and rows.id_in(device_of(rows, record)) is not None:
        return None
    return Update(rows, record)


def device_of(rows: Rows, record: Record) -> str | None:
    """Return the id of the device beside a person, as it stands there; None for none."""
    column = rows.description.device
    return None if column is None else clean_id(record.get(column))


def seen_with(user: str, device: str | None, at: int) -> Observation:
    """Return the observation of a record that says of whom it is, and nothing more."""
    return Observation("", user, device, None, at, "", NOTHING_SAID, NO_GROUPS, received=at)


def not_newer(facts: Facts, fact: Fact, when: Moment | None, renewed: list[Fact]) -> str | None:
    """Return why a row is not sent, "unchanged" or "superseded"; None when it is newer.

    Args:
        facts: of the past.
        fact: that the row was sent.
        when: its time; without one all other content is newer.
        renewed: gets the fact when it says again what was sent.
    """
    last = facts.recall(fact.kind, fact.name)
    is_same = last is not None and last.value == fact.value
    if when is None:
        return "unchanged" if is_same else None
    if is_newer(last, fact, renewed):
        return None
    return "unchanged" if is_same else "superseded"
