"""Deals lines of the export into the order of their days, and says which of them are no rows."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import msgspec
from analytics_records.mixpanel.row import milliseconds
from singer_delivery.tap.bad_lines import made_sound, sound_keys
from singer_delivery.tap.sorting import Rows, Sorter

from tap_mixpanel.project import LIVE_ROWS_A_DAY, Project
from tap_mixpanel.rows import UNDATED, Heads, Row, day_text, keys_of, read_rows
from tap_mixpanel.time_frame import Live

NO_ROW = "it is no row of the export, which has an event and properties"
RUN_BYTES = 24 * 1024 * 1024
"""Bytes of the rows of one window in memory; the next one is dealt meanwhile."""

BLOCK_LINES = 256
_day = itemgetter(slice(0, 7))


class Broken(NamedTuple):
    """A line that is no row: its number in the file, why, and the line."""

    number: int
    why: str
    line: bytes


@dataclass
class DayOfRows:
    """The rows of one day in order, each with its head; see `rows`.

    Attributes:
        day: ISO 8601; None for rows of an archive that have no day.
        blocks: the rows, some at a time. Read them before the next day.
    """

    day: str | None
    blocks: Iterator[list[bytes]]


class Dealt:
    """Rows of some days, in order.

    Attributes:
        identity_merge: what was known of it when they were dealt.
        broken: the lines that are no rows.
        read: how many lines with text there were.
    """

    def __init__(self, dealers: Sequence[Dealer]) -> None:
        self._dealers = dealers
        self.identity_merge = dealers[-1].project.merge.mode if dealers else None
        self.broken = [broken for dealer in dealers for broken in dealer.broken]
        self.read = sum(dealer.read for dealer in dealers)

    def days(self) -> Iterator[DayOfRows]:
        """Yield the days that have rows, in order; `None` comes last.

        Raises:
            SpoolUnwritable: The disk does not give rows back.
        """
        for number, rows in groupby(self._rows(), key=_day):
            day = int(number)
            yield DayOfRows(None if day == UNDATED else day_text(day), _in_blocks(rows))

    def close(self) -> None:
        """Delete what is on disk."""
        with ExitStack() as stack:
            for dealer in self._dealers:
                stack.callback(dealer.close)

    def _rows(self) -> Iterator[bytes]:
        sorted_rows = [chain.from_iterable(dealer.sorter.blocks()) for dealer in self._dealers]
        if len(sorted_rows) == 1:
            return sorted_rows[0]
        return heapq.merge(*sorted_rows)  # heads come first, and compare as bytes do


@dataclass
class Dealer:
    """Takes the lines of one file or answer.

    Attributes:
        project: what is known of the project; it learns from the rows.
        heads: puts their heads before them.
        spool_dir: where rows go that do not fit into memory.
        run_bytes: bytes of them that do.
        broken: the lines that are no rows.
        read: how many lines with text there were.
        ends_broken: whether the last line with text is no row.
    """

    project: Project
    heads: Heads
    spool_dir: Path
    run_bytes: int = RUN_BYTES
    broken: list[Broken] = field(default_factory=list)
    read: int = 0
    ends_broken: bool = False

    def __post_init__(self) -> None:
        self.sorter = Sorter(keys_of, self.spool_dir, self.run_bytes)
        self._number = 0
        self._live: Counter[int] = Counter()

    def close(self) -> None:
        """Delete what is on disk."""
        self.sorter.close()

    def add(self, block: list[bytes]) -> None:
        """Take lines, not stripped.

        Raises:
            SpoolUnwritable: They must go to disk, and cannot.
        """
        lines = [*filter(None, map(bytes.strip, block))]
        rows = sound_keys(lines, read_rows)
        if rows is None:
            lines, rows = self._sifted(block)
        elif lines:
            self.ends_broken = False
        self.read += len(lines)
        self._number += len(block)
        if lines:
            self._take(lines, rows)

    def _take(self, lines: list[bytes], rows: list[Row]) -> None:
        self.project.merge.look_at(lines, [row.event for row in rows])
        heads = [*map(self.heads.of, rows, lines)]
        wanted = {day for day in set(map(_day, heads)) if self._wants_live(int(day))}
        if wanted:
            for head, row in zip(heads, rows, strict=True):
                if _day(head) in wanted:
                    self._look_at(int(_day(head)), row)
        with_heads = [head + line for head, line in zip(heads, lines, strict=True)]
        self.sorter.add(Rows(with_heads, keys_of(with_heads)))

    def _wants_live(self, day: int) -> bool:
        """Tell whether more live rows of a day are held against the frame: a few of each are."""
        return day != UNDATED and self._live[day] < LIVE_ROWS_A_DAY

    def _look_at(self, day: int, row: Row) -> None:
        if not self._wants_live(day):
            return
        properties = row.properties
        time, receipt = milliseconds(properties.time), milliseconds(properties.received)
        if properties.is_imported is not True and time is not None and receipt is not None:
            self._live[day] += 1
            self.project.watch.look_at(day_text(day), Live(time, receipt))

    def _sifted(self, block: list[bytes]) -> tuple[list[bytes], list[Row]]:
        """Return the lines of a block that are rows, mended where need be, and keep the others."""
        lines: list[bytes] = []
        rows: list[Row] = []
        for number, raw in enumerate(block, self._number + 1):
            line = raw.strip()
            if not line:
                continue
            row, why = _row_of(line)
            self.ends_broken = row is None
            if row is None:
                self.read += 1
                self.broken.append(Broken(number, why, line))
            else:
                lines.append(row[0])
                rows.append(row[1])
        return lines, rows


def _row_of(line: bytes) -> tuple[tuple[bytes, Row] | None, str]:
    """Return a line, mended, with its row; None, and why, for one that is none."""
    sound, why = made_sound(line)
    if sound is None:
        return None, why
    try:
        return (sound, read_rows([sound])[0]), ""
    except msgspec.ValidationError:
        return None, NO_ROW
    except (msgspec.DecodeError, RecursionError):
        return None, "it nests too deep, or holds a number that no program reads"


def _in_blocks(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    rows = iter(rows)
    while block := [*islice(rows, BLOCK_LINES)]:
        yield block
