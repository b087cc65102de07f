"""Puts rows in order, in memory as long as they fit and then by runs on disk.

What came in order leaves as it came, and costs a look at its order keys. Otherwise up to
`RUN_BYTES` of rows are sorted in memory; when there are more, each such run is written to one file
that only its owner may read, and the runs are merged. Rows of one key keep their place.
"""

from __future__ import annotations

import heapq
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter, le
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from singer_delivery.tap.spool import open_scratch, run_folder, spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

MIB = 1024 * 1024
RUN_BYTES = 32 * MIB
"""Bytes of the rows that are in memory at once, with `ROW_BYTES` for the key of each."""

ROW_BYTES = 350
MERGE_BYTES = 8 * MIB
"""Bytes that a merge reads ahead, in all its runs together, without their keys."""

LEAST_READ, MOST_READ = 16 * 1024, 256 * 1024
BLOCK_LINES = 256

_key = itemgetter(0)


class Comparable(Protocol):
    """What can be an order key."""

    def __lt__(self, other: Any, /) -> bool:
        """Tell whether it comes before another."""

    def __le__(self, other: Any, /) -> bool:
        """Tell whether it comes before another, or is like it."""


Key = TypeVar("Key", bound=Comparable)


@dataclass(frozen=True)
class Rows(Generic[Key]):
    """Lines, none of them with a newline in it, and their order keys."""

    lines: list[bytes]
    keys: list[Key]


def are_in_order(keys: Sequence[Key], before: Key | None = None) -> bool:
    """Tell whether rows are in order, the first of them also after `before`."""
    if before is not None and keys and keys[0] < before:
        return False
    return all(map(le, keys, keys[1:]))


class Run(NamedTuple):
    """Where a run is in the file of runs."""

    start: int
    end: int


class Sorter(Generic[Key]):
    """Rows that are put in order together.

    Args:
        keys_of: returns the order keys of lines; asked for those that come back from disk.
        spool_dir: where a folder for the file of runs is made when one is needed.
        run_bytes: how many bytes of rows are in memory at once.
    """

    def __init__(
        self,
        keys_of: Callable[[list[bytes]], list[Key]],
        spool_dir: Path,
        run_bytes: int = RUN_BYTES,
    ) -> None:
        self._keys_of = keys_of
        self._spool_dir = spool_dir
        self._run_bytes = run_bytes
        self._kept: list[Rows[Key]] = []
        self._size = 0
        self._last: Key | None = None
        self._is_ordered = True  # the rows that are kept
        self._are_joined = True  # each run begins where the one before ends
        self._runs: list[Run] = []
        self._end_of_runs: Key | None = None
        self._disk = ExitStack()
        self._file: IO[bytes] | None = None

    def close(self) -> None:
        """Delete what is on disk."""
        self._disk.close()

    def add(self, rows: Rows[Key]) -> None:
        """Take rows, in the order in which they are read.

        Raises:
            SpoolUnwritable: They must go to disk, and cannot.
        """
        self._is_ordered = self._is_ordered and are_in_order(rows.keys, self._last)
        self._kept.append(rows)
        self._last = rows.keys[-1]
        self._size += sum(map(len, rows.lines)) + ROW_BYTES * len(rows.lines)
        if self._size >= self._run_bytes:
            self._to_disk()

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield all rows in order, some at a time.

        Raises:
            SpoolUnwritable: As in `add`.
        """
        if not self._runs:
            yield from self._blocks_kept()
            return
        if self._kept:
            self._to_disk()
        with spool_errors(self._spool_dir):
            yield from self._joined() if self._are_joined else self._merged()

    def _blocks_kept(self) -> Iterator[list[bytes]]:
        if self._is_ordered:
            yield from (rows.lines for rows in self._kept)
            return
        yield from _pieces(self._sorted().lines)

    def _sorted(self) -> Rows[Key]:
        keys = [key for rows in self._kept for key in rows.keys]
        lines = [line for rows in self._kept for line in rows.lines]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return Rows([lines[at] for at in order], [keys[at] for at in order])

    def _to_disk(self) -> None:
        """Write what is kept in memory as a run."""
        if not self._is_ordered:
            self._kept = [self._sorted()]
            self._is_ordered = True
        first, last = self._kept[0].keys[0], self._kept[-1].keys[-1]
        before = self._end_of_runs
        self._are_joined = self._are_joined and (before is None or before <= first)
        self._end_of_runs = last if before is None else max(before, last)
        with spool_errors(self._spool_dir):
            file = self._file or self._open()
            start = file.tell()
            for lines in chain.from_iterable(_pieces(rows.lines) for rows in self._kept):
                file.write(b"\n".join(lines) + b"\n")
            self._runs.append(Run(start, file.tell()))
        self._kept.clear()
        self._size, self._last, self._is_ordered = 0, None, True

    def _open(self) -> IO[bytes]:
        folder = self._disk.enter_context(run_folder(self._spool_dir))
        self._file = self._disk.enter_context(open_scratch(folder / "runs"))
        return self._file

    def _joined(self) -> Iterator[list[bytes]]:
        yield from self._lines_of(Run(0, self._runs[-1].end), MOST_READ)

    def _merged(self) -> Iterator[list[bytes]]:
        share = min(max(MERGE_BYTES // len(self._runs), LEAST_READ), MOST_READ)
        runs = [self._items(self._lines_of(run, share)) for run in self._runs]
        items = heapq.merge(*runs, key=_key)  # of equal keys it takes those of earlier runs first
        while block := [line for _, line in islice(items, BLOCK_LINES)]:
            yield block

    def _lines_of(self, run: Run, share: int) -> Iterator[list[bytes]]:
        """Yield the lines of a run, about `share` bytes at a time.

        All runs are read through one file: an hour may have more of them than may be open.
        """
        file = self._file
        assert file is not None
        at, begun = run.start, b""
        while at < run.end:
            file.seek(at)
            read = file.read(min(share, run.end - at))
            at += len(read)
            *lines, begun = (begun + read).split(b"\n")
            if lines:
                yield lines

    def _items(self, blocks: Iterable[list[bytes]]) -> Iterator[tuple[Key, bytes]]:
        return chain.from_iterable(
            zip(self._keys_of(lines), lines, strict=True) for lines in blocks
        )


def _pieces(lines: list[bytes]) -> Iterator[list[bytes]]:
    return (lines[at : at + BLOCK_LINES] for at in range(0, len(lines), BLOCK_LINES))
