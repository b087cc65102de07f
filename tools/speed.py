"""The figures of bench/results.md that the README shows."""

from __future__ import annotations

from collections.abc import Iterator

from tools.connectors import ROOT, targets

RESULTS = ROOT / "bench" / "results.md"
SECTIONS = tuple(f"To {each.vendor}" for each in targets())
SHOWN = ("events/s", "MB, largest")


def table() -> str:
    """Return events/s and memory of every pipeline that was measured."""
    rows = ["| | events/s | MB of the largest process |", "|---|---:|---:|"]
    page = RESULTS.read_text("utf-8")
    for title in SECTIONS:
        if f"## {title}\n" in page:
            rows.append(f"| **{title}** | | |")
            rows += [f"| {' | '.join(row)} |" for row in measured(page, title)]
    return "\n".join(rows) + "\n"


def measured(page: str, title: str) -> Iterator[tuple[str, ...]]:
    """Yield the name and the shown figures of each row of a section's first table."""
    section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = map(_cells, lines)
    for name, *cells in rows:
        figures = dict(zip(head[1:], cells, strict=True))
        yield name, *(figures[column] for column in SHOWN)


def _cells(line: str) -> list[str]:
    # A bar that belongs to a name is escaped.
    cells = line.replace("\\|", "\0").strip().strip("|").split("|")
    return [cell.strip().replace("\0", "\\|") for cell in cells]
