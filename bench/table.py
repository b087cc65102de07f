"""What pages of results are made of: tables of Markdown, and how and where they were made."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import datetime, timezone


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, padded so that it also reads well as text.

    The first column is text, all others are figures.
    """
    cells = [[_escaped(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [_line(row, widths) for row in (cells[0], rule, *cells[1:])]


def number(value: float) -> str:
    """Return a number as people read it: three figures or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Return the lowest and the highest."""
    return f"{number(min(values))} to {number(max(values))}"


def median(values: Sequence[float]) -> str:
    """Return the middle one."""
    return number(statistics.median(values))


def machine() -> str:
    """Say on what and when this runs, and nothing that names the machine."""
    today = datetime.now(timezone.utc).date()
    python = platform.python_version()
    return f"{today}, {platform.system()}, {os.cpu_count()} cores, Python {python}"


def recipe(name: str, **variables: tuple[object, object]) -> str:
    """Return the command that made a page.

    Args:
        name: of the recipe.
        variables: of each its value, and the one that it has by default.
    """
    given = (f"{key}={value}" for key, (value, usual) in variables.items() if value != usual)
    return " ".join(["make", name, *given])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "| " + " | ".join((first, *rest)) + " |"
