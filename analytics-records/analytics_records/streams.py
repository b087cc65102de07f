"""Which mapping serves a stream: an Amplitude export by itself, others as the user names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from singer_delivery.errors import SettingsError
from singer_delivery.model import RecordMapping

EXPORT_COLUMNS = frozenset(
    {"event_type", "event_time", "user_id", "device_id", "amplitude_id", "server_upload_time"}
)
"""Columns that together only an Amplitude export has (Amplitude docs, Export API)."""


def mapping_for(
    stream: str,
    schema: Mapping[str, Any],
    named: Mapping[str, Mapping[str, str]],
    *,
    amplitude: Callable[[], RecordMapping],
    plain: Callable[[Mapping[str, str]], RecordMapping],
) -> RecordMapping:
    """Return the mapping of a stream: as the setting `streams` names it, else by its columns.

    Raises:
        SettingsError: it is no Amplitude export, and `streams` does not name its columns.
    """
    if stream in named:
        return plain(named[stream])
    if schema.get("properties", {}).keys() >= EXPORT_COLUMNS:
        return amplitude()
    msg = (
        f"Stream '{stream}' is no Amplitude export, and `streams` does not say what it is. Name "
        f'its columns: {{"{stream}": {{"event": "Order Placed", "distinct_id": "customer_id", '
        f'"timestamp": "created_at"}}}}, or {{"person": "user_id"}} for people, or {{"group": '
        '"company", "key": "id"} for groups; or deselect the stream in the tap.'
    )
    raise SettingsError(msg)
