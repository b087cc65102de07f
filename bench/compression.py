"""`python -m bench.compression`: what it costs to compress the bodies for PostHog, and how small.

The events of a generated export, as a dry run of `target-posthog` writes them for capture v1, are
compressed in two ways: in the pieces that processes compress apart, as the target does it, and as
whole bodies of 1,000 events. Each pass is made in this process, in turns with the others, and takes
the least CPU time of the rounds: what else the machine does only adds.

Writes bench/compression.md and prints it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import zstandard
from singer_delivery.io.compression import deflated, gzipped
from singer_delivery.pipeline.dispatcher import SPREAD
from singer_delivery.pipeline.packing import PIECES_A_REQUEST, lane_of

from bench.export import Export, generated
from bench.pipelines import tap_config
from bench.processes import BIN
from bench.table import machine, number, table

EVENTS, ROUNDS = 20_000, 7
BLOCK, BODY = 1_000, 1_000
"""Records of a block and events of a request, by default."""

RESULTS = Path(__file__).parent / "compression.md"

Pieces = Sequence[bytes]
Codec = Callable[[bytes], bytes]


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.compression")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        events = list(encoded_events(Path(name), options.events))
    page = "\n".join(page_of(events, options.rounds)) + "\n"
    RESULTS.write_text(page, encoding="utf-8")
    print(page)


def encoded_events(folder: Path, count: int) -> Iterator[bytes]:
    """Yield the events of an export as they stand in bodies for capture v1."""
    export = generated(folder / "export", count)
    output = folder / "dry.jsonl"
    tap, target = _commands(folder, export, output)
    with subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reading:
        subprocess.run(target, stdin=reading.stdout, stderr=subprocess.DEVNULL, check=True)
    for line in output.read_bytes().splitlines():
        yield orjson.dumps(orjson.loads(line)["event"])


def page_of(events: Sequence[bytes], rounds: int) -> Iterator[str]:
    """Yield the lines of the page."""
    plain = sum(map(len, events)) / len(events)
    yield "# Compression of bodies for PostHog"
    yield ""
    yield f"`make bench-compression`: {machine()}."
    yield f"{len(events):,} events of {plain:,.0f} bytes of JSON; the least CPU of {rounds} rounds."
    yield ""
    yield from _tables(events, rounds)
    yield f"Two frames of zstd, one after the other, read as capture reads them: {_frames()}."
    yield "So pieces that are compressed apart can travel as gzip alone: deflated data can be put"
    yield "together to one member (`singer_delivery/io/compression.py`), and what zstd makes can be"
    yield "put together as frames alone."


def _tables(events: Sequence[bytes], rounds: int) -> Iterator[str]:
    ways = {
        f"pieces, an {_ordinal(PIECES_A_REQUEST)} of a request at most": list(pieces(events)),
        f"bodies of {BODY:,}": list(_in_bodies(events)),
    }
    head = ("bytes an event", "CPU µs an event")
    for way, parts in ways.items():
        figures = measured(parts, rounds)
        rows = [
            (name, number(size / len(events)), number(cpu * 1e6 / len(events)))
            for name, (size, cpu) in figures.items()
        ]
        yield from table((f"{len(parts):,} {way}", *head), rows)
        yield ""


def measured(parts: Pieces, rounds: int) -> dict[str, tuple[int, float]]:
    """Return for each codec how many bytes it makes, and its least CPU seconds."""
    sizes: dict[str, int] = {}
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, codec in codecs().items():
            begun = time.thread_time()
            sizes[name] = sum(len(codec(part)) for part in parts)
            seconds[name].append(time.thread_time() - begun)
    return {name: (sizes[name], min(seconds[name])) for name in sizes}


def codecs() -> dict[str, Codec]:
    """Return what is compared, by its name."""
    zstd = {
        f"zstd, level {level}": zstandard.ZstdCompressor(level=level).compress
        for level in (-1, 1, 3)
    }
    return {
        "deflate of ISA-L, level 1 (the target's)": lambda part: deflated(part).data,
        "deflate of zlib, level 1": lambda part: zlib.compress(part, 1),
        "deflate of zlib, level 6": lambda part: zlib.compress(part, 6),
        **zstd,
    }


def pieces(events: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the contents of the pieces that the target makes of events."""
    most = BODY // PIECES_A_REQUEST
    for start in range(0, len(events), BLOCK):
        groups: defaultdict[int, list[bytes]] = defaultdict(list)
        for event in events[start : start + BLOCK]:
            groups[lane_of(orjson.loads(event)["distinct_id"]) % SPREAD].append(event)
        for group in groups.values():
            for first in range(0, len(group), most):
                yield b",".join(group[first : first + most])


def _in_bodies(events: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(events)
    while some := list(islice(rest, BODY)):
        yield b",".join(some)


def _frames() -> str:
    """Return what a decoder that reads one frame, as capture's does, makes of two."""
    compress = zstandard.ZstdCompressor().compress
    found = zstandard.ZstdDecompressor().decompressobj().decompress(compress(b"a") + compress(b"b"))
    assert zlib.decompress(gzipped([deflated(b"a"), deflated(b"b")]), 31) == b"ab"
    return f"of `a` and `b` comes `{found.decode()}`"


def _ordinal(count: int) -> str:
    return {8: "eighth"}.get(count, f"{count}th")


def _commands(folder: Path, export: Export, output: Path) -> tuple[list[str], list[str]]:
    settings: dict[str, Any] = {
        "dry_run": True,
        "capture": "v1",
        "output_path": str(output),
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "report_path": str(folder / "report.json"),
        "dead_letter_path": str(folder / "dead-letters.singer"),
    }
    config = {"tap": tap_config(export, folder, batch=False), "target": settings}
    paths = {name: folder / f"{name}.json" for name in config}
    for name, path in paths.items():
        path.write_text(json.dumps(config[name]))
    return (
        [str(BIN / "tap-amplitude"), "--config", str(paths["tap"])],
        [str(BIN / "target-posthog"), "--config", str(paths["target"])],
    )


if __name__ == "__main__":
    main()
