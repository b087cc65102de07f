"""A destination and books without a network, for tests of the comparison."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from singer_delivery.model import Delivery
from singer_delivery.proof.counting import CannotAsk, CellKey, Cost, Counts, NotAsked, Reason

DAY = 19_799
"""2024-03-17."""


class ToyEvent(NamedTuple):
    """An event, and the hour of the source in which it came."""

    id: str
    day: int = DAY
    name: str = "play"
    hour: int = DAY * 24


class ToyBooks:
    """The books of these events."""

    def __init__(self, events: Iterable[ToyEvent]) -> None:
        self.events = [*events]

    def cells(self) -> Iterable[tuple[int, str, str, int]]:
        counts = Counter((each.day, each.name, f"source {each.name}") for each in self.events)
        return [(*cell, count) for cell, count in sorted(counts.items())]

    def keys_of(self, day: int) -> list[int]:
        return [key_of(each) for each in self.events if each.day == day]

    def hours_of(self, day: int, keys: Collection[int]) -> Mapping[int, int]:
        asked = set(keys)
        return Counter(e.hour for e in self.events if e.day == day and key_of(e) in asked)


class ToyCounter:
    """A destination that holds events; each reading sees one more list of `readings`.

    Names of `by_name` are counted over the days that are asked for, and not by day.
    """

    destination, project, time_zone = "Toy", "project 1", "UTC."
    own_names = frozenset({"$link"})

    def __init__(self, *readings: Iterable[ToyEvent], most_requests: int = 100) -> None:
        self.readings = [[*each] for each in readings]
        self.most_requests = most_requests
        self.requests = 0
        self.asked_ids: list[int] = []
        self.not_asked: list[NotAsked] = []
        self.by_name: set[str] = set()
        self.shared: set[str] = set()
        self.refuses_beside = False
        self.refuses_ids = False

    @property
    def _held(self) -> list[ToyEvent]:
        return self.readings[0]

    def cost(self, sent: Mapping[CellKey, int]) -> Cost:
        return Cost(len({day for day, _ in sent}), "It costs a request a day.")

    def count(self, sent: Mapping[CellKey, int]) -> Counts:
        days = {day for day, _ in sent}
        self.requests += len(days)
        counts = Counts(not_asked=[*self.not_asked], shared={*self.shared})
        ids: defaultdict[CellKey, set[str]] = defaultdict(set)
        if len(self.readings) > 1 and self.requests > len(days):
            self.readings.pop(0)
        rows = Counter((e.day, e.name) for e in self._held if e.day in days)
        for each in self._held:
            ids[each.day, each.name].add(each.id)
        for cell, there in rows.items():
            counts.found[cell] = len(ids[cell])
            if there > len(ids[cell]):
                counts.copies[cell] = there - len(ids[cell])
        for name in self.by_name & {name for _, name in sent}:
            cells = [cell for cell in counts.found if cell[1] == name]
            counts.by_name[name] = sum(counts.found.pop(cell) for cell in cells)
        return counts

    def cost_of_ids(self, events: int) -> int:
        return max(events // 10, 1)

    def ids(self, day: int) -> Iterable[str]:
        if self.refuses_ids:
            msg = "No ids today."
            raise CannotAsk(msg)
        self.requests += 1
        self.asked_ids.append(day)
        return [each.id for each in self._held if each.day == day]

    def others(self, first: int, last: int) -> Mapping[str, int]:
        if self.refuses_beside:
            msg = "No figures of others today."
            raise CannotAsk(msg)
        return {"foreign": 3}

    def people(self) -> Mapping[str, int]:
        return {"profiles": 2}

    def groups(self) -> Mapping[str, int]:
        return {"type 0": 1}

    def reasons(self) -> Iterable[Reason]:
        return [Reason("toys", "Toys break.")]


def key_of(event: ToyEvent) -> int:
    return Delivery.of(event.id, event.day * 86_400_000_000).key


def events(count: int, **more: object) -> list[ToyEvent]:
    """Return events with ids of their own."""
    base = ToyEvent("", **more)  # type: ignore[arg-type]
    return [base._replace(id=f"{base.name}-{base.day}-{number}") for number in range(count)]
