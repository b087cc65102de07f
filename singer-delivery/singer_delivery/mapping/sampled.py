"""A sample of people: each is taken with all of their records, or with none. Pure."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

from singer_delivery.mapping.excluded import OfSomePeople
from singer_delivery.model import Decision, Effects, Fact, Facts, RecordMapping

NOT_SAMPLED = "not_sampled"
"""The rule, as the run report counts it."""

PEOPLE = 65_536
"""Ids whose place is remembered, since people come with many records: about 10 MB."""

SAMPLED_AS = "sampled_as"

_LEFT_OUT = Decision(skipped=NOT_SAMPLED, sends=False)
_ALL = 2**64


def is_sampled(person: str, share: float) -> bool:
    """Tell whether a person belongs to a sample: the same in every run, at every destination.

    Whoever is in a sample is in every larger one, too.

    Args:
        person: the id by which the source knows the person, without blanks around it.
        share: of all people, from 0 to 1.
    """
    digest = blake2b(person.encode(errors="replace"), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < share * _ALL


class Sampled(OfSomePeople):
    """A mapping of the records of some people alone: their events, profiles and links.

    A record that is about no people, such as a group's, is taken. One that names nobody is not.
    What is left out is no dead letter either, unless it cannot be read at all; nothing of it is
    remembered, but which ids a source joins.

    Fact: `sampled_as`, id -> another id of the same person, where a record joined them. It is a
    claim: a person keeps their place in the sample, whatever becomes of that record.

    Args:
        mapping: of the records that are taken.
        share: of all people, between 0 and 1.
    """

    def __init__(self, mapping: RecordMapping, share: float) -> None:
        super().__init__(mapping)
        self._is_sampled = lru_cache(PEOPLE)(lambda person: is_sampled(person, share))

    def decide(self, observation: Any, facts: Facts, effects: Effects) -> Any:
        """Return the decision of a record: see `RecordMapping`."""
        people = self.people_of(observation)
        if people is None:
            return self._decide(observation, facts, effects)
        roots = list(dict.fromkeys(_root(person, facts) for person in people))
        effects.claims += [Fact(SAMPLED_AS, other, roots[0], 1) for other in roots[1:]]
        if roots and self._is_sampled(roots[0]):
            return self._decide(observation, facts, effects)
        return _LEFT_OUT


def _root(person: str, facts: Facts) -> str:
    """Return the id by which a person is sampled whose ids were joined."""
    known = facts.recall(SAMPLED_AS, person)
    while known is not None:
        person = known.value
        known = facts.recall(SAMPLED_AS, person)
    return person
