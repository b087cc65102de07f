"""Fields of Mixpanel that are derived from several of Amplitude, or in a form of its own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from analytics_records.amplitude.fields import country
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import moment


def country_without_code(value: Any) -> Any:
    """As it is, where it has no code."""
    return value if country(value) is None else None


def address_to_locate(ip_address: Any, city: Any) -> Any:
    """The address, for Mixpanel to locate and forget; only where `city` is missing."""
    return ip_address if is_absent(city) else None


def date(value: Any) -> str | None:
    """In the form of Mixpanel's dates, `2024-03-01T10:00:00`."""
    found = moment(value)
    return None if found is None else found.text[:19]
