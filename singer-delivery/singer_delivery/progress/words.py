"""Numbers, times, names and tables as people read them in a log or a terminal. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

MINUTE, HOUR, DAY = 60, 3_600, 86_400

WIDEST = 40
"""Characters of a name in a table; what is longer is cut."""


def per_second(rate: float) -> str:
    """Return a rate as in `3,410/s`, or `0.4/s`."""
    return f"{rate:,.0f}/s" if rate >= 10 or rate == 0 else f"{rate:.1f}/s"


def percent(share: float) -> str:
    """Return a share as in `41 %`; 100 % only where all is done."""
    number = math.floor(share * 1_000 + 1e-9) / 10
    return f"{number:.1f} %" if 0 < number < 10 else f"{math.floor(number)} %"


def hour_text(at: str) -> str:
    """Return an hour or a day of ISO 8601 as in `2024-03-17 09 h`."""
    day, _, hour = at.partition("T")
    return f"{day} {hour[:2]} h" if hour else day


def duration(seconds: float) -> str:
    """Return a time as in `12 s`, `4 min 10 s`, `2 h 10 min` or `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < 10 * MINUTE:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < 2 * DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first} {large_name}" + (f" {second} {small_name}" if second else "")


def size_text(size: float) -> str:
    """Return a number of bytes for people."""
    units = ["bytes", "KB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    is_small = size < 10 and units[0] != "bytes"
    return f"{size:.1f} {units[0]}" if is_small else f"{size:,.0f} {units[0]}"


def plain(text: str) -> str:
    """Return a text, which anybody may have written, as one line that a terminal bears."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def plain_lines(text: str) -> str:
    """Return a text of several lines, each as a terminal bears it."""
    return "\n".join(map(plain, text.split("\n")))


def shortened(name: str, most: int = WIDEST) -> str:
    """Return a name as a line has room for it and a terminal bears it."""
    name = plain(name)
    return name if len(name) <= most else name[: most - 1] + "…"


def aligned(rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)) -> Iterator[str]:
    """Yield rows as columns; those of `texts` from the left, the others from the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def ruled(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> str:
    """Return a table whose head is underlined; columns of `numbers` are from the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    texts = {*range(len(heads))}.difference(numbers)
    return "\n".join(aligned([heads, ["-" * width for width in widths], *rows], texts))
