"""A stream whose rows are JSON already: they pass as bytes wherever nothing must be changed.

There are three ways to write a row. Where nothing is deselected, mapped or flattened, the bytes of
its line go into the RECORD message unchanged: big integers, `1.0`, escapes and the order of keys
stay. Otherwise the row is parsed, and the SDK writes it. With `batch_config` the tap hands files
over.

The SDK moves its bookmark with each record, and here rows are finished many at a time; so its
increments and its signpost are switched off, and STATE covers only what is finished.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._batch import BaseBatchFileEncoding
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.json import deserialize_json
from singer_sdk.streams import Stream

from singer_delivery.io.line_files import is_gzipped
from singer_delivery.sdk.messages import LineWriter, has_a_live_reader
from singer_delivery.sdk.source_project import with_source_project
from singer_delivery.tap.coverage import DONE, TOTAL, share_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.singerlib import SchemaMessage

    from singer_delivery.io.retry import Clock
    from singer_delivery.sdk.tap import CheckedTap


def record_head(stream: str) -> bytes:
    """Return how a RECORD message of a stream begins, up to its record."""
    return b'{"type":"RECORD","stream":"%b","record":' % stream.encode()


def spliced(head: bytes, lines: list[bytes], tail: bytes) -> bytes:
    """Return a RECORD message for each row, unchanged, between `head` and `tail`."""
    return b"%b%b%b" % (head, (tail + head).join(lines), tail)


def one_by_one(blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield each line alone, so that a run may end after any record."""
    return ([line] for lines in blocks for line in lines)


