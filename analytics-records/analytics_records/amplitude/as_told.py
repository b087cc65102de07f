"""Amplitude's records as Amplitude was told, for a copy into another project of Amplitude. Pure.

A copy says again what the source took. So empty values are values, a wild clock stays wild, for the
source's charts show it, too, and an event keeps the id by which it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.values import as_text, moment
from singer_delivery.model import Note

from analytics_records.amplitude.operations import INITIAL_ATTRIBUTION, OPERATIONS, changes
from analytics_records.amplitude.record import TIME_COLUMNS, event_uuid, when_received
from analytics_records.amplitude.shapes import Shape
from analytics_records.amplitude.source import Amplitude, When, unusual_time

WILD = Note("wild_time")
_ALSO = (("insert_id", str | None, None), ("uuid", str | None, None))
_COLUMNS = {"insert_id": "$insert_id"}


def insert_id(record: Mapping[str, Any]) -> str:
    """`$insert_id`, trimmed; else `uuid`; else made of the record."""
    own = record.get("$insert_id")
    return _text(own) or _text(record.get("uuid")) or event_uuid(_without_id(record))


def changes_as_told(properties: Mapping[str, Any], notes: list[Note]) -> Changes:
    """Each key newest, `$set`; what is null, `$unset` and `$clearAll` is taken away.

    Empty texts are values here. What only adds to a value (`$add`, `$append` ...) is counted: to
    say it again would begin from nothing.
    """
    if not OPERATIONS.isdisjoint(properties):
        return changes(properties, notes)
    kept = {key: value for key, value in properties.items() if value is not None}
    if len(kept) == len(properties):
        return Changes(kept)
    gone = [key for key in properties if key not in kept and key not in INITIAL_ATTRIBUTION]
    return Changes(kept, unset=gone)


def properties_as_told(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was true of the person then, as it is."""
    properties = record.get("user_properties")
    if not isinstance(properties, dict) or OPERATIONS.isdisjoint(properties):
        return properties if isinstance(properties, dict) else {}
    change = changes(properties, [])
    return {**change.set_once, **change.set}


class AsTold(Amplitude):
    """The records of an export, read for a copy.

    Args:
        service: what reads the records, for people.
        of_person: columns that belong to the person, beside `user_properties`.
        shape: of the stream's records.
    """

    changes = staticmethod(changes_as_told)
    event_uuid = staticmethod(insert_id)

    def __init__(
        self, service: str, of_person: Sequence[str] = (), shape: Shape | None = None
    ) -> None:
        super().__init__(service, of_person, shape, _ALSO, _COLUMNS)

    def observe(self, line: bytes, *, is_message: bool) -> Observation:
        """Return what decisions need of a record, with the id it is sent under and its uuid."""
        seen = super().observe(line, is_message=is_message)
        if not seen.event_ids[0]:
            record = self.shaped(read(line, is_message=is_message, service=self.service))
            seen.event_ids = (insert_id(record), "")
        return seen

    def unusual_time(self, row: Any) -> When:
        """Return when something happened: as `event_time` says, however wild, from 1970 on."""
        times = {name: getattr(row, name) for name in TIME_COLUMNS}
        when = moment(times["event_time"])
        if when is None or when.at < 0:
            return unusual_time(times)
        received = when_received(times)
        return when.at, "event_time", (WILD,), None, when.at if received is None else received

    def observed(self, row: Any) -> Observation:
        """Return what decisions need of a row."""
        seen = super().observed(row)
        uuid = _text(row.uuid)
        seen.event_ids = (_text(row.insert_id) or uuid, uuid)
        return seen

    def more_of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are observed besides."""
        return {"insert_id": _text(record.get("$insert_id")), "uuid": _text(record.get("uuid"))}


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)) or value is None:
        return ""
    return as_text(value).strip()


def _without_id(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in record.items() if key != "$insert_id"}
