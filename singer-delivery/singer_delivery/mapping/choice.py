"""Which events travel: the settings `include_events` and `exclude_events`."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Choice:
    """Decides by an event's name whether the user wants it.

    A pattern is a shell pattern (`*`, `?`, `[abc]`, upper and lower case differ) and also stands
    for itself: `[Shop] Page Viewed` means that event, although brackets have a meaning.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._included = _matcher(include)
        self._excluded = _matcher(exclude)

    def leaves_out(self, name: str) -> str | None:
        """Return the rule that leaves this event out, with its name, or None when it travels."""
        if self._included is not None and self._included.fullmatch(name) is None:
            return f"not included: {name}"
        if self._excluded is not None and self._excluded.fullmatch(name) is not None:
            return f"excluded: {name}"
        return None


def _matcher(patterns: Iterable[str]) -> re.Pattern[str] | None:
    either = [f"{re.escape(pattern)}|{fnmatch.translate(pattern)}" for pattern in patterns]
    return re.compile("|".join(either)) if either else None
