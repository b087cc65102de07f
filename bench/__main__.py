"""`python -m bench`: our pipes and their peers on one export, side by side, in turns.

Writes bench/results.md and prints it. Fails when one of our runs lost anything, or took more memory
than it may.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.export import generated
from bench.processes import RunFailed
from bench.results import Page
from bench.startup import start_ups
from bench.table import recipe
from bench.trials import comparisons, floor, parts, run_rounds, warm_up

EVENTS, ROUNDS = 200_000, 3
RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    """Run the rounds and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    try:
        page = measured(options.events, options.rounds)
    except RunFailed as error:
        sys.exit(str(error))
    RESULTS.write_text(page.text(), encoding="utf-8")
    print(page.text())
    if page.over_memory():
        sys.exit("\n".join(page.over_memory()))


def measured(events: int, rounds: int) -> Page:
    """Run everything and return the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exports = parts(generated(folder / "export", events), folder)
        base = floor(exports)
        compared = comparisons(exports, folder)
        for each in compared:
            warm_up(each, folder)
        trials = [base, *(trial for each in compared for trial in each.trials)]
        results = run_rounds(trials, rounds, folder)
    command = recipe("bench", N=(events, EVENTS), ROUNDS=(rounds, ROUNDS))
    return Page(command, rounds, exports, base, compared, results, start_ups())


if __name__ == "__main__":
    main()
