"""Conversions of single properties that every destination makes alike.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping import values
from singer_delivery.mapping.pair import PairDecision, Reading
from singer_delivery.mapping.table import is_absent

from analytics_records.mixpanel.record import OWN_TIME

STEADY = frozenset({
    "mp_lib", "$lib_version", "$brand", "$manufacturer", "$model", "$carrier", "$app_build_number",
    "mp_country_code", "$region", "$city", "$wifi",
})  # fmt: skip
"""Properties that hold the same in many rows, together: kinds of devices and places are few."""

OF_APPLE = ("iOS", "iPhone OS", "iPadOS")  # no set: a property may hold a list
"""What `$os` is on devices of Apple's that run apps."""

APP_VERSION = ("$app_version_string", "$app_release", "$app_version")
"""Where the version of an app is; iOS has a number of the build as `$app_version`."""


def country_name(value: Any) -> str | None:
    """The English name that GeoIP databases have for the code."""
    return values.country_name(value) if isinstance(value, str) else None


def app_version(reading: Reading[PairDecision]) -> Any:
    """`$app_version_string`, else on iOS `$app_release`, else `$app_version`."""
    get = reading.event_properties.get
    text, release, version = (get(name) for name in APP_VERSION)
    if not is_absent(text):
        return text
    found = release if get("$os") in OF_APPLE and not is_absent(release) else version
    return None if is_absent(found) else found


def original_time(reading: Reading[PairDecision]) -> Any:
    """As it is, where it could not be used."""
    is_used = not reading.decision.time_column.startswith("$")
    return None if is_used else reading.record.get(OWN_TIME)


def id_text(value: Any) -> Any:
    """Trimmed, whole; what cannot be an id as it is."""
    if type(value) is str:  # nearly always
        return value.strip() or value
    return value if isinstance(value, float) else values.clean_id(value) or value
