"""Values of Amplitude that are derived from Mixpanel's, or in a form of their own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics_records.mixpanel.fields import OF_APPLE
from analytics_records.mixpanel.ids import without_prefix
from analytics_records.mixpanel.record import RECEIPT
from singer_delivery.mapping.countries import country_name
from singer_delivery.mapping.pair import PairDecision, Reading
from singer_delivery.mapping.values import as_text, clean_id, instant

Own = Mapping[str, Any]

WEB, IOS, ANDROID = "Web", "iOS", "Android"


def is_web(own: Own) -> bool:
    """Tell whether an event is of the web: of its library, or of a browser."""
    return own.get("mp_lib") == "web" or bool(own.get("$browser"))


def is_ios(own: Own) -> bool:
    """Tell whether an event is of an app on a device of Apple's."""
    return not is_web(own) and own.get("$os") in OF_APPLE


def ids(reading: Reading[PairDecision]) -> tuple[str | None, str | None]:
    """Whose it is: see below."""
    return reading.decision.user, reading.decision.device


def time(reading: Reading[PairDecision]) -> int:
    """True UTC in whole milliseconds; where it cannot be, when Mixpanel received it."""
    return reading.decision.at // 1000


def name(reading: Reading[PairDecision]) -> str:
    """As it is, or under another name (see Event names); of a hot shard, the original one."""
    return reading.name


def session_id(start: Any) -> int | None:
    """Start of the session in milliseconds."""
    at = instant(start)
    return None if at is None else at // 1000


def platform(mp_lib: Any, browser: Any, system: Any) -> str | None:
    """`Web` for the web library or a browser, else `iOS` or `Android` by `$os`, else none."""
    if mp_lib == "web" or browser:
        return WEB
    if system in OF_APPLE:
        return IOS
    return ANDROID if system == ANDROID else None


def country(code: Any) -> str | None:
    """Its name as GeoIP writes it; the code stays as well."""
    return country_name(code) if isinstance(code, str) else None


def latitude(here: Any, there: Any) -> Any:
    """As it is, where both are known."""
    return here if _are_numbers(here, there) else None


def longitude(there: Any, here: Any) -> Any:
    """As it is, where both are known."""
    return here if _are_numbers(here, there) else None


def without_query(url: Any) -> str | None:
    """Without its query."""
    return url.partition("?")[0] or None if isinstance(url, str) else None


def text(value: Any) -> str:
    """As text."""
    return as_text(value)


def classes(value: Any) -> str:
    """As text, with blanks between those of a list."""
    return " ".join(map(as_text, value)) if isinstance(value, list) else as_text(value)


def other_user(reading: Reading[PairDecision]) -> Any:
    """As it is, where the event goes to another user, or to none."""
    return _other(reading.event_properties.get("$user_id"), reading.decision.user)


def other_device(reading: Reading[PairDecision]) -> Any:
    """As it is, where it is not the device that is sent."""
    return _other(reading.event_properties.get("$device_id"), reading.decision.device)


def other_distinct_id(reading: Reading[PairDecision]) -> Any:
    """As it is, where it is none of the ids that are sent."""
    it = reading.decision
    return _other(reading.event_properties.get("distinct_id"), it.user, it.device)


def insert_id(reading: Reading[PairDecision]) -> Any:
    """As it is: here another id tells events apart."""
    return reading.event_properties.get("$insert_id") or None


def original_time(reading: Reading[PairDecision]) -> Any:
    """As it is, where the time of the receipt stands for it."""
    is_fallback = reading.decision.time_column == RECEIPT
    return reading.event_properties.get("time") if is_fallback else None


def system(reading: Reading[PairDecision]) -> Any:
    """As it is: on the web it stays."""
    return reading.event_properties.get("$os") or None


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _other(value: Any, *sent: str | None) -> Any:
    if value is None or (value in sent and value[:1] != "$"):  # nearly always
        return None
    found = value if isinstance(value, str) else clean_id(value)
    if found is None or not found.strip() or without_prefix(found) in sent:
        return None
    return value
