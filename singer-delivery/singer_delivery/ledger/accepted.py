"""Events that a destination accepted, as the books and the list of deliveries take them. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from typing import NamedTuple

from singer_delivery.model import EVENTS_A_RECORD


class AcceptedEvent(NamedTuple):
    """One event.

    Attributes:
        day, key: see `Delivery`.
        hour: of the source that it came in, since 1970-01-01 UTC; 0 where nobody knows.
        name: that it was sent under; empty for a second key of an event that has one already: it
            is listed, and counted nowhere.
        source_name: its name in the source.
    """

    day: int
    key: int
    hour: int = 0
    name: str = ""
    source_name: str = ""


class Like(NamedTuple):
    """What events have in common.

    Attributes:
        day, hour, name, source_name: see `AcceptedEvent`.
        of_record: whether an event is left out when any event of its record is not delivered: what
            is listed is not sent again there, so the record must be read again for the others.
    """

    day: int
    hour: int = 0
    name: str = ""
    source_name: str = ""
    of_record: bool = False


class Accepted(NamedTuple):
    """Events of a block: few objects, since they travel between processes.

    Attributes:
        groups: of events that are alike, with their number.
        keys: of all events, group after group.
        places: where each comes from, see `pieces.place_of`; in the same order.
    """

    groups: list[tuple[Like, int]]
    keys: array[int]
    places: array[int]

    @classmethod
    def of(cls, event: AcceptedEvent) -> Accepted:
        """Return one event, of no block."""
        day, key, hour, name, source_name = event
        return cls([(Like(day, hour, name, source_name), 1)], array("Q", [key]), array("Q", [0]))

    def alike(self) -> Iterator[tuple[Like, array[int], array[int]]]:
        """Yield the events that are alike: their keys, and their places."""
        start = 0
        for like, count in self.groups:
            end = start + count
            yield like, self.keys[start:end], self.places[start:end]
            start = end

    def without(self, places: Collection[int]) -> Accepted:
        """Return the events without those of some places, or of the records of these."""
        records = {place // EVENTS_A_RECORD for place in places}
        kept = Gathering()
        for like, keys, its_places in self.alike():
            for key, place in zip(keys, its_places, strict=True):
                is_out = place // EVENTS_A_RECORD in records if like.of_record else place in places
                if not is_out:
                    kept.add(like, key, place)
        return kept.accepted()

    def at(self, place: int) -> Iterator[AcceptedEvent]:
        """Yield what is listed once the event of a place is delivered."""
        record = place // EVENTS_A_RECORD
        for like, keys, places in self.alike():
            for key, its_place in zip(keys, places, strict=True):
                same = (
                    its_place // EVENTS_A_RECORD == record if like.of_record else its_place == place
                )
                if same:
                    yield AcceptedEvent(like.day, key, like.hour, like.name, like.source_name)


NOTHING_ACCEPTED = Accepted([], array("Q"), array("Q"))


class Gathering:
    """Takes events one by one."""

    def __init__(self) -> None:
        self._of: dict[Like, tuple[array[int], array[int]]] = {}

    def add(self, like: Like, key: int, place: int) -> None:
        """Add an event."""
        found = self._of.get(like)
        if found is None:
            found = self._of[like] = array("Q"), array("Q")
        found[0].append(key)
        found[1].append(place)

    def accepted(self) -> Accepted:
        """Return them all."""
        keys, places = array("Q"), array("Q")
        for some, theirs in self._of.values():
            keys += some
            places += theirs
        return Accepted([(like, len(some)) for like, (some, _) in self._of.items()], keys, places)
