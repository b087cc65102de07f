"""The stream `events`: the rows of the export, as Amplitude wrote them.

There are three ways to write a row. Where nothing is deselected, mapped or flattened, the bytes of
its line go into the RECORD message unchanged: big integers, `1.0`, escapes and the order of keys
stay. Otherwise the row is parsed, and the SDK writes it. With `batch_config` the tap hands files
over: a file whose rows are sound and in order as it is stored, and else a file of the same rows,
put in order. On every way the rows of an hour leave in the order of `order`.

STATE covers only what is finished: windows, or hours of an archive, that are written or handed over
completely. The SDK moves its bookmark with each record, and here an hour is finished at once; so
its increments and its signpost are switched off.
"""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from analytics_records.amplitude.columns import events_schema
from singer_delivery.io.line_files import is_gzipped
from singer_sdk.helpers._batch import BaseBatchFileEncoding
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from singer_sdk.singerlib.json import deserialize_json
from singer_sdk.streams import Stream

from tap_amplitude.bad_lines import BadLines
from tap_amplitude.handover import handing_over
from tap_amplitude.hours import Hours
from tap_amplitude.messages import LineWriter, has_a_live_reader, reader_is_gone
from tap_amplitude.settings import TEXT, Settings
from tap_amplitude.sources import REPLICATION_KEY, from_api, from_archive

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from singer_delivery.io.retry import Clock
    from singer_sdk import Tap
    from singer_sdk.helpers._batch import BatchConfig

    from tap_amplitude.sources import Portion

RECORD_HEAD = b'{"type":"RECORD","stream":"events","record":'

STATE_EVERY_BYTES = 2 * 1024 * 1024
"""Bytes of files as they are stored: ten thousand rows, of some 230 bytes each."""


def spliced(lines: list[bytes], tail: bytes) -> bytes:
    """Return a RECORD message for each row, unchanged; `tail` ends each message."""
    return b"%b%b%b" % (RECORD_HEAD, (tail + RECORD_HEAD).join(lines), tail)


