"""Conversions of single fields, from Amplitude's value to PostHog's.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from singer_delivery.conversions import (
    clean_id,
    country_code,
    is_language_code,
    language_code,
    session_uuid,
)

from target_posthog.mappings.people import is_empty_attribution

if TYPE_CHECKING:
    from target_posthog.mappings.reading import Reading

DEVICE = ("device_type", "device_family", "device_model")
"""The columns that name a device; on the Web they name its system."""

_DAY = 86_400_000_000  # microseconds

APP_SYSTEMS = {
    "ios": "iOS", "iphone os": "iOS", "ipados": "iPadOS", "tvos": "tvOS", "watchos": "watchOS",
    "visionos": "visionOS", "android": "Android", "windows": "Windows", "linux": "Linux",
    "macos": "macOS", "mac os": "macOS", "mac os x": "macOS", "os x": "macOS",
}  # fmt: skip
"""Operating systems as PostHog's libraries for apps write them."""

WEB_SYSTEMS = (
    ("Windows Phone", ("windows phone",)),
    ("Windows", ("windows", "xbox")),
    ("iOS", ("iphone", "ipad", "ipod", "ios")),
    ("Android", ("android", "samsung", "galaxy", "pixel", "huawei", "xiaomi", "oneplus")),
    ("Chrome OS", ("chrome os", "chromeos", "chromebook")),
    ("Mac OS X", ("mac",)),
    ("Linux", ("linux", "ubuntu", "fedora", "debian")),
)
"""Operating systems as PostHog's web library writes them, and the words that tell them."""


def app_system(value: Any) -> Any:
    """The system's name in PostHog's spelling: `ios` is `iOS`."""
    return APP_SYSTEMS.get(value.strip().lower(), value) if isinstance(value, str) else value


def web_system(reading: Reading) -> str | None:
    """The system, told from the device (on the Web `os_name` is the browser)."""
    device = _words(reading, *DEVICE)
    return _system(device) or _system(_words(reading, "os_name"))


def device_class(reading: Reading) -> str | None:
    """`Desktop`, `Mobile` or `Tablet`, told from the device and the system."""
    words = _words(reading, *DEVICE, "platform", "os_name")
    return _class(words)


def _words(reading: Reading, *columns: str) -> str:
    values = map(reading.record.get, columns)
    return " ".join([value for value in values if isinstance(value, str)]).lower()


@lru_cache(maxsize=4096)
def _system(words: str) -> str | None:
    return next((name for name, tells in WEB_SYSTEMS if any(t in words for t in tells)), None)


@lru_cache(maxsize=4096)
def _class(words: str) -> str | None:
    if "ipad" in words or "tablet" in words or "galaxy tab" in words or "kindle" in words:
        return "Tablet"
    system = _system(words)
    if system in {"iOS", "Android", "Windows Phone"}:
        return "Mobile"
    return "Desktop" if system is not None else None


def carrier(value: Any) -> Any:
    """The carrier; `--`, which iOS writes, is none."""
    return None if value == "--" else value


def locale(value: Any) -> str | None:
    """The language code: a code as it is, an English name as ISO 639-1."""
    return language_code(value) if isinstance(value, str) else None


def language_name(value: Any) -> Any:
    """The language's name, unless it is a code."""
    return None if isinstance(value, str) and is_language_code(value) else value


def country(value: Any) -> str | None:
    """ISO 3166-1 code of the English name."""
    return country_code(value) if isinstance(value, str) else None


def attribution(value: Any) -> Any:
    """As it is; `EMPTY` is none."""
    return None if is_empty_attribution("referrer", value) else value


def session(reading: Reading) -> str | None:
    """A UUIDv7 of its start and of the device; none when the event is not in the 24 h after it."""
    start = clean_id(reading.record.get("session_id"))
    if start is None or not (start.isascii() and start.isdigit() and len(start) <= 14):
        return None
    start_ms = int(start)
    if start_ms == 0 or not 0 <= reading.moment.at - start_ms * 1000 < _DAY:
        return None
    return session_uuid(start_ms, reading.who.device or reading.who.distinct_id)


def id_text(value: Any) -> Any:
    """Trimmed, whole; what cannot be an id as it is."""
    return clean_id(value) or value


def device(reading: Reading) -> str | None:
    """Trimmed, as the link and `distinct_id` have it."""
    return reading.who.device


def original_time(reading: Reading) -> Any:
    """As it is, where it could not be used."""
    return None if reading.time_column == "event_time" else reading.record.get("event_time")


def original_if_no_object(value: Any) -> Any:
    """As it is, where it is no object."""
    return None if isinstance(value, dict) else value
