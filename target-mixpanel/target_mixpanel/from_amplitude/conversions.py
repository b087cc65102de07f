"""Fields of Mixpanel that are derived from several of Amplitude's, or in a form of its own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics_records.amplitude.fields import country, id_text
from analytics_records.amplitude.record import event_uuid
from singer_delivery.mapping.pair import PairDecision, Reading
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_uuid, moment

from target_mixpanel.mixpanel import is_insert_id


def ids(reading: Reading[PairDecision]) -> tuple[str | None, str | None]:
    """`user_id` and `device_id`, trimmed, never illegal; the device only where it is the user's.

    Under Original ID Merge `distinct_id` is the user, else the device. With neither it is empty:
    kept, and in no report about people. Ids over 247 bytes become their first 200 bytes, a dash
    and a hash: Mixpanel would cut them.
    """
    return reading.decision.user, _sent_device(reading)


def insert_id(record: Mapping[str, Any]) -> str:
    """`uuid` if it is one; else `$insert_id` if Mixpanel takes it; else made of the record."""
    found = as_uuid(record.get("uuid"))
    if found is not None:
        return found
    own = record.get("$insert_id")
    return own if is_insert_id(own) else event_uuid(record)


def other_user(reading: Reading[PairDecision]) -> Any:
    """As it is, where it is no legal id or too long a one."""
    return _other(reading.record.get("user_id"), reading.decision.user)


def other_device(reading: Reading[PairDecision]) -> Any:
    """As it is, where it is no legal id, too long a one, or another user's device."""
    return _other(reading.record.get("device_id"), _sent_device(reading))


def device_beside_user(reading: Reading[PairDecision]) -> Any:
    """As it is, where it is not the `distinct_id`."""
    it = reading.decision
    return _other(reading.record.get("device_id"), it.device if it.user is None else None)


def _sent_device(reading: Reading[PairDecision]) -> str | None:
    it = reading.decision
    return it.device if it.user is None else it.own_device


def _other(value: Any, sent: str | None) -> Any:
    if value is None or value == sent:
        return None
    text = id_text(value)
    return None if text == sent else text


def codeless_country(value: Any) -> Any:
    """As it is, where it has no code."""
    return value if country(value) is None else None


def address_to_locate(ip_address: Any, city: Any) -> Any:
    """The address, for Mixpanel to locate and forget; only where `city` is missing."""
    return ip_address if is_absent(city) else None


def date(value: Any) -> str | None:
    """In the form of Mixpanel's dates, `2024-03-01T10:00:00`."""
    found = moment(value)
    return None if found is None else found.text[:19]
