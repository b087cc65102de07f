"""The SDK's sink of a stream: hands the records that the SDK has changed to the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from singer_sdk.sinks import RecordSink
from singer_sdk.target_base import Target

from singer_delivery.mapping.cleaning import readable
from singer_delivery.model import Unmappable

if TYPE_CHECKING:
    from singer_delivery.sdk.target import DeliveryTarget


class DeliverySink(RecordSink):
    """Gives records to the run as they come. Batches, threads and retries are the run's.

    Records are not validated against the stream's schema and their times are not parsed: the
    mapping reads every value it uses with care, and one bad date must not end a run.

    Attributes:
        mapping: says what the stream's records become.
        messages: the stream's records as RECORD messages.
        rows: the stream's records as lines by themselves.
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
        run = delivery_target.run
        self.mapping = delivery_target.mapping_for(stream_name, schema, key_properties or ())
        self.messages = run.input(stream_name, self.mapping, are_messages=True)
        self.rows = run.input(stream_name, self.mapping, are_messages=False)

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:  # noqa: ARG002 - the SDK's signature
        """Take a record that the SDK has put through stream maps or flattening."""
        try:
            line = orjson.dumps(readable(record, self._target.name))
        except Unmappable:  # the run finds the same, and says so
            line = orjson.dumps(record, default=str)
        self._target.run.take(self.rows, line, self._target.original)

    def get_validator(self) -> None:
        """Validate nothing."""
        return

    def _parse_timestamps_in_record(self, *_args: Any, **_options: Any) -> None:
        """Leave times as the source wrote them."""
