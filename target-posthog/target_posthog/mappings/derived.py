"""Fields of PostHog that are derived from several of Amplitude, or in a form of its own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from analytics_records.amplitude.fields import system_of, words_in
from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.values import clean_id, is_language_code, language_code, session_uuid

_DAY = 86_400_000_000  # microseconds
_TOO_LATE = 10**14  # milliseconds: the year 5138


def device_class(*device_and_system: Any) -> str | None:
    """`Desktop`, `Mobile` or `Tablet`, told from the device and the system."""
    words = words_in(*device_and_system)
    if "ipad" in words or "tablet" in words or "galaxy tab" in words or "kindle" in words:
        return "Tablet"
    system = system_of(words)
    if system in {"iOS", "Android", "Windows Phone"}:
        return "Mobile"
    return "Desktop" if system is not None else None


def locale(value: Any) -> str | None:
    """The language code: a code as it is, an English name as ISO 639-1."""
    return language_code(value) if isinstance(value, str) else None


def language_name(value: Any) -> Any:
    """The language's name, unless it is a code."""
    return None if isinstance(value, str) and is_language_code(value) else value


def session(reading: Reading) -> str | None:
    """A UUIDv7 of its start and of the device; none when the event is not in the 24 h after it."""
    start_ms = reading.record.get("session_id")
    if type(start_ms) is not int:
        start_ms = _whole_number(start_ms)
    if not 0 < start_ms < _TOO_LATE or not 0 <= reading.moment.at - start_ms * 1000 < _DAY:
        return None
    who = reading.who
    return session_uuid(start_ms, who.device or who.distinct_id)


def _whole_number(value: Any) -> int:
    """Return what a text or a float has digits for, else -1."""
    text = clean_id(value) or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= 14
    return int(text) if is_number else -1


def device(reading: Reading) -> str | None:
    """Trimmed, as the link and `distinct_id` have it."""
    return reading.who.device
