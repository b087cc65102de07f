"""Keys of Amplitude's API that are derived from several columns of its export, or checked.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.pair import PairDecision, Reading

from target_amplitude import limits

SDK_REVENUE = "revenue_amount"
NO_REVENUE = frozenset({
    "[Amplitude] Revenue (Verified)", "[Amplitude] Revenue (Unverified)", "[Amplitude] Merged User",
})  # fmt: skip
FORMS = ("sdk", "no_revenue", "other")
"""In which form events bring revenue: as SDKs write it, not at all, or in another."""

_PLAN = ("branch", "source", "version")


def ids(reading: Reading[PairDecision]) -> tuple[str | None, str | None]:
    """The same, as text, trimmed; none that stands for nobody; over 1,024 characters with a hash.

    Where both are missing, the device is `amplitude:` and the `amplitude_id`.
    """
    return reading.decision.user, reading.decision.device


def milliseconds(reading: Reading[PairDecision]) -> int:
    """Whole milliseconds, rounded down; the next time column where it is missing.

    Not the device's clock: its error is corrected in `event_time`, and without an upload time of
    the client is not corrected twice.
    """
    return reading.decision.at // 1000


def session(value: Any) -> int | None:
    """The same whole number; -1 is none."""
    return None if value == -1 else value


def plan(value: Any) -> Any:
    """`branch`, `source` and `version` of it, as far as they are texts."""
    if not isinstance(value, dict):
        return value  # it is put aside
    found = {key: value[key] for key in _PLAN if isinstance(value.get(key), str)}
    return found or None


def amount(value: Any) -> float | None:
    """The number; what is none stays where it was."""
    return limits.number(value)


def price(value: Any, total: Any) -> float | None:
    """The number, unless `$revenue` says the total: Amplitude would count only one of the two."""
    return None if limits.number(total) is not None else limits.number(value)


def quantity(value: Any, total: Any) -> int | None:
    """The whole number, unless `$revenue` says the total."""
    return None if limits.number(total) is not None else limits.whole(value)


def beside_total(value: Any, total: Any) -> Any:
    """As it is, where `$revenue` says the total."""
    return value if limits.number(total) is not None else None


def text(value: Any) -> str | None:
    """The text."""
    return value if isinstance(value, str) else None


def code(value: Any) -> str | None:
    """Three capitals; anything else stays where it was."""
    return limits.currency(value)


def form_of_revenue(reading: Reading[Any]) -> str:
    """Return in which form the event of a record brings revenue."""
    name = reading.name
    if name in NO_REVENUE:
        return "no_revenue"
    return "sdk" if name in (SDK_REVENUE, "[Amplitude] Revenue") else "other"
