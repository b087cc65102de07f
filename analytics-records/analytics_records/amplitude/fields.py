"""Conversions of single fields that every destination makes alike.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.pair import PairDecision, Reading
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import clean_id, country_code

from analytics_records.amplitude.operations import EMPTY
from analytics_records.devices import system_of, words_in

DEVICE = ("device_type", "device_family", "device_model")
"""The columns that name a device; on the Web they name its system."""

STEADY = frozenset({
    *DEVICE, "platform", "os_name", "os_version", "device_brand", "device_manufacturer",
    "device_carrier", "version_name", "start_version", "language", "app", "data_type", "library",
    "plan", "sample_rate", "partner_id", "source_id",
})  # fmt: skip
"""Columns that hold the same in many records, together: kinds of devices and versions are few."""

APP_SYSTEMS = {
    "ios": "iOS", "iphone os": "iOS", "ipados": "iPadOS", "tvos": "tvOS", "watchos": "watchOS",
    "visionos": "visionOS", "android": "Android", "windows": "Windows", "linux": "Linux",
    "macos": "macOS", "mac os": "macOS", "mac os x": "macOS", "os x": "macOS",
}  # fmt: skip
"""Operating systems as the destinations' libraries for apps write them."""

REVENUE = ("$revenue", "$price", "$quantity")
"""Event properties that say what an event brought in (Amplitude docs, HTTP V2 API and SDKs)."""
_MORE_THAN_ALL_MONEY = 2**63  # nor does a greater number fit into JSON readers' integers


def app_system(value: Any) -> Any:
    """The system's name in its usual spelling: `ios` is `iOS`."""
    return APP_SYSTEMS.get(value.strip().lower(), value) if isinstance(value, str) else value


def web_system(*device_and_browser: Any) -> str | None:
    """The system, told from the device (on the Web `os_name` is the browser)."""
    *device, browser = device_and_browser
    return system_of(words_in(*device)) or system_of(words_in(browser))


def country(value: Any) -> str | None:
    """ISO 3166-1 code of the English name."""
    return country_code(value) if isinstance(value, str) else None


def attribution(value: Any) -> Any:
    """As it is; `EMPTY` is none."""
    return None if EMPTY.is_said("referrer", value) else value


def id_text(value: Any) -> Any:
    """Trimmed, whole; what cannot be an id as it is."""
    if type(value) is str:  # nearly always
        return value.strip() or value
    return clean_id(value) or value


def original_time(reading: Reading[PairDecision]) -> Any:
    """As it is, where it could not be used."""
    return (
        None if reading.decision.time_column == "event_time" else reading.record.get("event_time")
    )


def original_if_no_object(value: Any) -> Any:
    """As it is, where it is no object."""
    return None if isinstance(value, dict) else value


def revenue(reading: Reading[PairDecision]) -> float | None:
    """`$revenue`, else `$price` times `$quantity` (1 when it is missing), on any event.

    Amplitude takes these for revenue whatever the event is called (Amplitude docs, Revenue).
    """
    properties = reading.event_properties
    total, price = _number(properties.get("$revenue")), _number(properties.get("$price"))
    if total is not None or price is None:
        return total
    given = properties.get("$quantity")
    quantity = 1 if is_absent(given) else _number(given)
    if quantity is None or abs(price * quantity) >= _MORE_THAN_ALL_MONEY:
        return None
    return price * quantity


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else None
