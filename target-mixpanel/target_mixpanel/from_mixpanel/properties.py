"""Which properties of a row travel under their own names, under others, and not at all. Pure."""

from __future__ import annotations

from typing import NamedTuple

from singer_delivery.mapping.choice import fits_one_of

from target_mixpanel.from_mixpanel.table import DROPPED, SET_ASIDE

ENVELOPE = frozenset({"distinct_id", "$user_id", "$device_id", "$insert_id", "time"})
"""Properties that are made anew for each event."""

is_dropped = fits_one_of(DROPPED)
"""Tells whether a property of an event does not travel."""


class Kept(NamedTuple):
    """Names of properties that travel as they are, and of those that get another name."""

    names: tuple[str, ...]
    aside: tuple[str, ...]


def kept(names: tuple[str, ...]) -> Kept:
    """Tell which properties of these names travel."""
    stay = [n for n in names if n not in ENVELOPE and not is_dropped(n)]
    aside = tuple(n for n in stay if n in SET_ASIDE)
    return Kept(tuple(n for n in stay if n not in SET_ASIDE), aside)
