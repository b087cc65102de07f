"""What a destination must be able to say of itself, so that it can be compared with the books.

A target gives a `Counter`, a tap a `SourceCounter`. Both ask over the network, keep to the limits
of the service, and count what they ask. A day is a number, counted from 1970-01-01 in UTC, unless
it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple, Protocol, TypeVar

from singer_delivery.errors import DeliveryError

EPOCH = date(1970, 1, 1)

CellKey = tuple[int, str]
"""A day, and the name of an event as it was sent."""

T = TypeVar("T")


class CannotAsk(DeliveryError):  # noqa: N818 - what happened, as the model codebases name it
    """The other side cannot be asked, or does not answer; the text says what to do."""


class TooMuch(Exception):  # noqa: N818 - as above; `halving` asks for less
    """The service says that one request asks for too much: a shorter range may be answered."""


class NotAsked(NamedTuple):
    """Cells that could not be asked for: days from `first` to `last`, and why, as a sentence."""

    first: int
    last: int
    reason: str
    sentence: str


class Reason(NamedTuple):
    """Why numbers may differ though nothing is lost, or what explains that something is."""

    reason: str
    sentence: str


class Cost(NamedTuple):
    """What a comparison will ask.

    Attributes:
        requests: for the totals; the ids of days that differ come on top.
        sentence: says it, with what the service allows.
    """

    requests: int
    sentence: str


@dataclass
class Counts:
    """What a destination holds of ours.

    Attributes:
        found: day and name -> different ids. Where days cannot be told apart, `by_name` has it.
        copies: day and name -> rows beyond that, which go when the destination merges them.
        by_name: name -> different ids of the whole range, of names that `found` says nothing of.
        shared: names whose figures hold events of others too, which could not be told apart.
        not_asked: what could not be asked.
    """

    found: dict[CellKey, int] = field(default_factory=dict)
    copies: dict[CellKey, int] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    not_asked: list[NotAsked] = field(default_factory=list)

    def is_unseen(self, day: int) -> bool:
        """Tell whether a day could not be asked for."""
        return any(each.first <= day <= each.last for each in self.not_asked)


class Counter(Protocol):
    """Asks a destination what it holds of what a target sent.

    Attributes:
        destination: its name, for people.
        project: which project of it, for people.
        time_zone: how days are brought together, in a sentence.
        most_requests: that may be sent in all; the user may set another number.
    """

    destination: str
    project: str
    time_zone: str
    most_requests: int

    @property
    def own_names(self) -> Collection[str]:
        """Names of events that the target makes itself; the books do not hold them."""

    @property
    def requests(self) -> int:
        """How many requests were sent."""

    def cost(self, sent: Mapping[CellKey, int]) -> Cost:
        """Return what `count` will ask, without asking."""

    def count(self, sent: Mapping[CellKey, int]) -> Counts:
        """Count what is there of ours on the days of these cells.

        It is asked again for some of the cells: for all of a name that `by_name` had, and for all
        other names of a day.

        Raises:
            CannotAsk: nothing of it is answered.
        """

    def cost_of_ids(self, events: int) -> int:
        """Return how many requests the ids of a day with so many events take."""

    def ids(self, day: int) -> Iterable[str]:
        """Return the ids of our events of a day, as they were sent.

        Raises:
            CannotAsk: it is not answered.
        """

    def others(self, first: int, last: int) -> Mapping[str, int]:
        """Return events that are not ours, by name; empty where that cannot be asked.

        Raises:
            CannotAsk: it is not answered.
        """

    def people(self) -> Mapping[str, int]:
        """Return how many people there are, by what is counted; empty where it is not asked."""

    def groups(self) -> Mapping[str, int]:
        """Return how many groups there are, by their type; empty where it is not asked."""

    def reasons(self) -> Iterable[Reason]:
        """Return what is known to make numbers differ there."""


class SourceCounter(Protocol):
    """Asks a source for its own figures, which are softer than books: charts leave things out.

    Attributes:
        source: its name, for people.
        time_zone: IANA name of the zone in which it counts days.
    """

    source: str
    time_zone: str

    @property
    def requests(self) -> int:
        """How many requests were sent."""

    def affordable(self, days: int) -> int:
        """Return of how many names so many days may be asked for without a long wait."""

    def days(self, first: int, last: int, name: str | None = None) -> Mapping[int, int]:
        """Return events by day of `time_zone`: of a name, or of all.

        Raises:
            CannotAsk: it is not answered.
        """


def day_of(number: int) -> date:
    """Return a day as a date."""
    return EPOCH + timedelta(days=number)


def day_number(day: date) -> int:
    """Return a date as a day."""
    return (day - EPOCH).days


def months(days: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of the days of each month that has one, in order."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    for number in sorted(days):
        day = day_of(number)
        first, _ = spans.get((day.year, day.month), (number, number))
        spans[day.year, day.month] = first, number
    yield from spans.values()


def spans_of(days: Iterable[int], longest: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most so many days that cover these days; gaps that pay are left out."""
    first: int | None = None
    last = 0
    for number in sorted(days):
        if first is not None and number - first >= longest:
            yield first, last
            first = None
        if first is None:
            first = number
        last = number
    if first is not None:
        yield first, last


def halving(
    first: int, last: int, ask: Callable[[int, int], T], failed: Callable[[int], None]
) -> Iterator[T]:
    """Yield what `ask` returns of a range of days, in halves where the whole is too much.

    A single day that is too much goes to `failed`.
    """
    try:
        answer = ask(first, last)
    except TooMuch:
        if first == last:
            failed(first)
            return
    else:
        yield answer
        return
    middle = (first + last) // 2
    yield from halving(first, middle, ask, failed)
    yield from halving(middle + 1, last, ask, failed)
