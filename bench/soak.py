"""`python -m bench.soak`: millions of events through the pipe while some requests fail.

Prints the memory of both commands every ten seconds, all their processes counted, and at its end
whether every event arrived and none twice: the stand-in keeps eight bytes of what the service knows
an event by, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench import mixpanel_rows
from bench.export import SEED, Export, crowd, crowd_lines
from bench.pipelines import Ours
from bench.proc import memory_mb, tree
from bench.processes import Measured, Pipe, RunFailed
from bench.services import SERVICES
from bench.stand_ins import (
    CountingAmplitude,
    CountingMixpanel,
    CountingPostHog,
    CountingService,
)

EVENTS, FAULTS = 5_000_000, 0.01
PRINT_EVERY = 10.0
"""Seconds."""

NAMES = ("tap", "target")
STAND_INS = {
    "target-posthog": CountingPostHog,
    "target-mixpanel": CountingMixpanel,
    "target-amplitude": CountingAmplitude,
}
TARGETS = {each.name.lower(): (each, STAND_INS[each.target]) for each in SERVICES}


def main() -> None:
    """Run the soak."""
    options = _options()
    service, stand_in = TARGETS[options.target]
    with tempfile.TemporaryDirectory() as name, stand_in(options.seed, options.faults) as running:
        work = Path(name) / "work"
        export = written(Path(name) / "export", options)
        work.mkdir()
        ours = Ours(service, options.batch, tap=f"tap-{options.source}")
        try:
            measured = watched(ours.start(export, work, running.url), running)
        except RunFailed as error:
            sys.exit(str(error))
        show(export, json.loads((work / "report.json").read_text()), running, measured)


def written(folder: Path, options: argparse.Namespace) -> Export:
    """Write the export."""
    lines = crowd_lines(options.events)
    copies = round(options.events / lines)
    if options.source == "mixpanel":
        export = mixpanel_rows.crowd(folder, lines, copies, options.seed)
        print(f"{export.lines:,} events written", flush=True)
        return export
    export, people = crowd(folder, lines, copies, options.seed)
    print(f"{export.lines:,} events of {people.users:,} people written", flush=True)
    return export


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--source", choices=["amplitude", "mixpanel"], default="amplitude")
    parser.add_argument("--target", choices=list(TARGETS), default="posthog")
    parser.add_argument("--batch", action="store_true", help="let the tap hand over files")
    parser.add_argument("--faults", type=float, default=FAULTS, help="share of requests that fail")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


def watched(pipe: Pipe, running: CountingService) -> Measured:
    """Wait for the pipe, printing how far it has come and what memory it takes."""
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(pipe, running, ended), daemon=True)
    teller.start()
    try:
        return pipe.wait()
    finally:
        ended.set()
        teller.join()


def _tell(pipe: Pipe, running: CountingService, ended: threading.Event) -> None:
    start = time.monotonic()
    while not ended.wait(PRINT_EVERY):
        taken = [sum(memory_mb(pid)[0] for pid in tree(each.pid)) for each in pipe.processes]
        words = "  ".join(f"{name} {mb:4.0f} MB" for name, mb in zip(NAMES, taken, strict=True))
        seconds = time.monotonic() - start
        print(f"{seconds:6.0f} s  {len(running.seen):>10,} arrived  {words}", flush=True)


def show(
    export: Export, report: dict[str, Any], running: CountingService, measured: Measured
) -> None:
    """Print the result; fail unless it adds up."""
    counts = report["streams"]["events"]
    delivered, dead = counts["delivered"], sum(counts["dead"].values())
    skipped = sum(counts["skipped"].values())
    sent = sum(report["sent"].get(kind, 0) for kind in ("event", "creation"))
    kept = len(set(running.seen))
    lost, doubled = max(sent - kept, 0), max(kept - sent, 0)
    peaks = zip(NAMES, measured.usages, strict=True)
    seconds = measured.seconds
    print(f"{export.lines:,} events in {seconds:,.0f} s: {export.lines / seconds:,.0f} events/s")
    print("peak memory: " + ", ".join(f"{name} {it.total_mb:.0f} MB" for name, it in peaks))
    print(f"faults played: {running.faults_played:,} of {running.requests:,} requests")
    print(
        f"read {counts['read']:,} = {delivered:,} delivered + {skipped:,} skipped + {dead:,} dead"
    )
    print(f"events sent {sent:,}, kept {kept:,}: lost {lost:,}, doubled {doubled:,}")
    twice = len(running.seen) - kept
    print(f"arrived more than once (lost replies; the service keeps one): {twice:,}")
    if {counts["read"], delivered + skipped + dead} != {export.lines} or lost or doubled:
        sys.exit("it does not add up")


if __name__ == "__main__":
    main()
