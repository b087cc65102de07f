"""What the list of deliveries costs: `python -m bench.deliveries`.

Prints bytes on disk and in memory, and microseconds of an event: to be asked for, to be listed, to
be read again in a later run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from singer_delivery.ledger.accepted import Accepted, Gathering
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import DAY, Delivery

BLOCK = 1_000
SAVE_EVERY = 10_000
"""Events between two saves: what a run delivers in a second."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        empty = _listed(path, 0, 1)[1]
        path.unlink()
        seconds, size = _listed(path, asked.events, asked.days)
        again = _asked(path, asked.events, asked.days)
    each = 1e6 / asked.events
    print(f"{asked.events:,} events of {asked.days} days")
    print(f"on disk: {(size - empty) / asked.events:.2f} bytes an event")
    print(f"first run, asked and listed: {seconds * each:.2f} µs an event")
    print(f"later run, each found in the list: {again * each:.2f} µs an event")
    print(f"of these the key itself: {_keys(asked.events) * each:.2f} µs")


def _events(count: int, days: int) -> Iterator[Delivery]:
    for number in range(count):
        day = 20_000 + number * days // count
        yield Delivery.of(f"{number:08x}-0000-4000-8000-{number:012x}", day * DAY)


def _accepted(block: list[Delivery]) -> Accepted:
    """Return events as the process that maps hands them over."""
    gathering = Gathering()
    for place, each in enumerate(block):
        gathering.add(each, (0, "", "", True), place << 16)
    return gathering.accepted()


def _listed(path: Path, count: int, days: int) -> tuple[float, int]:
    """Return the seconds of a first run, and the bytes of its ledger."""
    ledger = Ledger(f"sqlite:///{path}", "bench", now=time.time)

    def run() -> None:
        events = _events(count, days)
        done = 0
        while block := list(islice(events, BLOCK)):
            assert not any(map(ledger.was_delivered, block))
            ledger.delivered([_accepted(block)])
            done += len(block)
            if not done % SAVE_EVERY:
                ledger.save()

    seconds = _timed(run)
    ledger.end_well()
    ledger.close()
    return seconds, path.stat().st_size


def _asked(path: Path, count: int, days: int) -> float:
    ledger = Ledger(f"sqlite:///{path}", "bench", now=time.time)
    seconds = _timed(lambda: _all_known(ledger, count, days))
    ledger.close()
    return seconds


def _all_known(ledger: Ledger, count: int, days: int) -> None:
    assert all(map(ledger.was_delivered, _events(count, days)))


def _keys(count: int) -> float:
    return _timed(lambda: [None for _ in _events(count, 1)] and None)


def _timed(body: Callable[[], None]) -> float:
    begun = time.perf_counter()
    body()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
