"""`python -m bench.soak`: millions of events through the pipe while one request in a hundred fails.

Prints the memory of both processes every ten seconds, and at its end whether every event arrived:
the stand-in keeps eight bytes of each event's uuid, and nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path

import orjson

from bench.__main__ import BIN, PROJECT, resident_mb
from tests.fakes.company import Company
from tests.fakes.exchanges import DropConnection, Exchange, LoseReply, Reply
from tests.fakes.server import FakeServer

OK = Reply(200, b'{"status":"Ok"}')
FAULTS = (Reply(503), Reply(429, headers={"Retry-After": "0"}), LoseReply(), DropConnection())
FAULT_RATE = 0.01
UPDATES = {"$create_alias", "$groupidentify", "$set"}


class CountingPostHog(FakeServer):
    """Takes every event, and forgets all of it but a part of its uuid."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seen = array("Q")
        self.faults_played = 0
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def answer(self, exchange: Exchange, body: bytes) -> Reply:  # noqa: ARG002 - every address is the same
        """Keep what identifies the events."""
        events = orjson.loads(gzip.decompress(body))["batch"]
        ids = [int(e["uuid"][:8] + e["uuid"][-8:], 16) for e in events if e["event"] not in UPDATES]
        with self._lock:
            self.seen.extend(ids)
            self.journal.clear()
            if self._chance.random() < FAULT_RATE:
                self.faults_played += 1
                self.misbehave(self._chance.choice(FAULTS))
        return OK


def export(company: Company, folder: Path) -> int:
    """Write the export as files; return how many lines it has."""
    lines = 0
    for hour, rows in company.stream():
        name = f"{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#1.json.gz"
        (folder / name).write_bytes(gzip.compress(b"\n".join(rows), 1))
        lines += len(rows)
    return lines


def main() -> None:
    """Run the soak."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, CountingPostHog(options.seed) as posthog:
        work = Path(name)
        (work / "export").mkdir()
        company = Company(seed=options.seed, events=options.events, hours=30 * 24)
        lines = export(company, work / "export")
        print(f"{lines:,} events written; starting the pipe", flush=True)
        seconds = run(work, posthog)
        counts = json.loads((work / "report.json").read_text())
        show(lines, counts, posthog, seconds)


def run(work: Path, posthog: CountingPostHog) -> float:
    """Run the pipe to its end, printing memory; return the seconds it took."""
    tap = {"archive_path": str(work / "export"), "spool_dir": str(work / "spool")}
    target = {
        "api_key": "phc_soak",
        "host": posthog.url,
        "ledger_url": f"sqlite:///{work / 'ledger.sqlite3'}",
        "dead_letter_path": str(work / "dead-letters.singer"),
        "report_path": str(work / "report.json"),
    }
    (work / "tap.json").write_text(json.dumps(tap))
    (work / "target.json").write_text(json.dumps(target))
    start = time.monotonic()
    with (work / "log").open("wb") as log:
        source = subprocess.Popen(
            [str(BIN / "tap-amplitude"), "--config", str(work / "tap.json")],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        sink = subprocess.Popen(
            [str(BIN / "target-posthog"), "--config", str(work / "target.json")],
            stdin=source.stdout,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        assert source.stdout is not None
        source.stdout.close()
        while sink.poll() is None:
            print(
                f"{time.monotonic() - start:6.0f} s  {len(posthog.seen):>10,} arrived  "
                f"tap {resident_mb(source.pid):4.0f} MB  target {resident_mb(sink.pid):4.0f} MB",
                flush=True,
            )
            for _ in range(100):
                if sink.poll() is not None:
                    break
                time.sleep(0.1)
        source.wait()
    if source.returncode or sink.returncode:
        sys.exit((work / "log").read_text()[-3000:])
    return time.monotonic() - start


def show(lines: int, report: dict[str, object], posthog: CountingPostHog, seconds: float) -> None:
    """Print the result; fail unless it adds up."""
    counts = report["streams"]["events"]  # type: ignore[index]
    delivered, dead = counts["delivered"], sum(counts["dead"].values())
    skipped = sum(counts["skipped"].values())
    distinct = len(set(posthog.seen))
    sent = report["sent"]["event"]  # type: ignore[index]
    print(f"{lines:,} events in {seconds:,.0f} s: {lines / seconds:,.0f} events/s")
    print(f"faults played: {posthog.faults_played:,}")
    print(
        f"read {counts['read']:,} = {delivered:,} delivered + {skipped:,} skipped + {dead:,} dead"
    )
    print(f"events sent {sent:,}, different events arrived {distinct:,}, lost {sent - distinct:,}")
    twice = len(posthog.seen) - distinct
    print(f"arrived more than once (lost replies; PostHog keeps one): {twice:,}")
    if counts["read"] != lines or delivered + skipped + dead != lines or sent != distinct:
        sys.exit("it does not add up")


if __name__ == "__main__":
    main()
