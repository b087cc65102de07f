"""Which properties of a row travel under their own names, under others, and not at all. Pure."""

from __future__ import annotations

from typing import NamedTuple

from target_mixpanel.from_mixpanel.table import DROPPED, SET_ASIDE

PREFIX = "mixpanel_"
"""Before names that are put aside."""

ENVELOPE = frozenset({"distinct_id", "$user_id", "$device_id", "$insert_id", "time"})
"""Properties that are made anew for each event."""

_BEGINNINGS = tuple(name[:-1] for name in DROPPED if name.endswith("*"))
_NAMES = frozenset(DROPPED)


class Kept(NamedTuple):
    """Names of properties that travel as they are, and of those that get another name."""

    names: tuple[str, ...]
    aside: tuple[str, ...]


def kept(names: tuple[str, ...]) -> Kept:
    """Tell which properties of these names travel."""
    stay = [n for n in names if n not in ENVELOPE and not is_dropped(n)]
    aside = tuple(n for n in stay if n in SET_ASIDE)
    return Kept(tuple(n for n in stay if n not in SET_ASIDE), aside)


def is_dropped(name: str) -> bool:
    """Tell whether a property of an event does not travel."""
    return name in _NAMES or name.startswith(_BEGINNINGS)
