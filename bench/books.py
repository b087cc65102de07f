"""What the books cost: `python -m bench.books`.

Prints their size, the bytes of the list of deliveries that they count by, and microseconds of an
event in the process that maps and in the one that sends, above what the same costs without them.
"""

from __future__ import annotations

import argparse
import pickle
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from singer_delivery.ledger.accepted import Accepted, Gathering
from singer_delivery.ledger.books_writing import BookOfNames, Names, add_counts
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.store import Store
from singer_delivery.model import DAY, Decision, Delivery, Event
from singer_delivery.pipeline.packing import Packer
from sqlalchemy import Connection

BLOCK = 1_000
SAVE_EVERY = 5
"""Blocks between two saves: what a run delivers in a second."""

FIRST_DAY = 19_000
HOUR = DAY // 24


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--names", type=int, default=300)
    parser.add_argument("--years", type=int, default=3)
    asked = parser.parse_args()
    events, names = asked.events, asked.names
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.sqlite3"
        print(f"{asked.years} years of {names} names: {_books(path, asked.years, names):,} bytes")
        listed = Path(folder) / "list.sqlite3"
        blocks = [*_blocks(events, asked.days, names)]
        first = _sent(listed, blocks, lists=True)
        again = _sent(listed, blocks, lists=True)
        none = _sent(Path(folder) / "none.sqlite3", blocks, lists=False)
        size = listed.stat().st_size
    each = 1e6 / events
    print(f"{events:,} events of {asked.days} days in {len(blocks):,} blocks")
    print(f"on disk: {size / events:.2f} bytes an event")
    print(f"mapping process: {_mapped(100_000, names):.2f} µs an event")
    print(f"sending process, new: {(first - none) * each:.2f} µs an event")
    print(f"sending process, sent again: {(again - none) * each:.2f} µs an event")
    print(f"sending process, switched off: {none * each:.2f} µs an event")


def _books(path: Path, years: int, names: int) -> int:
    """Return the bytes of a ledger that has nothing but books of so many days."""
    dice = random.Random(7)
    store = Store(f"sqlite:///{path}", "bench", keep=True)
    with closing(store):
        before = path.stat().st_size
        book = BookOfNames(store)
        for month in range(years * 12):

            def write(connection: Connection, month: int = month) -> None:
                numbers = [book.number(each, connection) for each in _names(names)]
                counts = {
                    FIRST_DAY + month * 31 + day: {
                        number: dice.randrange(1, 50_000) for number in numbers
                    }
                    for day in range(31 if month % 12 else 24)  # 365 days a year
                }
                book.write(connection)
                add_counts(store, counts, connection)

            store.write((), (), (), (), [write])
            book.saved()
    return path.stat().st_size - before


def _names(count: int) -> list[Names]:
    return [
        Names(f"Some Event Name {number}", f"some_event_name_{number}") for number in range(count)
    ]


def _events(count: int, days: int, names: int) -> Iterator[Event]:
    dice = random.Random(8)
    of = _names(names)
    for number in range(count):
        at = FIRST_DAY * DAY + number * days * DAY // count
        name = of[int(names * dice.random() ** 3)]  # some names are frequent
        event = Event("/batch/", "event", name.name, at, {}, id=_id(number))
        event.source_name, event.source_hour = name.source_name, at // HOUR
        yield event


def _id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def _blocks(count: int, days: int, names: int) -> Iterator[bytes]:
    """Yield events as they come from a process that maps."""
    events = _events(count, days, names)
    while block := list(islice(events, BLOCK)):
        gathering = Gathering()
        for place, event in enumerate(block):
            kind = (event.source_hour, event.name, event.source_name, False)
            gathering.add(Delivery.of(event.id, event.at or 0), kind, place << 16)
        yield pickle.dumps(gathering.accepted())


def _sent(path: Path, blocks: list[bytes], *, lists: bool) -> float:
    """Return the seconds of CPU that blocks cost where they are sent."""
    with closing(Ledger(f"sqlite:///{path}", "bench", lists=lists)) as ledger:
        begun = time.process_time()
        for number, block in enumerate(blocks):
            accepted: Accepted = pickle.loads(block)  # noqa: S301 - written above
            ledger.delivered([accepted])
            if not (number + 1) % SAVE_EVERY:
                ledger.save()
        ledger.save()
        return time.process_time() - begun


def _mapped(count: int, names: int) -> float:
    """Return the microseconds of CPU that an event costs where it is mapped."""
    events, decision = [*_events(count, 1, names)], Decision()

    def run() -> None:
        for block in range(0, count, BLOCK):
            packer = Packer(1)
            for place, event in enumerate(events[block : block + BLOCK]):
                packer._list(event, decision, place << 16)  # noqa: SLF001 - only its part
            pickle.dumps(packer.result().accepted)

    return min(_timed(run) for _ in range(5)) / count * 1e6


def _timed(body: Callable[[], None]) -> float:
    begun = time.process_time()
    body()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