class RawStream(Stream):
    """A stream of lines, each a JSON object.

    Attributes:
        clock: the clock of the tap.
        progress: what the run of the tap has done by now.

    Args:
        tap: the tap.
        schema: of its records.
        vendor: whose project the records come from.
        project: what the vendor knows the project by; nothing when that is not known.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # rows are JSON already

    def __init__(self, tap: CheckedTap, schema: dict[str, Any], vendor: str, project: str) -> None:
        super().__init__(tap, schema=schema)
        self._vendor = vendor
        self._project = project
        self.clock: Clock = tap.clock
        self.progress = tap.progress
        self._record_head = record_head(self.name)
        self._record_tail = b""
        self._bad_lines_before: int | None = None

    # What a stream does itself ----------------------------------------------------------------

    @abstractmethod
    def blocks(self) -> Generator[list[bytes], None, None]:
        """Yield the lines, some at a time, and move the bookmark where rows are finished."""

    def hand_files_over(self) -> None:
        """Write BATCH messages; `get_batch_config` says first that it may."""
        raise NotImplementedError

    def why_no_files(self) -> str | None:
        """Return why RECORD messages are written though files are wanted; None when they are not.

        The text ends a sentence.
        """
        return None

    # What the SDK asks for --------------------------------------------------------------------

    def get_records(self, context: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Yield parsed rows for the SDK to write; the bookmark moves between them."""
        del context  # the stream has no partitions
        with closing(self.blocks()) as blocks:
            for lines in blocks:
                yield from map(deserialize_json, lines)
                self.progress.rows += len(lines)

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message, unless it is an error.

        The SDK calls each of them "unhandled"; the run ends with a sentence on what to do instead.
        """
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        for message in super()._generate_schema_messages():
            # Not in the schema that a catalog holds: the SDK keeps no such keyword of it.
            message.schema = with_source_project(message.schema, self._vendor, self._project)
            yield message

    def get_replication_key_signpost(self, context: Mapping[str, Any] | None = None) -> None:
        """Return None: the bookmark moves with what is finished, not with the records."""

    def _write_starting_replication_value(self, context: Mapping[str, Any] | None) -> None:
        """Do nothing, see `get_replication_key_signpost`."""

    def _increment_stream_state(
        self, latest_record: dict[str, Any], *, context: Mapping[str, Any] | None = None
    ) -> None:
        """Do nothing, see `get_replication_key_signpost`."""

    def _sync_records(
        self, context: Mapping[str, Any] | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        writer = self._tap.message_writer
        with self._flushing_at_the_end():
            if write_messages and isinstance(writer, LineWriter) and self._why_parsed() is None:
                self._splice_records(writer)
            else:
                yield from super()._sync_records(context, write_messages=write_messages)

    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """Return the SDK's batch settings; None, with a warning, where RECORDs are needed."""
        batch_config = super().get_batch_config(config)
        why = self._why_no_files() if batch_config else None
        if why is None:
            return batch_config
        self.logger.warning("RECORD messages are written, in spite of batch_config: %s.", why)
        return None

    def _sync_batches(
        self, batch_config: BatchConfig, context: Mapping[str, Any] | None = None
    ) -> None:
        del batch_config, context  # the tap's settings have them, and the stream has no partitions
        with self._flushing_at_the_end():
            self.hand_files_over()

    @contextmanager
    def _flushing_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            writer = self._tap.message_writer
            if isinstance(writer, LineWriter):
                if writer.signum is not None:
                    self.logger.warning("Stopped by a signal. STATE covers what is finished.")
                writer.flush()

    # Which way --------------------------------------------------------------------------------

    def _why_parsed(self) -> str | None:
        """Return why rows must be parsed; None when they can pass unchanged."""
        first, *others = self.stream_maps
        if others or type(first) is not SameRecordTransform:
            return "stream maps are configured"
        if first.flattening_enabled:
            return "flattening is configured"
        return None if all(self.mask.values()) else "columns are deselected"

    def _why_no_files(self) -> str | None:
        """Return why files must not be handed over; None when they may."""
        if self.ABORT_AT_RECORD_COUNT is not None:
            return "this run is to end after a few records"
        why = self._why_parsed()
        if why is not None:
            return f"{why}, and whole files would bypass that"
        if not has_a_live_reader():
            return "stdout is no pipe, and files are gone when this run has ended"
        return self.why_no_files()

    # What streams write with ------------------------------------------------------------------

    def note_the_time(self) -> None:
        """Say in the messages that follow that their rows were read now."""
        now = datetime.fromtimestamp(self.clock.now(), timezone.utc).isoformat()
        self._record_tail = f',"time_extracted":"{now}"}}\n'.encode()

    def note_bad_lines(self, count: int) -> None:
        """Say in STATE how many broken lines there are by now, with those of earlier runs.

        Args:
            count: of this run.
        """
        if self._bad_lines_before is None:
            found = self.stream_state.get("bad_lines")
            self._bad_lines_before = found if isinstance(found, int) else 0
        if count:
            self.stream_state["bad_lines"] = self._bad_lines_before + count

    def note_the_end(self) -> None:
        """Say that all that was asked for is read, also where nothing of it was new."""
        total = self.stream_state.get(TOTAL)
        if isinstance(total, dict):
            self.stream_state[DONE] = {**total}
            self.progress.share = share_of(self.stream_state)

    def write_lines(self, lines: list[bytes]) -> None:
        """Write a RECORD message for each line; the tap writes with a `LineWriter`."""
        writer = self._tap.message_writer
        assert isinstance(writer, LineWriter)
        writer.write_lines(spliced(self._record_head, lines, self._record_tail))
        self.progress.rows += len(lines)

    def write_batch(self, path: Path) -> None:
        """Write a BATCH message that names a file, and says whether it is gzipped."""
        compression = "gzip" if is_gzipped(path) else "none"
        encoding = BaseBatchFileEncoding(format="jsonl", compression=compression)
        self._write_batch_message(encoding, [path.as_uri()])
        self.progress.files += 1

    def _splice_records(self, writer: LineWriter) -> None:
        self.state_manager.is_flushed = False  # so that a run cut short by its limit writes STATE
        with (
            self.get_record_counter() as counter,
            self.get_sync_timer(),
            closing(self.blocks()) as blocks,
        ):
            written = 0
            for lines in blocks if self.ABORT_AT_RECORD_COUNT is None else one_by_one(blocks):
                self._check_max_record_limit(written)
                writer.write_lines(spliced(self._record_head, lines, self._record_tail))
                counter.increment(len(lines))
                written += len(lines)
                self.progress.rows += len(lines)
        self._write_state_message()
