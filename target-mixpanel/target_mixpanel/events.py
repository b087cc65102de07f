"""Events for `/import`: their time as Mixpanel takes it, what all of them carry, their body."""

from __future__ import annotations

from typing import Any

from singer_delivery.model import Event, Note, Unmappable

from target_mixpanel.mixpanel import EARLIEST, HOUR, IMPORT
from target_mixpanel.settings import MappingSettings

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


def import_event(name: str, at: int, properties: dict[str, Any]) -> Event:
    """Return an event.

    Args:
        name: of the event.
        at: when it happened, in microseconds since 1970.
        properties: of the event, its ids and time among them.
    """
    return Event(IMPORT, "event", name, at, {"event": name, "properties": properties})
