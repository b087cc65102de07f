"""The results as a page for people: every claim about speed in the README is taken from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.costs import meltano, numbers_of_processes, processes
from bench.figures import arrived, cpu, largest, rate, seconds, sink_cpu, total
from bench.limits import MEMORY_LIMIT_MB, highest, limits
from bench.startup import LIMIT, StartUp
from bench.table import machine, median, number, spread, table
from bench.trials import LATENCY, Comparison, Exports, Results, Trial

SPREAD = "lowest to highest"

HEAD = """\
# How fast, and at what cost

`{command}` wrote this page: {machine}.

All pipelines read the same generated export, files of gzipped JSON lines as Amplitude exports them,
and send to the same local sink, which answers at once and validates nothing.
To PostHog they send by capture v0, `/batch/`; but for those that say `capture: v1`, to which the
sink answers for each event, as the service does.
Figures are medians of {rounds}, in which all pipelines take turns.
`meltano run` with RECORD messages, numbers of processes, halves and late replies have one round.
Downloading and the services' own speed are left out; starting up is included.

- **events**: rows of the export, or of the part of it that was read.
- **events/s**: rows a second, from start to end; those whose events did not arrive do not count.
- **CPU µs**: CPU time of all processes, user and system, an event.
- **MB**: highest memory of the largest process, and of all processes together.
- **RECORD ÷ it**, **BATCH ÷ it**, **meltano run ÷ it**: how many times its events/s ours reached,
  `meltano run` with BATCH messages where there are any.

After each of our runs the report is compared with the export and with what the sink counted:
read = delivered + skipped + dead, and nothing is lost.
"""


@dataclass(frozen=True)
class Page:
    """The page.

    Attributes:
        command: that made the results.
        rounds: how many there were.
        exports: what was read.
        floor: the trial of the floor.
        comparisons: of each destination.
        results: of all trials.
        start_ups: of the executables.
    """

    command: str
    rounds: int
    exports: Exports
    floor: Trial
    comparisons: Sequence[Comparison]
    results: Results
    start_ups: Sequence[StartUp]

    def text(self) -> str:
        """Return the page."""
        rounds = "one round" if self.rounds == 1 else f"{self.rounds} rounds"
        lines = [HEAD.format(command=self.command, machine=machine(), rounds=rounds)]
        lines += limits(self.comparisons, self.results)
        for comparison in self.comparisons:
            lines += self._comparison(comparison)
        for costs in (processes, numbers_of_processes, meltano):
            lines += costs(self.comparisons, self.results)
        for section in (self._latency, self._memory, self._overhead, self._start_up, self._sink):
            lines += section()
        return "\n".join(lines).rstrip() + "\n"

    def over_memory(self) -> list[str]:
        """Return a sentence for each of our pipelines that took more than it may."""
        ours = [trial for it in self.comparisons for trial in it.memory_trials]
        taken = [(trial, highest(trial, self.results)) for trial in ours]
        return [
            f"{trial.pipeline.name}: {mb:.0f} MB, over the limit of {MEMORY_LIMIT_MB} MB."
            for trial, mb in taken
            if mb > MEMORY_LIMIT_MB
        ]

    def _comparison(self, it: Comparison) -> Iterator[str]:
        yield f"## To {it.service.name}\n"
        bases = dict(zip(("RECORD", "BATCH"), it.ours, strict=False))
        if it.meltano:
            bases["meltano run"] = it.meltano[-1]
        head = ["", "events", "events/s", SPREAD, "CPU µs", "MB, largest", "MB, all"]
        trials = [self.floor, *it.ours, *it.others, *it.meltano, *it.peers]
        rows = [self._row(trial, list(bases.values())) for trial in trials]
        yield from table([*head, *(f"{name} ÷ it" for name in bases)], rows)
        yield ""
        yield from self._notes(it)

    def _row(self, trial: Trial, bases: Sequence[Trial]) -> list[str]:
        rates = self.results.of(trial, rate)
        figures = (self.results.median(trial, figure) for figure in (cpu, largest, total))
        return [
            trial.pipeline.name,
            f"{trial.export.lines:,}",
            median(rates),
            spread(rates),
            *map(number, figures),
            *(number(self.results.ratio(base, trial)) for base in bases),
        ]

    def _notes(self, it: Comparison) -> Iterator[str]:
        for trial in it.peers:
            share = self.results.median(trial, arrived)
            loss = "" if share == 1 else f" Of what it sent, {share:.0%} arrived."
            yield f"- {trial.pipeline.name}: {trial.pipeline.note}{loss}"
        for name, why in it.left_out.items():
            yield f"- Left out: {name} ({why})."
        yield ""

    def _latency(self) -> Iterator[str]:
        yield f"## When every reply takes {LATENCY * 1000:.0f} ms\n"
        yield "With the default number of requests in flight; both rates are of the same rounds.\n"
        head = ["", "events", "events/s at 0 ms", "events/s", "share reached", "arrived"]
        pairs = [pair for it in self.comparisons for pair in it.late_pairs()]
        yield from table(head, [self._late_row(*pair) for pair in pairs])
        yield ""

    def _late_row(self, soon: Trial, late: Trial) -> list[str]:
        return [
            late.pipeline.name,
            f"{late.export.lines:,}",
            number(self.results.rate_beside(soon, late)),
            number(self.results.median(late, rate)),
            f"{self.results.ratio(late, soon):.0%}",
            f"{self.results.median(late, arrived):.0%}",
        ]

    def _memory(self) -> Iterator[str]:
        yield "## Memory by the number of events\n"
        counts = [f"{export.lines:,} events" for export in (self.exports.half, self.exports.full)]
        pairs = [pair for it in self.comparisons for pair in zip(it.halves, it.ours, strict=True)]
        rows = [[pair[0].pipeline.name, *map(self._highest, pair)] for pair in pairs]
        yield from table(["MB of the largest process, highest of all rounds", *counts], rows)
        yield f"\nThe limit is {MEMORY_LIMIT_MB} MB. More events and people: `make bench-growth`.\n"

    def _highest(self, trial: Trial) -> str:
        return number(highest(trial, self.results))

    def _overhead(self) -> Iterator[str]:
        trials = [trial for it in self.comparisons for trial in it.overhead]
        if trials:
            yield "## What starting costs\n"
            yield f"An export of {self.exports.tiny.lines:,} events, from the command to its end.\n"
            times = [(trial.pipeline.name, self.results.of(trial, seconds)) for trial in trials]
            rows = [(name, median(each), spread(each)) for name, each in times]
            yield from table(["", "seconds", SPREAD], rows)
            yield ""

    def _start_up(self) -> Iterator[str]:
        yield "## What `--version` takes\n"
        yield f"The limit is {LIMIT} s.\n"
        rows = [
            (
                each.executable,
                median(each.seconds),
                spread(each.seconds),
                "kept" if each.is_kept else "over",
            )
            for each in self.start_ups
        ]
        yield from table(["", "seconds", SPREAD, "limit"], rows)
        yield ""

    def _sink(self) -> Iterator[str]:
        yield "## What the sink costs\n"
        yield "In a process of its own, not counted above.\n"
        trials = [each for it in self.comparisons for each in (it.ours[0], *it.others[:1])]
        rows = [
            (trial.pipeline.name, number(self.results.median(trial, sink_cpu))) for trial in trials
        ]
        yield from table(["", "CPU µs an event"], rows)
