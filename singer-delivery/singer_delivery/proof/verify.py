"""Asks the destination, compares with the books, and narrows a difference down to source hours.

Totals first, by day and name; the ids of a day only where something lacks, and not where the whole
day is away. A destination takes in what was accepted by and by: what lacks is read again until two
readings are equal.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from singer_delivery.io.retry import Clock
from singer_delivery.proof import words
from singer_delivery.proof.comparing import (
    MORE,
    NOT_ASKED,
    Comparison,
    Sent,
    compare,
    summed,
)
from singer_delivery.proof.counting import CannotAsk, CellKey, Counter, Counts, Reason
from singer_delivery.proof.narrowing import Books, Missing, Narrowing

Verdict = Literal["equal", "differs", "unknown"]


@dataclass(frozen=True)
class Options:
    """What a user may decide.

    Attributes:
        first: first day that is compared; None for all.
        last: last day, included; None for all.
        both_ways: whether more than was sent is a difference, too.
        every_id: whether the ids of all days are compared, not only of those that lack something.
        interval: seconds between two readings.
        longest: seconds to wait, at most, for a destination that is still taking in.
    """

    first: int | None = None
    last: int | None = None
    both_ways: bool = False
    every_id: bool = False
    interval: float = 300.0
    longest: float = 3600.0

    def covers(self, day: int) -> bool:
        """Tell whether a day is compared."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


@dataclass
class Outcome:
    """What came of a comparison; `proof.result` writes it."""

    comparison: Comparison
    missing: Missing
    sent: list[Sent]
    others: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)


