"""The errors of this tap alone; `singer_delivery.tap.errors` has those of every tap.

TapError
└── HourTooLarge        one hour is more than the Export API returns: load it from an archive

AnswerNotUsable         one answer brings no data; the tap handles it
└── TooLarge            ask for fewer hours
"""

from __future__ import annotations

from singer_delivery.tap.errors import AnswerNotUsable, TapError


class HourTooLarge(TapError):  # noqa: N818 - named by what happened
    """One hour is more than the Export API returns."""


class TooLarge(AnswerNotUsable):
    """The window holds more than Amplitude returns at once."""
