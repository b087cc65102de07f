"""The errors of this tap alone; `singer_delivery.tap.errors` has those of every tap.

AnswerNotUsable         one answer brings no data; the tap handles it
├── WindowFailed        the body is not whole, though its status is 200: ask again, then for less
├── TooManyLinesBroken  too many of its lines are no rows: ask again, then for less
└── FutureDay           the last day has not begun in the zone of the project: a day less
"""

from __future__ import annotations

from singer_delivery.tap.errors import AnswerNotUsable, TryAgain


class WindowFailed(AnswerNotUsable):
    """The body is cut, or no export at all."""


class TooManyLinesBroken(AnswerNotUsable):
    """More lines of a window are broken than chance explains."""


class FutureDay(AnswerNotUsable):
    """The last day that is asked for has not begun in the zone of the project."""


class Throttled(TryAgain):
    """So many requests came that this one was not answered."""