class Verifier:
    """Compares once.

    Args:
        counter: asks the destination.
        books: what was accepted.
        options: of the user.
        clock: of every wait.
        tell: is told what happens, in sentences.
    """

    def __init__(
        self,
        counter: Counter,
        books: Books,
        options: Options,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._counter, self._books, self._options = counter, books, options
        self._clock, self._tell = clock, tell
        cells = (Sent(*cell) for cell in books.cells())
        self.sent = [cell for cell in cells if options.covers(cell.day)]
        self._sums = summed(self.sent)
        self._said: list[Reason] = []

    def announce(self) -> None:
        """Say what it will cost.

        Raises:
            CannotAsk: nothing was sent, or it costs more than is allowed.
        """
        if not self.sent:
            msg = (
                "The books hold no events for this project and these days: there is nothing to "
                "compare. Check `ledger_url`, and the settings that name the project."
            )
            raise CannotAsk(msg)
        cost = self._counter.cost(self._sums)
        self._tell(cost.sentence)
        most = self._counter.most_requests
        if cost.requests + self._cost_of_every_id() > most:
            msg = (
                f"That is more than {most:,} requests: allow them with --max-requests, or compare "
                "fewer days (--since, --until)."
            )
            raise CannotAsk(msg)

    def _cost_of_every_id(self) -> int:
        """Return, and say, how many requests the ids of all days take, if they are compared."""
        if not self._options.every_id:
            return 0
        events = Tally[int]()
        for cell in self.sent:
            events[cell.day] += cell.count
        requests = sum(map(self._counter.cost_of_ids, events.values()))
        self._tell(f"The ids of all {len(events):,} days take {requests:,} requests more.")
        return requests

    def run(self) -> Outcome:
        """Return what came of it.

        Raises:
            CannotAsk: the destination does not answer.
        """
        counts = self._settled(self._counter.count(self._sums))
        comparison = self._compared(counts)
        outcome = Outcome(comparison, Missing(), self.sent)
        self._ask_beside(outcome)  # ids take what is left of the requests
        narrowing = Narrowing(self._counter, self._books, self._tell)
        outcome.missing = narrowing.missing(comparison, self._sums, every_id=self._options.every_id)
        outcome.reasons += self._reasons(outcome)
        return outcome

    def _compared(self, counts: Counts) -> Comparison:
        return compare(self._sums, counts, self._counter.own_names)

    # Waiting ----------------------------------------------------------------------------------

    def _settled(self, counts: Counts) -> Counts:
        """Read what lacks again until two readings are equal, or time or requests are used up."""
        options, waited = self._options, 0.0
        lacking = self._lacking(counts)
        while lacking and waited + options.interval <= options.longest:
            if not self._may_count(lacking):
                self._said.append(words.NOT_READ_AGAIN)
                self._tell(words.NOT_READ_AGAIN.sentence)
                break
            before = _total(counts)
            self._tell(
                f"{self._counter.destination} shows fewer events than it accepted. It may still be "
                f"taking them in: reading again in {options.interval:,.0f} s."
            )
            self._clock.sleep(options.interval)
            waited += max(options.interval, 1.0)
            counts = _with(counts, self._counter.count(lacking), lacking)
            lacking = self._lacking(counts)
            if _total(counts) == before:
                break
        return counts

    def _may_count(self, cells: Mapping[CellKey, int]) -> bool:
        cost = self._counter.cost(cells).requests
        return self._counter.requests + cost <= self._counter.most_requests

    def _lacking(self, counts: Counts) -> dict[CellKey, int]:
        """Return the cells to read again: of whole names, and of days, that lack something.

        Of a name that is counted over the whole range, a few days would say nothing.
        """
        lines = self._compared(counts).lacking
        days = {each.day for each in lines}
        names = {each.name for each in lines if each.day is None}
        return {
            (day, name): n
            for (day, name), n in self._sums.items()
            if (name in names if name in counts.by_name else day in days)
        }

    # What stands beside -----------------------------------------------------------------------

    def _ask_beside(self, outcome: Outcome) -> None:
        """Ask what is shown and never fails: others' events, people, groups."""
        counter = self._counter
        days = [day for day, _ in self._sums]
        try:
            outcome.others = counter.others(min(days), max(days))
            outcome.people, outcome.groups = counter.people(), counter.groups()
        except CannotAsk as error:
            outcome.reasons.append(Reason("not_asked", str(error)))

    def _reasons(self, outcome: Outcome) -> list[Reason]:
        comparison, missing = outcome.comparison, outcome.missing
        found = [Reason(each.reason, each.sentence) for each in comparison.not_asked]
        found += self._said
        found += words.of_comparison(comparison.copies, comparison.shared)
        found += words.of_missing(missing)
        if comparison.cells or missing.events:
            found += self._counter.reasons()
        return [*dict.fromkeys(found)]


def verdict_of(outcome: Outcome, *, both_ways: bool) -> Verdict:
    """Say in a word what came of it; more counts as a difference only `both_ways`.

    Fewer alone is none: where no event is missing, the ids are there under another name or day.
    Equal is what was told apart from events of others and, where ids are compared, all of it.
    """
    comparison, missing = outcome.comparison, outcome.missing
    is_more = any(e.verdict == MORE and e.name not in comparison.shared for e in comparison.cells)
    if missing.events or (both_ways and is_more):
        return "differs"
    is_unasked = any(each.verdict == NOT_ASKED for each in comparison.cells)
    return "unknown" if is_unasked or comparison.shared or missing.whole_days else "equal"


def _total(counts: Counts) -> int:
    return sum(counts.found.values()) + sum(counts.by_name.values())


def _with(counts: Counts, newer: Counts, asked: Mapping[CellKey, int]) -> Counts:
    """Return a reading of which a part was read again."""
    names = {name for _, name in asked}

    def kept(cells: Mapping[CellKey, int]) -> dict[CellKey, int]:
        return {key: n for key, n in cells.items() if key not in asked}

    return Counts(
        found={**kept(counts.found), **newer.found},
        copies={**kept(counts.copies), **newer.copies},
        by_name={
            **{name: n for name, n in counts.by_name.items() if name not in names},
            **newer.by_name,
        },
        shared=counts.shared | newer.shared,
        not_asked=list(dict.fromkeys([*counts.not_asked, *newer.not_asked])),
    )
