"""What will hold once the events that tell it are delivered. Pure."""

from __future__ import annotations

from collections.abc import Collection

from singer_delivery.model import Fact, Key


class InTheAir:
    """The facts of events that are not decided, in the order in which they were said."""

    def __init__(self) -> None:
        self._said: dict[Key, list[Fact]] = {}

    @property
    def keys(self) -> Collection[Key]:
        """What they are about."""
        return self._said.keys()

    def add(self, fact: Fact) -> None:
        """Take note that an event tells this."""
        self._said.setdefault(fact[:2], []).append(fact)

    def newest(self, key: Key) -> Fact | None:
        """Return what was said last of this."""
        said = self._said.get(key)
        return said[-1] if said else None

    def renew(self, fact: Fact) -> None:
        """Take note that what was said last of this holds at a later time too."""
        self._said[fact[:2]][-1] = fact

    def land(self, fact: Fact) -> Fact:
        """Return what a decided event told, at the time at which it was renewed last."""
        key = fact[:2]
        said = self._said.get(key, [])
        # Not always the first: a service may take the one, and ask for the other again.
        renewed = (each for each in said if each.value == fact.value and each.at >= fact.at)
        word = next(renewed, fact)
        if said == [word]:
            del self._said[key]
        elif word in said:
            said.remove(word)
        return word
