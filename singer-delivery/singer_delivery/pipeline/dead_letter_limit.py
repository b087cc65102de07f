"""How many dead letters a run may have before it is plainly misconfigured."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from singer_delivery.errors import SettingsError, TooManyDeadLetters

ENOUGH = 100
"""Records that must have been read before a share of them stops a run on its way."""

FEW = 10
"""Records that must have been read at the end of a run, where no more come."""

WRITTEN = re.compile(r"\s*(?:(?P<number>\d+)|(?P<percent>\d+(?:\.\d+)?)\s*%)\s*")


@dataclass(frozen=True)
class DeadLetterLimit:
    """A number of records, or a share of those read in percent; the other is None."""

    number: int | None = None
    percent: float | None = None

    @classmethod
    def read(cls, text: str) -> DeadLetterLimit:
        """Read `500` or `20%`.

        Raises:
            SettingsError: it is neither.
        """
        found = WRITTEN.fullmatch(text)
        if found is None:
            msg = "`max_dead_letters` must be a number of records, such as 500, or a share, as 20%."
            raise SettingsError(msg)
        if found["number"] is not None:
            return cls(number=int(found["number"]))
        return cls(percent=float(found["percent"]))

    def __str__(self) -> str:
        return f"{self.number:,}" if self.number is not None else f"{self.percent:g}%"

    def check(self, read: int, dead: Counter[str], *, at_end: bool = False) -> None:
        """Return if `dead`, counted by reason, is not too much of what was `read`.

        Args:
            read: records of a stream, or updates of an endpoint.
            dead: of these.
            at_end: whether no more of them come; ten are then enough for a share.

        Raises:
            TooManyDeadLetters: with the three most frequent reasons.
        """
        total = dead.total()
        if not self._is_over(read, total, at_end=at_end):
            return
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in dead.most_common(3))
        msg = (
            f"{total:,} of {read:,} records became dead letters, more than `max_dead_letters` "
            f"({self}) allows. The most frequent reasons: {reasons}. They are kept in the dead "
            "letters; mend the settings or the source, or raise `max_dead_letters`, and start "
            "again."
        )
        raise TooManyDeadLetters(msg)

    def doubts(self, read: int, dead: int) -> bool:
        """Tell whether this is too much, but of too few records to stop a run on its way."""
        return self.number is None and read < ENOUGH and self._exceeds_share(read, dead)

    def _is_over(self, read: int, dead: int, *, at_end: bool) -> bool:
        if self.number is not None:
            return dead > self.number
        return read >= (FEW if at_end else ENOUGH) and self._exceeds_share(read, dead)

    def _exceeds_share(self, read: int, dead: int) -> bool:
        return dead * 100 > read * (self.percent or 0)
