"""People whom the user leaves out, whatever their records become elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from singer_delivery.model import Decision, Effects, Facts, Mapped, RecordMapping

EXCLUDED = "excluded_person"
"""The rule, as the run report counts it."""

_LEFT_OUT = Decision(skipped=EXCLUDED, sends=False)


class OfSomePeople:
    """A mapping that leaves the records of some people out, and passes the others on to another.

    Args:
        mapping: the other; it takes all records that are not left out.
    """

    decision_type: ClassVar[type[Decision]] = Decision  # another process has the mapping itself

    def __init__(self, mapping: RecordMapping) -> None:
        self._mapping = mapping
        self.observe, self.ids_of = mapping.observe, mapping.ids_of
        self.people_of, self._decide = mapping.people_of, mapping.decide

    def __reduce__(self) -> tuple[Any, tuple[RecordMapping]]:
        """Let another process map: nothing of those who are left out comes to it."""
        return _itself, (self._mapping,)

    def map(self, record: Mapping[str, Any], decision: Any) -> Mapped:
        """Return what a clean record becomes. Pure."""
        return self._mapping.map(record, decision)


class WithoutPeople(OfSomePeople):
    """A mapping whose records of some people are left out: events, profiles and links alike.

    A record is left out when any id of a person in it is one of theirs. Nothing of it is
    remembered. It is asked before anything else, so such a record is no dead letter either, unless
    it cannot be read at all.

    Args:
        mapping: of the other records.
        people: ids as the source has them, without blanks around them.
    """

    def __init__(self, mapping: RecordMapping, people: Collection[str]) -> None:
        super().__init__(mapping)
        self._people = frozenset(people)

    def decide(self, observation: Any, facts: Facts, effects: Effects) -> Any:
        """Return the decision of a record: see `RecordMapping`."""
        ids = self.ids_of(observation)
        if self._people.isdisjoint([str(each).strip() for each in ids if each is not None]):
            return self._decide(observation, facts, effects)
        return _LEFT_OUT


def _itself(mapping: RecordMapping) -> RecordMapping:
    return mapping
