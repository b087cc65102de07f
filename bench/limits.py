"""What is asked of our pipes, beside the figures.

The limits of CPU time and speed are for a machine with nothing else to do: one that is passed is
shown, and fails nothing. Memory and losses do not depend on the machine, and fail the bench.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figures import cpu, largest, sending_cpu
from bench.peers.pipelines import MixpanelImport, SdkDefaults
from bench.pipelines import Outcome
from bench.table import number, table
from bench.trials import Comparison, Results, Trial

MEMORY_LIMIT_MB = 150
"""Memory that a process of ours may take."""

CPU_LIMIT, SENDING_CPU_LIMIT = 58, 14
"""CPU µs an event that all processes together may take, and the sending process of these."""

SDK_TIMES, MIXPANEL_IMPORT_TIMES = 12, 3.5
"""How many times the events/s of these peers RECORD messages reach at least."""

MELTANO_SHARE = 0.85
"""Share of the bare pipe's events/s that `meltano run` reaches at least, with BATCH messages."""

RECORD, BATCH = 0, 1
"""Places of the trials with these messages among ours, and among Meltano's."""

Find = Callable[[Comparison, Results], float | None]
"""Finds a figure of a destination; None: there it was not measured."""


@dataclass(frozen=True)
class Limit:
    """A figure and what is asked of it.

    Attributes:
        name: for people.
        asked: the limit.
        find: finds the figure.
        is_least: whether the figure may not be less; else it may not be more.
    """

    name: str
    asked: float
    find: Find
    is_least: bool = False

    def row(self, comparisons: Sequence[Comparison], results: Results) -> list[str]:
        """Return the limit beside the figure of each destination."""
        bound = "at least" if self.is_least else "at most"
        found = [self.find(it, results) for it in comparisons]
        return [self.name, f"{bound} {self.asked:g}", *map(self._shown, found)]

    def is_kept(self, figure: float) -> bool:
        """Tell whether a figure is as asked, before it is rounded to be shown."""
        return figure >= self.asked if self.is_least else figure <= self.asked

    def _shown(self, figure: float | None) -> str:
        if figure is None:
            return "not measured"
        return f"{number(figure)}, {'kept' if self.is_kept(figure) else 'missed'}"


def limits(comparisons: Sequence[Comparison], results: Results) -> Iterator[str]:
    """Yield the lines of the section about all limits."""
    yield "## What is asked\n"
    head = ["", "asked", *(it.service.name for it in comparisons)]
    yield from table(head, [each.row(comparisons, results) for each in LIMITS])
    yield ""


def highest_memory(it: Comparison, results: Results) -> float:
    """Return the memory of the largest process of our pipes to a destination, in MB."""
    return max(highest(trial, results) for trial in it.memory_trials)


def highest(trial: Trial, results: Results) -> float:
    """Return the memory of the largest process in all rounds, in MB."""
    return max(results.of(trial, largest))


def _median(place: int, figure: Callable[[Outcome], float]) -> Find:
    def find(it: Comparison, results: Results) -> float | None:
        return results.median(it.ours[place], figure) if len(it.ours) > place else None

    return find


def _times(peer: type[Any]) -> Find:
    def find(it: Comparison, results: Results) -> float | None:
        found = [trial for trial in it.peers if isinstance(trial.pipeline, peer)]
        return results.ratio(it.ours[RECORD], found[0]) if found else None

    return find


def _meltano_share(it: Comparison, results: Results) -> float | None:
    has_both = len(it.meltano) > BATCH
    return results.ratio(it.meltano[BATCH], it.ours[BATCH]) if has_both else None


LIMITS = (
    Limit("CPU µs an event of all processes, RECORD", CPU_LIMIT, _median(RECORD, cpu)),
    Limit("CPU µs an event of all processes, BATCH", CPU_LIMIT, _median(BATCH, cpu)),
    Limit(
        "CPU µs an event of the sending process, RECORD",
        SENDING_CPU_LIMIT,
        _median(RECORD, sending_cpu),
    ),
    Limit(
        "CPU µs an event of the sending process, BATCH",
        SENDING_CPU_LIMIT,
        _median(BATCH, sending_cpu),
    ),
    Limit("RECORD ÷ Singer SDK defaults", SDK_TIMES, _times(SdkDefaults), is_least=True),
    Limit("RECORD ÷ mixpanel-import", MIXPANEL_IMPORT_TIMES, _times(MixpanelImport), is_least=True),
    Limit("meltano run ÷ bare pipe, BATCH", MELTANO_SHARE, _meltano_share, is_least=True),
    Limit("MB of the largest process, highest", MEMORY_LIMIT_MB, highest_memory),
)
