"""`python -m bench.order`: what it costs the tap to put the rows of an hour in order.

One hour of generated events, as one part in order and as eight parts into which its rows were dealt
at random. Each pass is made in this process, in turns with the pass that puts nothing in order, and
prints CPU µs an event, the least of the rounds: what else the machine does only adds. `--memory`
also runs the tap over an hour of `--rows` small rows and over a tenth of it, and prints the most
memory that each took.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from logging import getLogger
from pathlib import Path

import msgspec
from singer_delivery.io.line_files import open_blocks
from singer_delivery.io.retry import Clock
from singer_delivery.sdk.raw_stream import record_head, spliced
from singer_delivery.tap.bad_lines import BadLines, sound_keys
from singer_delivery.tap.handover import Handover
from tap_amplitude.archive import Archive
from tap_amplitude.hours import Hours
from tap_amplitude.order import key_of, keys_of_sound
from tap_amplitude.settings import Settings
from tap_amplitude.sources import Hour

from bench.export import generated
from bench.table import table

EVENTS, ROUNDS, PARTS = 10_000, 9, 8
ROWS, AT_ONCE = 400_000, 10_000
HEAD = record_head("events")
TAIL = b',"time_extracted":"2024-01-01T00:00:00+00:00"}\n'
TAP = Path(sys.executable).parent / "tap-amplitude"

_skip = msgspec.json.Decoder(msgspec.Raw).decode


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.order")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print("\n".join(costs(Path(name), options.events, options.rounds)))
    if options.memory:
        for rows in (options.rows // 10, options.rows):
            with tempfile.TemporaryDirectory() as name:
                print(f"{rows:,} rows in {PARTS} parts: {peak_mb(Path(name), rows):,.0f} MB")


def costs(folder: Path, events: int, rounds: int) -> Iterator[str]:
    """Yield the lines of a table: the passes, with their CPU µs an event."""
    export = generated(folder / "export", events)
    paths = [file.path for file in export.files]
    lines = [line for path in paths for lines in open_blocks(path) for line in lines if line]
    lines = [line for line in lines if sound_keys([line], keys_of_sound) is not None]
    lines.sort(key=key_of)
    one, eight = _hour(folder / "one", [lines]), _hour(folder / "eight", dealt(lines, PARTS))
    passes: dict[str, Callable[[], object]] = {
        "RECORD, put in no order, one part": lambda: _unsorted(one),
        "RECORD, one part in order": lambda: _records(one, folder),
        f"RECORD, put in no order, {PARTS} parts": lambda: _unsorted(eight),
        f"RECORD, {PARTS} parts": lambda: _records(eight, folder),
        "BATCH, one part in order": lambda: _files(one, folder),
        f"BATCH, {PARTS} parts": lambda: _files(eight, folder),
    }
    spent: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(rounds):
        for name, run in passes.items():
            start = time.process_time()
            run()
            spent[name].append((time.process_time() - start) * 1e6 / len(lines))
    yield from table(
        ["CPU µs an event", "least"],
        [[name, f"{min(each):.1f}"] for name, each in spent.items()],
    )


def dealt(lines: list[bytes], parts: int) -> list[list[bytes]]:
    """Return the lines in so many parts, each in order, as uploads come to shards."""
    chance = random.Random(parts)
    found: list[list[bytes]] = [[] for _ in range(parts)]
    for line in lines:
        chance.choice(found).append(line)
    return found


def peak_mb(folder: Path, rows: int) -> float:
    """Return the MB that the tap takes at most for an hour of so many rows, in eight parts."""
    (exported := folder / "export").mkdir()
    with ExitStack() as stack:
        files = [stack.enter_context(gzip.open(_path(exported, n), "wb", 1)) for n in range(PARTS)]
        for start in range(0, rows, AT_ONCE):
            for part, file in enumerate(files):
                numbers = range(start + part, min(start + AT_ONCE, rows), PARTS)
                file.write(b"".join(small_row(number) for number in numbers))
    config = folder / "config.json"
    config.write_text(
        json.dumps({"archive_path": str(exported), "spool_dir": str(folder / "spool")})
    )
    process = subprocess.Popen(
        [TAP, "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit("The tap failed.")
    return used.ru_maxrss / 1024


def small_row(number: int) -> bytes:
    """Return a row of some 200 bytes."""
    at = f"2024-03-01 10:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}000"
    return (
        b'{"server_upload_time":"%b","event_time":"%b","event_id":%d,"event_type":"Opened",'
        b'"uuid":"00000000-0000-4000-8000-%012d","user_id":"person-%d"}\n'
        % (at.encode(), at.encode(), number, number, number % 1000)
    )


def _path(folder: Path, part: int) -> Path:
    return folder / f"1_2024-03-01_10#{part}.json.gz"


def _hour(folder: Path, parts: list[list[bytes]]) -> Hour:
    folder.mkdir()
    for number, part in enumerate(parts):
        _path(folder, number).write_bytes(gzip.compress(b"\n".join(part)))
    archive = Archive(str(folder))
    return Hour(archive, archive.files())


def _write(blocks: Iterable[list[bytes]]) -> None:
    with Path(os.devnull).open("wb") as sink:
        sink.writelines(spliced(HEAD, lines, TAIL) for lines in blocks)


def _unsorted(hour: Hour) -> None:
    """Make sure that each line is a JSON object, and write it."""
    for file in hour.files:
        _write(_checked(hour.archive.blocks(file)))


def _checked(blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    for block in blocks:
        lines = [*filter(None, map(bytes.strip, block))]
        for line in lines:
            _skip(line)
        if all(line.isascii() or line.decode() for line in lines):
            yield lines


def _records(hour: Hour, folder: Path) -> None:
    _write(_hours(folder).rows(hour))


def _files(hour: Hour, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        handover = Handover(Path(name), "", Clock(), lambda: False)
        for path in _hours(folder).files(hour, handover, lambda: None, _write):
            path.unlink()


def _hours(folder: Path) -> Hours:
    settings = Settings.of_config({"archive_path": str(folder), "spool_dir": str(folder / "spool")})
    return Hours(settings, BadLines(settings.spool_dir, getLogger(__name__)))


if __name__ == "__main__":
    main()
