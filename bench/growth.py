"""`python -m bench.growth`: what an event costs when there are many, and many people with them.

The same rows once as few and once as millions; the population grows with them, so that what our
targets remember of people and devices does too. Writes bench/growth.md and prints it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.export import Export, Population, crowd, crowd_lines
from bench.figures import cpu, largest, ledger, rate, total
from bench.limits import MEMORY_LIMIT_MB
from bench.pipelines import Ours, Outcome, knows_batch, run
from bench.processes import RunFailed
from bench.services import SERVICES
from bench.table import machine, number, recipe, table

EVENTS, FEW = 5_000_000, 2
"""How many there are, and of how many copies the smaller export is made."""

PAGE = Path(__file__).parent / "growth.md"

HEAD = """\
# What an event costs when there are many

`{command}` wrote this page: {machine}.

The export of {few_population} {few:,} events beside one of {many_population} {many:,} events.
Each person has ten events; the rows are the same but for the ids in them.
One run of each, into a local sink that answers at once; nothing was lost.

"""


@dataclass(frozen=True)
class Growth:
    """One pipeline with few events, and with many."""

    name: str
    few: Outcome
    many: Outcome

    def row(self, figure: Callable[[Outcome], float]) -> list[str]:
        """Return a figure of both and how many times the first the second is."""
        few, many = figure(self.few), figure(self.many)
        return [number(few), number(many), number(many / few)]


def main() -> None:
    """Run every pipeline on both exports and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--only", default="", help="pipelines whose name has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            text = page(options.events, Path(name), options.only)
        except RunFailed as error:
            sys.exit(str(error))
    PAGE.write_text(text, encoding="utf-8")
    print(text)


def page(events: int, folder: Path, only: str) -> str:
    """Return the page."""
    lines = min(crowd_lines(events), events // (2 * FEW))
    few, few_population = crowd(folder / "few", lines, FEW)
    many, many_population = crowd(folder / "many", lines, round(events / lines))
    head = HEAD.format(
        command=recipe("bench-growth", N=(events, EVENTS), ONLY=(repr(only), "''")),
        machine=machine(),
        few=few.lines,
        many=many.lines,
        few_population=described(few_population),
        many_population=described(many_population),
    )
    growths = [measured(each, few, many, folder) for each in pipelines() if only in each.name]
    sections = [line for growth in growths for line in section(growth, few, many)]
    return head + "\n".join(sections).rstrip() + "\n"


def pipelines() -> list[Ours]:
    """Return ours, to all destinations."""
    batches = (False, True) if knows_batch() else (False,)
    return [Ours(service, batch) for service in SERVICES for batch in batches]


def measured(pipeline: Ours, few: Export, many: Export, folder: Path) -> Growth:
    """Run a pipeline on both exports."""
    outcomes = []
    for export in (few, many):
        outcome = run(pipeline, export, folder / "run")
        words = f"{pipeline.name}, {export.lines:,} events: {outcome.rate:,.0f} events/s"
        memory = f"{outcome.measured.largest_mb:,.0f} MB"
        print(f"{words}, {memory}", file=sys.stderr, flush=True)
        outcomes.append(outcome)
    return Growth(pipeline.name, *outcomes)


def described(population: Population) -> str:
    """Say how many there are."""
    return f"{population.users:,} people on {population.devices:,} devices with"


def section(growth: Growth, few: Export, many: Export) -> Iterator[str]:
    """Yield the lines about one pipeline."""
    yield f"## {growth.name}\n"
    rows = [
        ["events/s", *growth.row(rate)],
        ["CPU µs an event", *growth.row(cpu)],
        ["MB of the largest process, highest", *growth.row(largest)],
        ["MB of all processes, highest", *growth.row(total)],
        ["MB of the ledger", *growth.row(ledger)],
    ]
    yield from table(["", f"{few.lines:,} events", f"{many.lines:,} events", "times"], rows)
    over = growth.many.measured.largest_mb > MEMORY_LIMIT_MB
    yield f"\nThe limit of {MEMORY_LIMIT_MB} MB is {'passed' if over else 'kept'}.\n"


if __name__ == "__main__":
    main()
