"""`python -m bench`: a generated export through `tap-amplitude | target-posthog`, beside the floor.

The floor is what reading costs whoever reads it: gunzip and one JSON parse a line, nothing else.
The stand-in for PostHog runs in this process and keeps every event, so that loss would show; it
takes its share of the machine's cores.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.company import Company
from tests.fakes.exactly_once import assert_exactly_once
from tests.fakes.posthog import FakePostHog

BIN = Path(sys.executable).parent
PROJECT = 187520
MEMORY_LIMIT_MB = 200
FLOOR = """
import gzip, pathlib, sys, orjson
lines = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.json.gz")):
    with gzip.open(path) as file:
        for line in file:
            orjson.loads(line)
            lines += 1
print(lines)
"""


@dataclass(frozen=True)
class Measured:
    """One run: wall time, and of each process its CPU seconds and peak memory in MB."""

    seconds: float
    cpu: tuple[float, ...]
    peak_mb: tuple[float, ...]


def resident_mb(pid: int) -> float:
    """Return what a process holds in memory now, in MB; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


class PeakMemory(threading.Thread):
    """Watches a process until it ends.

    The kernel's own figure for a child that ended (`ru_maxrss`) counts what its parent held before
    the child was another program; the high-water mark of the running one does not.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._peak_kb = 0
        self.start()

    def run(self) -> None:
        """Look twenty times a second."""
        while (found := self._high_water_mark()) is not None:
            self._peak_kb = found
            time.sleep(0.05)

    def result(self) -> float:
        """Return the highest use seen, in MB."""
        self.join()
        return self._peak_kb / 1024

    def _high_water_mark(self) -> int | None:
        try:
            lines = self._status.read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def write_export(company: Company, folder: Path) -> None:
    """Write the export as Amplitude's bucket export lays it out."""
    for hour, lines in company.hours().items():
        name = f"{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#1.json.gz"
        (folder / name).write_bytes(gzip.compress(b"\n".join(lines), 6))


def measure(commands: Sequence[Sequence[str]]) -> Measured:
    """Run commands as a pipe and wait for each; fail when one fails."""
    start = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        process = subprocess.Popen(
            command,
            stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if last else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if processes and processes[-1].stdout:
            processes[-1].stdout.close()
        processes.append(process)
    watches = [PeakMemory(process.pid) for process in processes]
    cpu = []
    for process, command in zip(processes, commands, strict=True):
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{command[0]} failed:\n{errors.decode(errors='replace')[-2000:]}")
        cpu.append(usage.ru_utime + usage.ru_stime)
    seconds = time.perf_counter() - start
    return Measured(seconds, tuple(cpu), tuple(watch.result() for watch in watches))


def pipe(folder: Path, work: Path, company: Company) -> Measured:
    """Send the whole export once, into a stand-in that must hold exactly what it should."""
    with FakePostHog() as posthog:
        tap = {"archive_path": str(folder), "spool_dir": str(work / "spool")}
        target = {
            "api_key": "phc_bench",
            "host": posthog.url,
            "ledger_url": f"sqlite:///{work / 'ledger.sqlite3'}",
            "dead_letter_path": str(work / "dead-letters.singer"),
            "report_path": str(work / "report.json"),
        }
        (work / "tap.json").write_text(json.dumps(tap))
        (work / "target.json").write_text(json.dumps(target))
        measured = measure(
            [
                [str(BIN / "tap-amplitude"), "--config", str(work / "tap.json")],
                [str(BIN / "target-posthog"), "--config", str(work / "target.json")],
            ]
        )
        check(posthog, work, company)
    return measured


def check(posthog: FakePostHog, work: Path, company: Company) -> None:
    """Fail unless everything arrived once and the report adds up."""
    truth = company.truth()
    updates = {"$create_alias", "$groupidentify", "$set"}
    stored = [event["uuid"] for event in posthog.stored() if event["event"] not in updates]
    assert_exactly_once(stored, truth.events)
    counts = json.loads((work / "report.json").read_text())["streams"]["events"]
    decided = counts["delivered"] + sum(counts["skipped"].values()) + sum(counts["dead"].values())
    assert counts["read"] == decided == truth.lines, counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "export"
        folder.mkdir()
        company = Company(events=options.events)
        write_export(company, folder)
        floors, pipes = [], []
        for number in range(options.rounds):
            work = Path(name) / str(number)
            work.mkdir()
            floors.append(measure([[sys.executable, "-c", FLOOR, str(folder)]]))
            pipes.append(pipe(folder, work, company))
    show(options.events, floors, pipes)


def show(events: int, floors: Sequence[Measured], pipes: Sequence[Measured]) -> None:
    """Print medians over the rounds, with their spread."""
    floor = statistics.median(events / each.seconds for each in floors)
    speeds = [events / each.seconds for each in pipes]
    speed = statistics.median(speeds)
    tap_mb, target_mb = (max(each.peak_mb[index] for each in pipes) for index in (0, 1))
    tap_cpu, target_cpu = (
        statistics.median(each.cpu[index] for each in pipes) / events * 1e6 for index in (0, 1)
    )
    print(f"{events:,} events, {len(pipes)} rounds, {os.cpu_count()} cores")
    print(f"floor: gunzip and parse alone      {floor:>10,.0f} events/s")
    print(
        f"tap-amplitude | target-posthog     {speed:>10,.0f} events/s "
        f"({min(speeds):,.0f} to {max(speeds):,.0f}), {floor / speed:.1f} times the floor"
    )
    print(f"CPU an event: tap {tap_cpu:.1f} µs, target {target_cpu:.1f} µs")
    print(
        f"peak memory: tap {tap_mb:.0f} MB, target {target_mb:.0f} MB (limit {MEMORY_LIMIT_MB} MB)"
    )
    print("everything arrived exactly once; read = delivered + skipped + dead")
    if max(tap_mb, target_mb) > MEMORY_LIMIT_MB:
        sys.exit("over the memory limit")


if __name__ == "__main__":
    main()
