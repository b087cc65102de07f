"""Draws days as SVG: a bar for what was sent, a tick for what was found, a strip of states. Pure.

States differ by their place in the strip and not by colour alone. The classes are of the page's
style; a drawing has no colour of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, LEFT, RIGHT = 960, 64, 8
HEIGHT, TOP, BASE = 210, 14, 150
STRIP = 164
ROW = 26
"""Of the drawing, in its own units."""

PLACES: Mapping[str, tuple[float, float]] = {
    "equal": (0.42, 0.16),
    "more": (0.0, 0.4),
    "fewer": (0.0, 1.0),
    "not asked": (0.62, 0.38),
}
"""To each state from where in the strip, and how high, it is drawn."""

_MOST_LABELS, _LABEL = 14, 56


class Day(NamedTuple):
    """A day, such as 2024-03-17: what was sent, what was found (None: not asked), and its state."""

    day: str
    sent: int
    found: int | None
    state: str


def drawn(days: Sequence[Day], title: str, description: str) -> Markup:
    """Return the drawing of some days, which are in their order; empty for none.

    Args:
        days: to be drawn.
        title: of the drawing, for those who do not see it.
        description: what it shows, likewise.
    """
    dated = [(date.fromisoformat(each.day), each) for each in days]
    if not dated:
        return Markup("")
    first, last = dated[0][0], dated[-1][0]
    step = (WIDTH - LEFT - RIGHT) / ((last - first).days + 1)
    top = max(max(each.sent, each.found or 0) for each in days) or 1
    placed = [(LEFT + (day - first).days * step, each) for day, each in dated]
    parts = [
        (
            f'<svg class="days" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-labelledby="days-title days-text"><title id="days-title">{escape(title)}</title>'
            f'<desc id="days-text">{escape(description)}</desc>'
        ),
        *_scale(top),
        _bars(placed, step, top),
        _ticks(placed, step, top),
        *_strip(placed, step),
        *_months(first, last, step),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - numbers, and texts that are escaped


def _y(value: int, top: int) -> float:
    return BASE - (BASE - TOP) * value / top


def _scale(top: int) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        y = BASE - (BASE - TOP) * share
        yield f'<path class="grid" d="M{LEFT} {y:g}H{WIDTH - RIGHT}"/>'
        text = short(round(top * share))
        yield f'<text class="axis" x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{text}</text>'


def _bars(placed: Sequence[tuple[float, Day]], step: float, top: int) -> str:
    width = max(step * 0.78, 0.35)
    moves = (f"M{x + step / 2:.1f} {BASE}V{_y(day.sent, top):.1f}" for x, day in placed if day.sent)
    return f'<path class="sent" stroke-width="{width:.2f}" d="{"".join(moves)}"/>'


def _ticks(placed: Sequence[tuple[float, Day]], step: float, top: int) -> str:
    moves = (
        f"M{x:.1f} {_y(day.found, top):.1f}h{step:.2f}"
        for x, day in placed
        if day.found is not None
    )
    return f'<path class="found" d="{"".join(moves)}"/>'


def _strip(placed: Sequence[tuple[float, Day]], step: float) -> Iterator[str]:
    yield f'<text class="axis" x="{LEFT - 8}" y="{STRIP + 17}" text-anchor="end">state</text>'
    for state, (above, height) in PLACES.items():
        y, h = STRIP + above * ROW, height * ROW
        moves = "".join(
            f"M{x:.1f} {y:.1f}h{max(step, 0.8):.2f}v{h:.1f}h-{max(step, 0.8):.2f}z"
            for x, day in placed
            if day.state == state
        )
        if moves:
            yield f'<path class="state {state.replace(" ", "-")}" d="{moves}"/>'


def _months(first: date, last: date, step: float) -> Iterator[str]:
    starts = list(_firsts(first, last))
    steps = (1, 2, 3, 6, 12, 24, 60, 1_200, 12_000)
    every = next((n for n in steps if len(starts) / n <= _MOST_LABELS), steps[-1])
    shown = [day for day in starts if (day.year * 12 + day.month - 1) % every == 0] or [first]
    for day in shown:
        x = LEFT + (day - first).days * step
        if x > WIDTH - _LABEL:
            break
        label = f"{day:%Y}" if day.month == 1 and every > 1 else f"{day:%b %Y}"
        label = label if day in starts else day.isoformat()
        yield f'<path class="grid" d="M{x:.1f} {BASE}v{STRIP + ROW - BASE + 4}"/>'
        yield f'<text class="axis" x="{x + 2:.1f}" y="{HEIGHT - 6}">{label}</text>'


def _firsts(first: date, last: date) -> Iterator[date]:
    day = first if first.day == 1 else (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    while day <= last:
        yield day
        day = (day + timedelta(days=32)).replace(day=1)


def short(value: int) -> str:
    """Return a number in a few letters, such as 1.2 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return str(value)