def one_by_one(blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield each line alone, so that a run may end after any record."""
    return ([line] for lines in blocks for line in lines)


class EventsStream(Stream):
    """The rows of the export, by the hour of their upload."""

    name = "events"
    primary_keys = ("uuid",)
    replication_key = REPLICATION_KEY
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # rows are JSON already

    def __init__(self, tap: Tap, clock: Clock, user_agent: str) -> None:
        is_text = tap.config.get("timestamps") == TEXT
        super().__init__(tap, schema=events_schema(times_are_text=is_text))
        self._clock = clock
        self._user_agent = user_agent
        self._record_tail = b""
        self._bad_lines_before = 0
        self._counts = "records"
        # Since the last STATE, in records or bytes, and since the last log entry.
        self._since_state = 0
        self._count = self._bytes = self._bad_lines_at_log = 0

    # What the SDK asks for --------------------------------------------------------------------

    def get_records(self, context: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Yield parsed rows for the SDK to write; the bookmark moves between portions."""
        del context  # the stream has no partitions
        with closing(self._blocks()) as blocks:
            for lines in blocks:
                yield from map(deserialize_json, lines)

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message, unless it is an error.

        The SDK calls each of them "unhandled"; the run ends with a sentence on what to do instead.
        """
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    def get_replication_key_signpost(self, context: Mapping[str, Any] | None = None) -> None:
        """Return None: the bookmark moves with the hours, not with the records."""

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
        del batch_config, context  # `Settings` has them, and the stream has no partitions
        with self._flushing_at_the_end():
            self._hand_files_over()

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
        return None

    # The ways that are not the SDK's ----------------------------------------------------------

    def _splice_records(self, writer: LineWriter) -> None:
        self.state_manager.is_flushed = False  # so that a run cut short by its limit writes STATE
        with (
            self.get_record_counter() as counter,
            self.get_sync_timer(),
            closing(self._blocks()) as blocks,
        ):
            written = 0
            for lines in blocks if self.ABORT_AT_RECORD_COUNT is None else one_by_one(blocks):
                self._check_max_record_limit(written)
                writer.write_lines(spliced(lines, self._record_tail))
                counter.increment(len(lines))
                written += len(lines)
        self._write_state_message()

    def _blocks(self) -> Generator[list[bytes], None, None]:
        """Yield every line that is a JSON object, and move the bookmark between portions."""
        settings = Settings.of_config(self.config)
        self._bad_lines_before = self.stream_state.get("bad_lines", 0)
        with (
            closing(BadLines(settings.spool_dir, self.logger)) as bad_lines,
            closing(self._portions(settings)) as portions,
        ):
            hours = Hours(settings, bad_lines)
            for portion in portions:
                for hour in portion.hours:
                    self._note_the_time()
                    for lines in hours.rows(hour):
                        self._counted(len(lines), sum(map(len, lines)))
                        self._since_state += len(lines)
                        yield lines
                self._finish(portion, bad_lines, self.STATE_MSG_FREQUENCY)

    def _note_the_time(self) -> None:
        now = datetime.fromtimestamp(self._clock.now(), timezone.utc).isoformat()
        self._record_tail = f',"time_extracted":"{now}"}}\n'.encode()

    def _hand_files_over(self) -> None:
        settings = Settings.of_config(self.config)
        assert settings.batches is not None
        self._bad_lines_before = self.stream_state.get("bad_lines", 0)
        self._counts = "files"
        with (
            self.get_batch_counter() as counter,
            self.get_sync_timer(),
            closing(BadLines(settings.spool_dir, self.logger)) as bad_lines,
            handing_over(settings.batches, self._clock, reader_is_gone) as handover,
            closing(self._portions(settings)) as portions,
        ):
            hours = Hours(settings, bad_lines)
            for portion in portions:
                for hour in portion.hours:
                    # A STATE, even an unchanged one, may make the target decide what it has read.
                    for path in hours.files(
                        hour, handover, self._write_state_message, self._write_rows
                    ):
                        self._tell_of(path)
                        counter.increment()
                self._finish(portion, bad_lines, STATE_EVERY_BYTES)

    def _tell_of(self, path: Path) -> None:
        compression = "gzip" if is_gzipped(path) else "none"
        encoding = BaseBatchFileEncoding(format="jsonl", compression=compression)
        size = path.stat().st_size
        self._counted(1, size)
        self._since_state += size
        self._write_batch_message(encoding, [path.as_uri()])

    def _write_rows(self, blocks: Iterable[list[bytes]]) -> None:
        writer = self._tap.message_writer
        assert isinstance(writer, LineWriter)
        self._note_the_time()
        for lines in blocks:
            writer.write_lines(spliced(lines, self._record_tail))
            self._since_state += sum(map(len, lines))

    def _portions(self, settings: Settings) -> Generator[Portion, None, None]:
        # Not `replication_method`: a catalog without that key must not cause a full reload.
        is_full_reload = self.forced_replication_method == REPLICATION_FULL_TABLE
        bookmark = {} if is_full_reload else dict(self.stream_state)
        if settings.archive_path:
            return from_archive(settings, bookmark)
        return from_api(settings, bookmark, self._clock, self._user_agent)

    # After a portion --------------------------------------------------------------------------

    def _finish(self, portion: Portion, bad_lines: BadLines, enough: int) -> None:
        """Note that every line of a portion is written or handed over.

        STATE follows where it is due, and where `enough` came since the last STATE.
        """
        bad_lines.to_disk()
        if bad_lines.count:
            self.stream_state["bad_lines"] = self._bad_lines_before + bad_lines.count
        self.stream_state.update(portion.finish())
        self.state_manager.is_flushed = False
        if portion.state_is_due or self._since_state >= enough:
            self._write_state_message()
            self._since_state = 0
        if portion.state_is_due:
            self._log(portion.name, bad_lines.count)

    def _counted(self, count: int, size: int) -> None:
        self._count += count
        self._bytes += size

    def _log(self, name: str, bad_lines: int) -> None:
        self.logger.info(
            "%s: %d %s, %.1f MB, %d broken lines.",
            name,
            self._count,
            self._counts,
            self._bytes / 1e6,
            bad_lines - self._bad_lines_at_log,
        )
        self._count = self._bytes = 0
        self._bad_lines_at_log = bad_lines
