"""Sections of the page that say which process costs how much CPU time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from bench.figures import (
    cpu,
    mapping_cpu,
    meltano_cpu,
    most_rate,
    plugins_cpu,
    rate,
    sending_cpu,
    tap_cpu,
)
from bench.limits import CPU_LIMIT, MELTANO_SHARE, SENDING_CPU_LIMIT
from bench.table import number, table
from bench.trials import Comparison, Results, Trial

ALLOWED = "events/s the sending process allows"


def processes(comparisons: Sequence[Comparison], results: Results) -> Iterator[str]:
    """Yield the lines about the processes of each of our pipes."""
    yield "## What each process costs\n"
    yield "CPU µs an event, user and system, with starting and ending; medians of the rounds."
    yield "The sending process decides and sends; mapping processes map, encode and compress."
    yield (
        f"All together may cost {CPU_LIMIT}, the sending process {SENDING_CPU_LIMIT} of these."
        " Alone it would allow 1,000,000 ÷ its CPU µs events/s.\n"
    )
    head = ["CPU µs an event", "tap", "sending process", "mapping processes", "all", ALLOWED]
    figures = (tap_cpu, sending_cpu, mapping_cpu, cpu, most_rate)
    trials = [trial for it in comparisons for trial in (*it.ours, *it.others)]
    yield from table(
        head, [[trial.pipeline.name, *_medians(trial, results, figures)] for trial in trials]
    )
    yield ""


def numbers_of_processes(comparisons: Sequence[Comparison], results: Results) -> Iterator[str]:
    """Yield the lines about 1, 2 and 4 mapping processes."""
    yield "## More mapping processes\n"
    yield (
        "One round each, with RECORD messages."
        f" All processes share {os.cpu_count()} cores here, so events/s cannot grow as they would"
        " with a core for each; the rate that the sending process allows bounds them there.\n"
    )
    figures = (rate, tap_cpu, sending_cpu, mapping_cpu)
    rows = [
        [
            trial.pipeline.name,
            *_medians(trial, results, figures),
            number(results.median(trial, mapping_cpu) / count),
            *_medians(trial, results, (cpu, most_rate)),
        ]
        for it in comparisons
        for count, trial in it.scales.items()
    ]
    shares = ("tap", "sending process", "mapping processes", "each of them", "all")
    yield from table(["", "events/s", *(f"CPU µs, {each}" for each in shares), ALLOWED], rows)
    yield ""


def meltano(comparisons: Sequence[Comparison], results: Results) -> Iterator[str]:
    """Yield the lines about what Meltano adds."""
    pairs = [pair for it in comparisons for pair in zip(it.meltano, it.ours, strict=False)]
    if not pairs:
        return
    yield "## What Meltano costs\n"
    yield f"With BATCH messages {MELTANO_SHARE} of the bare pipe's events/s are asked.\n"
    head = ["", "events/s", "of the bare pipe", "CPU µs, Meltano itself", "CPU µs, all it starts"]
    rows = [
        [
            run.pipeline.name,
            *_medians(run, results, (rate,)),
            number(results.ratio(run, bare)),
            *_medians(run, results, (meltano_cpu, plugins_cpu)),
        ]
        for run, bare in pairs
    ]
    yield from table(head, rows)
    yield ""


def _medians(trial: Trial, results: Results, figures: Sequence) -> list[str]:
    return [number(results.median(trial, figure)) for figure in figures]
