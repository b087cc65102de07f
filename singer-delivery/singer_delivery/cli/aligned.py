"""Tables for terminals: columns as wide as their widest cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

GAP = "  "


def aligned(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()
) -> str:
    """Return a table, a line for each row.

    Args:
        heads: of the columns.
        rows: cells.
        right: which columns are numbers, and end at the same place.
    """
    lines = [heads, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    ruled = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(_line(line, widths, right) for line in ruled)


def _line(cells: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    padded = [
        cell.rjust(width) if place in right else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(padded).rstrip()
