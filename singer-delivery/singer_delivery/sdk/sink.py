"""The SDK's sink of a stream: hands each record to the run's delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from singer_sdk.sinks import RecordSink
from singer_sdk.target_base import Target

from singer_delivery.mapping.cleaning import clean, readable
from singer_delivery.model import AheadMapping, Event, Note, Noting, Unmappable
from singer_delivery.sdk.batches import BatchStream
from singer_delivery.sdk.desks import Due

if TYPE_CHECKING:
    from singer_delivery.sdk.target import DeliveryTarget


class DeliverySink(RecordSink):
    """Maps and queues records as they come. Batches, threads and retries are the dispatcher's.

    Records are not validated against the stream's schema and their times are not parsed: the
    mapping reads every value it uses with care, and one bad date must not end a run.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        delivery_target: DeliveryTarget = target  # type: ignore[assignment]
        self._target = delivery_target
        self.mapping = delivery_target.mapping_for(stream_name, schema, key_properties or ())
        self._needs_keys = self.mapping.needs_keys
        self._target.run.dead_letters.know_schema(
            {
                "type": "SCHEMA",
                "stream": stream_name,
                "schema": self.original_schema,
                "key_properties": list(key_properties or ()),
            }
        )

    def take(self, record: dict[str, Any], line: bytes) -> None:
        """Map a record and queue what it becomes.

        Args:
            record: as orjson read it from the line.
            line: the RECORD message, kept for the dead letters.

        Raises:
            MissingKeyPropertiesError: it lacks a key that its mapping needs.
        """
        self._take(record, line, is_as_read=True)

    @property
    def as_batches(self) -> BatchStream:
        """The stream, for records that come in files."""
        mapping = self.mapping
        pure = mapping
        due: Due = nothing_due
        if isinstance(mapping, Noting):
            pure, due = mapping.mapping, mapping.due
        ahead = pure if isinstance(pure, AheadMapping) else None
        return BatchStream(self.stream_name, self.take, ahead, due, self._target.name)

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:  # noqa: ARG002 - the SDK's signature
        """Take a record that the SDK has put through stream maps or flattening."""
        message = {"type": "RECORD", "stream": self.stream_name, "record": record}
        self._take(record, orjson.dumps(message, default=str), is_as_read=False)

    def _take(self, record: dict[str, Any], line: bytes, *, is_as_read: bool) -> None:
        if self._needs_keys:
            self._singer_validate_message(record)
        delivery, service = self._target.run.delivery, self._target.name
        try:
            cleaned = clean(record, line, service) if is_as_read else readable(record, service)
        except Unmappable as error:
            delivery.take_unmappable(self.stream_name, line, error)
        else:
            delivery.take(self.stream_name, cleaned, line, self.mapping)

    def get_validator(self) -> None:
        """Validate nothing."""
        return

    def _parse_timestamps_in_record(self, *_args: Any, **_options: Any) -> None:
        """Leave times as the source wrote them."""


def nothing_due(_events: Sequence[Event]) -> list[Note]:
    """Return no notes."""
    return []
