"""A perfect run into a stand-in, and everything that the demonstration must notice of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.checks import Check
from demo.destination import Destination, Figures, Outcome

Report = dict[str, Any]


@dataclass(frozen=True)
class Balance:
    """What the demonstration of one destination compares.

    Attributes:
        demo: the destination as the demonstration knows it.
        truth: of a company.
        arrived: what the stand-in would keep after a perfect run.
        delivered: {endpoint: events} of such a run.
        notes: the report's.
        check: compares what arrived, and a report, with the truth.
        count: what the summary counts.
        wrong: changes of `arrived`, each with the one check that fails.
        endpoints_short: changes of `delivered`, each with the checks that fail.
        unread: checks that fail, among others, when nothing was read.
        rows: of the summary.
        lines: of the summary.
    """

    demo: Callable[[], Destination]
    truth: Any
    arrived: Any
    delivered: Mapping[str, int]
    notes: Mapping[str, int]
    check: Callable[[Any, Report, Any], Sequence[Check]]
    count: Callable[[Any, Report, Any], Figures]
    wrong: Sequence[tuple[dict[str, Any], str]]
    endpoints_short: Sequence[tuple[dict[str, int], list[str]]]
    unread: set[str]
    rows: Mapping[str, str]
    lines: Sequence[str]

    def report(
        self, stream: Mapping[str, Any] | None = None, delivered: Mapping[str, int] | None = None
    ) -> Report:
        """Return the report of a perfect run, but for these counts."""
        dead = Counter(self.truth.dead.values())
        counts = {
            "read": self.truth.lines,
            "delivered": self.truth.lines - dead.total() - 2,
            "skipped": {"superseded": 2},
            "dead": dict(dead),
        }
        return {
            "streams": {"events": {**counts, **(stream or {})}},
            "examples": {"identity_conflict": [str(pair) for pair in self.truth.conflicts]},
            "endpoints": {
                name: {"delivered": count, "dead": {}, "requests": 8}
                for name, count in {**self.delivered, **(delivered or {})}.items()
            },
            "notes": dict(self.notes),
            "seconds": 1.5,
            "events_per_second": 1_000.0,
        }

    def checks(self, arrived: Any, report: Report | None = None) -> Sequence[Check]:
        """Return all checks of what arrived; without a report, of a perfect one."""
        return self.check(arrived, report or self.report(), self.truth)

    def failing(self, arrived: Any, report: Report | None = None) -> list[str]:
        """Return the names of those that do not hold."""
        return [check.what for check in self.checks(arrived, report) if not check.holds]

    def outcome(self, report: Report) -> Outcome:
        """Return what the summary shows of a perfect stand-in and a report."""
        figures = self.count(self.arrived, report, self.truth)
        return Outcome(self.arrived.names, figures, self.checks(self.arrived, report))
