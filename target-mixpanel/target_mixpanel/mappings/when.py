"""The time of a record as Mixpanel takes it, and whether Mixpanel still keeps what is so old."""

from __future__ import annotations

from singer_delivery.model import Note, Unmappable

from target_mixpanel.mappings.mixpanel import EARLIEST, HOUR
from target_mixpanel.mappings.settings import MappingSettings

EXPIRED = "expired"


def check_time(at: int, settings: MappingSettings) -> None:
    """Refuse a time that Mixpanel refuses, in microseconds since 1970.

    Raises:
        Unmappable: it is before 1971 or over an hour ahead of now (`time_out_of_range`).
    """
    if not EARLIEST <= at <= settings.now + HOUR:
        reason = "time_out_of_range"
        raise Unmappable(reason, "it is before 1971 or over an hour ahead of now")


def leaves_out(at: int, settings: MappingSettings, notes: list[Note]) -> str | None:
    """Return the rule that leaves an event of this time out, or None when it travels.

    That it is older than the retention, or a little ahead of now, is counted.
    """
    if at > settings.now:
        notes.append(Note("ahead_of_now"))
    if at >= settings.expires:
        return None
    if settings.skip_expired:
        return EXPIRED
    notes.append(Note("older_than_retention"))
    return None
