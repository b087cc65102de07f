"""What PostHog holds of what this target sent: by day and name, and by id.

Ours are the events whose `$lib` says so. `count(distinct uuid)` is what is compared: rows that are
there twice go when ClickHouse merges. Sources: PostHog docs, "HogQL"; see also `asking`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil
from typing import Any

from singer_delivery.io.retry import Clock
from singer_delivery.proof.asking import Asker, Questions
from singer_delivery.proof.counting import (
    CannotAsk,
    CellKey,
    Cost,
    Counts,
    NotAsked,
    Reason,
    TooMuch,
    day_number,
    day_of,
    halving,
    months,
)

from target_posthog.asking import ALLOWED, MOST_ROWS, Account, Queries, account_of
from target_posthog.posthog import ALIAS, GROUP_IDENTIFY, IDENTIFY, SET
from target_posthog.queries import (
    BY_DAY_AND_NAME,
    GROUPS,
    IDS,
    IDS_OF_PEOPLE,
    OTHERS,
    PEOPLE,
    Query,
)

NO_ID = "00000000-0000-0000-0000-000000000000"
ROWS_PLANNED = 40_000
"""Of one answer, by the books; others' names of ours and a margin fit beside them."""

BESIDE = 4
"""Queries for what is shown beside: others' events, people, their ids, groups."""

REASONS = (
    Reason(
        "historical_lane",
        "PostHog takes imports in by a lane of their own, which may lag for hours.",
    ),
    Reason(
        "dropped_at_ingestion",
        "PostHog drops some accepted events without a word to the sender: its ingestion warnings "
        "(Data management) name them.",
    ),
    Reason(
        "quota",
        "Beyond a billing limit PostHog answers 200 and stores nothing: see its billing page.",
    ),
)


class PostHogCounter:
    """Counts events of a project; a `Counter`.

    Args:
        account: whom to ask.
        asker: sends.
    """

    destination = "PostHog"
    time_zone = "UTC at both ends; the project's zone plays no part."
    own_names = frozenset({ALIAS, IDENTIFY, SET, GROUP_IDENTIFY})
    most_requests = 1_000

    def __init__(self, account: Account, asker: Asker) -> None:
        self.project = f"project {account.project_id}"
        self._asker, self._queries = asker, Queries(account, asker)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._asker.requests

    def cost(self, sent: Mapping[CellKey, int]) -> Cost:
        """Return the queries: one a month that has events, four for what stands beside."""
        queries = len([*windows(sent)]) + BESIDE
        sentence = (
            f"This takes {queries:,} queries of PostHog, which allows 240 a minute and 2,400 an "
            f"hour to all keys of a project; then one for each {MOST_ROWS:,} events of a day that "
            "lacks some."
        )
        return Cost(queries, sentence)

    def count(self, sent: Mapping[CellKey, int]) -> Counts:
        """Count what is there of ours on the days of these cells.

        Raises:
            CannotAsk: it is not answered.
        """
        counts = Counts()
        days = {day for day, _ in sent}
        for first, last in windows(sent):
            for rows in self._halved(first, last, self._by_day_and_name, counts.not_asked):
                for text, name, events, ids in rows:
                    key = _day(text), name
                    if key[0] in days:
                        counts.found[key] = ids
                        if events > ids:
                            counts.copies[key] = events - ids
        return counts

    def cost_of_ids(self, events: int) -> int:
        """Return how many pages the ids of so many events take."""
        return max(ceil(events / MOST_ROWS), 1)

    def ids(self, day: int) -> Iterator[str]:
        """Yield the ids of our events of a day, by pages.

        Raises:
            CannotAsk: it is not answered.
        """
        beyond = NO_ID
        while True:
            try:
                rows = self._rows(IDS, day, day, "ids", beyond=beyond)
            except TooMuch as error:
                msg = f"PostHog has no time to list the ids of {day_of(day)}. Try again later."
                raise CannotAsk(msg) from error
            yield from (uuid for (uuid,) in rows)
            if len(rows) < MOST_ROWS:
                return
            beyond = rows[-1][0]

    def others(self, first: int, last: int) -> Mapping[str, int]:
        """Return the events of the same days that are not ours, by name."""
        found: defaultdict[str, int] = defaultdict(int)

        def ask(start: int, end: int) -> list[Any]:
            return [*self._rows(OTHERS, start, end, "others")]

        for rows in self._halved(first, last, ask, []):
            for name, ids in rows:
                found[name] += ids
        return found

    def people(self) -> Mapping[str, int]:
        """Return the person profiles, and the ids that belong to them."""
        return {
            "profiles": self._number(PEOPLE, "people"),
            "ids": self._number(IDS_OF_PEOPLE, "ids of people"),
        }

    def groups(self) -> Mapping[str, int]:
        """Return the groups by the number of their type: 0 is the first of the project."""
        rows = self._beside(GROUPS, "groups")
        return {f"type {index}": count for index, count in rows}

    def reasons(self) -> Iterable[Reason]:
        """Return what is known to make numbers differ."""
        return REASONS

    def _by_day_and_name(self, first: int, last: int) -> list[Any]:
        rows = self._rows(BY_DAY_AND_NAME, first, last, "days and names")
        if len(rows) >= MOST_ROWS:
            raise TooMuch  # the rest was cut off silently
        return [*rows]

    def _halved(
        self, first: int, last: int, ask: Callable[[int, int], list[Any]], failed: list[NotAsked]
    ) -> Iterator[list[Any]]:
        def note(day: int) -> None:
            sentence = (
                f"PostHog has no time to count {day_of(day)}: not asked. Try again at a quieter "
                "hour."
            )
            failed.append(NotAsked(day, day, "too_slow", sentence))

        return halving(first, last, ask, note)

    def _rows(self, query: Query, first: int, last: int, name: str, **more: str) -> Any:
        values = {"first": f"{day_of(first)} 00:00:00", "after": f"{day_of(last + 1)} 00:00:00"}
        return self._queries.rows(query, {**values, **more}, name)

    def _number(self, query: Query, name: str) -> int:
        rows = self._beside(query, name)
        return rows[0][0] if rows else 0

    def _beside(self, query: Query, name: str) -> Any:
        try:
            return self._queries.rows(query, {}, name)
        except TooMuch as error:
            msg = f"PostHog has no time to count {name}. Try again later."
            raise CannotAsk(msg) from error


def counter_of(
    config: Mapping[str, Any], user_agent: str, clock: Clock, tell: Callable[[str], None]
) -> PostHogCounter:
    """Return a counter by the settings of the target.

    Raises:
        CannotAsk: one is missing or wrong.
    """
    account = account_of(config)
    return PostHogCounter(account, Asker(Questions(user_agent), ALLOWED, "PostHog", clock, tell))


def windows(sent: Mapping[CellKey, int]) -> Iterator[tuple[int, int]]:
    """Yield ranges of days for a query each: a month, a partition of the table, or its parts.

    A month whose cells are more than the rows of an answer is cut by the books, not by trial.
    """
    cells: defaultdict[int, int] = defaultdict(int)
    for day, _ in sent:
        cells[day] += 1
    for first, last in months(cells):
        start, rows = first, 0
        for day in range(first, last + 1):
            if rows and rows + cells.get(day, 0) > ROWS_PLANNED:
                yield start, day - 1
                start, rows = day, 0
            rows += cells.get(day, 0)
        yield start, last


def _day(text: str) -> int:
    return day_number(type(day_of(0)).fromisoformat(text[:10]))
