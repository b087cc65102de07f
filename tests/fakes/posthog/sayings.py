"""What a fake of capture v1 is told to say of some events, instead of what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.posthog.events_v1 import Judged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.posthog.capture import Captured

STORED = ("ok", "warning")


@dataclass
class _Saying:
    result: str
    details: str | None
    when: Callable[[Captured], bool]
    times: int


class Sayings:
    """Results of events, each for the next so many of them that fit."""

    def __init__(self) -> None:
        self._waiting: list[_Saying] = []

    def add(
        self, result: str, details: str | None, when: Callable[[Captured], bool], times: int
    ) -> None:
        """Say this of the next `times` events for which `when` is true."""
        self._waiting.append(_Saying(result, details, when, times))

    def of(self, judged: Judged) -> Judged:
        """Return what is said of an event that would be taken; others are what they are."""
        captured = judged.captured
        if captured is None:
            return judged
        saying = next((each for each in self._waiting if each.when(captured)), None)
        if saying is None:
            return judged
        saying.times -= 1
        if not saying.times:
            self._waiting.remove(saying)
        kept = captured if saying.result in STORED else None
        return Judged(judged.uuid, saying.result, saying.details, kept)
