"""Events that a destination accepted, as the books and the list of deliveries take them. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from typing import NamedTuple

from singer_delivery.model import EVENTS_A_RECORD, Delivery


class AcceptedEvent(NamedTuple):
    """One event.

    Attributes:
        day, key: see `Delivery`.
        hour, name, source_name: see `Kind`.
    """

    day: int
    key: int
    hour: int = 0
    name: str = ""
    source_name: str = ""


class Kind(NamedTuple):
    """What events of a day have in common.

    Attributes:
        hour: of the source that they came in, since 1970-01-01 UTC; 0 where nobody knows.
        name: that they were sent under; empty for second keys of events that have one already:
            they are listed, and counted nowhere.
        source_name: their name in the source.
        of_record: whether an event is left out when any event of its record is not delivered: what
            is listed is not sent again there, so the record must be read again for the others.
    """

    hour: int = 0
    name: str = ""
    source_name: str = ""
    of_record: bool = False


Fields = tuple[int, str, str, bool]
"""Of a `Kind`: plain tuples travel between processes in half the time."""


class Accepted(NamedTuple):
    """Events of a block: few objects, since they travel between processes.

    Attributes:
        days: on which they happened, each with the number of its events, which come day by day.
        kinds: of the events, each the fields of a `Kind`.
        keys: of all events.
        of: the kind of each, by its number.
        places: where each comes from, see `pieces.place_of`.
    """

    days: list[tuple[int, int]]
    kinds: list[Fields]
    keys: array[int]
    of: array[int]
    places: array[int]

    @classmethod
    def one(cls, event: AcceptedEvent) -> Accepted:
        """Return one event, of no block."""
        gathering = Gathering()
        gathering.add(Delivery(event.day, event.key), (*event[2:], False), 0)
        return gathering.accepted()

    def without(self, places: Collection[int]) -> Accepted:
        """Return the events without those of some places, or of the records of these."""
        records = {place // EVENTS_A_RECORD for place in places}
        kept = Gathering()
        for of, kind, place in self._each():
            if not (place // EVENTS_A_RECORD in records if kind.of_record else place in places):
                kept.add(of, (*kind,), place)
        return kept.accepted()

    def at(self, place: int) -> Iterator[AcceptedEvent]:
        """Yield what is listed once the event of a place is delivered."""
        record = place // EVENTS_A_RECORD
        for of, kind, its in self._each():
            if its // EVENTS_A_RECORD == record if kind.of_record else its == place:
                yield AcceptedEvent(*of, kind.hour, kind.name, kind.source_name)

    def _each(self) -> Iterator[tuple[Delivery, Kind, int]]:
        """Yield each event with its kind and its place."""
        days = (day for day, count in self.days for _ in range(count))
        for day, key, of, place in zip(days, self.keys, self.of, self.places, strict=True):
            yield Delivery(day, key), Kind(*self.kinds[of]), place


class Gathering:
    """Takes events one by one."""

    def __init__(self) -> None:
        self._kinds: dict[Fields, int] = {}
        self._days: dict[int, tuple[array[int], array[int], array[int]]] = {}

    def add(self, known: Delivery, kind: Fields, place: int) -> None:
        """Add an event."""
        day, key = known
        keys, of, places = self._days.get(day) or self._day(day)
        keys.append(key)
        of.append(self._kinds.setdefault(kind, len(self._kinds)))
        places.append(place)

    def accepted(self) -> Accepted:
        """Return them all."""
        keys, of, places = array("Q"), array("I"), array("Q")
        for some_keys, some_of, some_places in self._days.values():
            keys += some_keys
            of += some_of
            places += some_places
        days = [(day, len(arrays[0])) for day, arrays in self._days.items()]
        return Accepted(days, [*self._kinds], keys, of, places)

    def _day(self, day: int) -> tuple[array[int], array[int], array[int]]:
        found = self._days[day] = array("Q"), array("I"), array("Q")
        return found


NOTHING_ACCEPTED = Gathering().accepted()
