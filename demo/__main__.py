"""Run the demonstration: `python -m demo`, or `make demo`, which installs Meltano first.

`--target`, given once or more often, moves to those destinations only.

Stand-ins for the sources serve the bundled exports, and Meltano moves them with the real
connectors into stand-ins for the destinations; all listen on this machine only.
Everything of a run lies in `.demo/`, which each run empties first. The environment variable
`MELTANO` names the executable.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from demo import pipeline, summary
from demo.amplitude import Amplitude
from demo.mixpanel import Mixpanel
from demo.posthog import PostHog
from demo.sources import AmplitudeExport, MixpanelExport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from demo.destination import Destination
    from demo.sources import Source

FILES = pipeline.ROOT / ".demo"
JOURNEYS: Sequence[tuple[type[Source], type[Destination]]] = (
    (AmplitudeExport, PostHog),
    (AmplitudeExport, Mixpanel),
    (MixpanelExport, Amplitude),
)


def main(words: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 when everything adds up at every destination."""
    chosen = _chosen(words)
    meltano = shutil.which(os.environ.get("MELTANO", "meltano"))
    if meltano is None:
        print("Meltano was not found. `make demo` installs it; or name it in MELTANO.")
        return 127
    shutil.rmtree(FILES, ignore_errors=True)
    codes = [
        move(meltano, source(), destination())
        for source, destination in JOURNEYS
        if destination.target in chosen
    ]
    return next((code for code in codes if code), 0)


def _chosen(words: Sequence[str] | None) -> list[str]:
    """Return the targets that the command line names; all where it names none."""
    targets = [destination.target for _, destination in JOURNEYS]
    parser = argparse.ArgumentParser(prog="python -m demo", description="Run the demonstration.")
    parser.add_argument("--target", action="append", choices=targets, help="Move to this one only.")
    return parser.parse_args(words).target or targets


def move(meltano: str, source: Source, destination: Destination) -> int:
    """Move an export to a destination and show what arrived; return 0 when it adds up."""
    files = FILES / destination.target
    files.mkdir(parents=True)
    with source.stand_in, destination.stand_in:
        settings = {
            **source.settings(files),
            **pipeline.file_settings(destination.target, files),
            **destination.settings(),
        }
        variables = pipeline.environment(settings, files)
        code = pipeline.run(meltano, source.tap, destination.target, variables)
        if code != 0:
            print(f"\nMeltano ended with exit code {code}; its last lines above say why.")
            return code
        return show(destination, files) or prove(meltano, destination, files, variables)


def show(destination: Destination, files: Path) -> int:
    """Print what arrived; return 0 when it is what the sample is known to hold."""
    path = pipeline.report_path(files)
    if not path.exists():
        print("\nMeltano ended well, yet there is no report of the run: nothing was loaded.")
        return 1
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    outcome = destination.outcome(report)
    print("\n".join(summary.lines(destination.service, outcome, report)))
    folder = os.path.relpath(files, pipeline.ROOT)
    print(f"The run's report, dead letters and ledger are in {folder}/.", flush=True)
    return 0 if all(check.holds for check in outcome.checks) else 1


def prove(meltano: str, destination: Destination, files: Path, variables: Mapping[str, str]) -> int:
    """Ask the stand-in whether all is there, and write the page to sign; return 0 when it is."""
    if destination.is_asked:
        code = pipeline.invoke(meltano, destination.target, "verify", (), variables)
        if code != 0:
            print(f"\nThe stand-in does not hold what was accepted: exit code {code}.")
            return code
    page = ["--output", str(files / "report.html")]
    return pipeline.invoke(meltano, destination.target, "report", page, variables)


if __name__ == "__main__":
    sys.exit(main())
