"""The SDK's sink of a stream: what its records become, and the inputs that take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from singer_sdk.sinks import RecordSink
from singer_sdk.target_base import Target

from singer_delivery.mapping.cleaning import readable
from singer_delivery.sdk.people import of_chosen_people, sample_warning

if TYPE_CHECKING:
    from singer_delivery.sdk.target import DeliveryTarget


class DeliverySink(RecordSink):
    """Knows what the records of a stream become. Batches, threads and retries are the run's.

    Records are not validated against the stream's schema and their times are not parsed: the
    mapping reads every value it uses with care, and one bad date must not end a run.

    Attributes:
        mapping: says what the records become of those people whom the user chooses.
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
        self._service = delivery_target.name
        run = self._run = delivery_target.run
        mapping = delivery_target.mapping_for(stream_name, schema, key_properties or ())
        config, excluded = delivery_target.config, delivery_target.excluded_people
        self.mapping = of_chosen_people(mapping, config, excluded)
        warning = sample_warning(config)
        if warning is not None:
            delivery_target.warn_once(warning)
        self.messages = run.input(stream_name, self.mapping, are_messages=True)
        self.rows = run.input(stream_name, self.mapping, are_messages=False)
        guide = delivery_target.guide(mapping, stream_name, key_properties or ())
        counts = run.report.stream(stream_name)
        counts.vendor, counts.not_carried = guide.vendor, guide.dropped

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:  # noqa: ARG002 - the SDK's signature
        """Take a record; `streams` takes those that come from a tap."""
        self._run.take(self.rows, orjson.dumps(readable(record, self._service)))

    def get_validator(self) -> None:
        """Validate nothing."""
        return

    def _parse_timestamps_in_record(self, *_args: Any, **_options: Any) -> None:
        """Leave times as the source wrote them."""
