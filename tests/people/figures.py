"""Prints how far each destination is from what Amplitude knows: `python -m tests.people.figures`.

Runs `tap-amplitude | target-…` over one export for each way of running it; options say how large.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.people.export import Export
from tests.people.judge import Counts
from tests.people.runs import PROJECTS, judged, piped


def main() -> None:
    """Print a table: a row for each kind of fault, a column for each run."""
    options = _options()
    export = Export(options.seed, options.users)
    truth = export.truth
    _say(
        f"{len(export.lines):,} rows, {len(truth.users):,} users, {len(truth.owners):,} devices, "
        f"{len(truth.shared):,} of them shared; an hour in {options.parts} parts\n"
    )
    found: dict[str, Counts] = {}
    for project in PROJECTS:
        with tempfile.TemporaryDirectory() as folder, project.open() as fake:
            piped(
                export, Path(folder), project, fake, parts=options.parts, batch=options.batch,
                processes=options.processes,
            )  # fmt: skip
            found[str(project)] = judged(export, project, fake)
    _print(found, examples=options.examples)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--parts", type=int, default=8, help="files an hour has")
    parser.add_argument("--batch", action="store_true", help="BATCH messages, not RECORD")
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--examples", action="store_true", help="name a few of each kind")
    return parser.parse_args()


def _print(found: dict[str, Counts], *, examples: bool) -> None:
    kinds = dict.fromkeys(kind for counts in found.values() for kind in counts)
    _say(f"{'':38}" + "".join(f"{name:>22}" for name in found))
    for kind in kinds:
        cells = [_cell(counts, kind) for counts in found.values()]
        _say(f"{kind:38}" + "".join(f"{cell:>22}" for cell in cells))
        for name, counts in found.items() if examples else ():
            for each in counts[kind].examples if kind in counts else ():
                _say(f"    {name}: {each}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _cell(counts: Counts, kind: str) -> str:
    return f"{counts[kind].wrong:,} of {counts[kind].of:,}" if kind in counts else "-"


if __name__ == "__main__":
    main()
