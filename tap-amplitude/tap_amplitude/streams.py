"""The stream `events`: the rows of the export, as Amplitude wrote them.

A row takes one of two roads. Where nothing is deselected, mapped or flattened, the bytes of its
line go into the RECORD message untouched: big integers, `1.0`, escapes and the order of keys arrive
as they were. Otherwise it is parsed and takes the SDK's ordinary road.

STATE says only what is finished: a window of hours, or a file of an archive, whose every line has
been written before. The SDK's way, a bookmark that follows the records, does not fit rows that
stand in no order within their hour; its increments and its signpost are therefore switched off.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from singer_sdk.singerlib.json import deserialize_json
from singer_sdk.streams import Stream

from tap_amplitude.bad_lines import BadLines
from tap_amplitude.messages import LineWriter
from tap_amplitude.schemas import EVENTS_SCHEMA
from tap_amplitude.settings import Settings
from tap_amplitude.sources import REPLICATION_KEY, from_api, from_archive

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from singer_delivery.retry import Clock
    from singer_sdk import Tap

    from tap_amplitude.sources import Portion

RECORD_HEAD = b'{"type":"RECORD","stream":"events","record":'


def spliced(lines: list[bytes], tail: bytes) -> bytes:
    """Return RECORD messages of rows as they are; `tail` ends each."""
    return b"%b%b%b" % (RECORD_HEAD, (tail + RECORD_HEAD).join(lines), tail)


def one_by_one(blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield each line alone, where a record may be the last that is wanted."""
    return ([line] for lines in blocks for line in lines)


class EventsStream(Stream):
    """Rows of the export, by the hour of their upload."""

    name = "events"
    primary_keys = ("uuid",)
    replication_key = REPLICATION_KEY
    schema = EVENTS_SCHEMA
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # what was JSON is JSON

    def __init__(self, tap: Tap, clock: Clock, user_agent: str) -> None:
        super().__init__(tap)
        self._clock = clock
        self._user_agent = user_agent
        self._record_tail = b""
        self._records = 0
        self._bytes = 0
        self._records_at_state = 0
        self._bad_lines_before = 0
        self._at_last_log = (0, 0, 0)

    # What the SDK asks for --------------------------------------------------------------------

    def get_records(self, context: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Yield parsed rows for the SDK's ordinary road; the bookmark moves between portions."""
        del context  # the stream has no partitions
        with closing(self._blocks()) as blocks:
            for lines in blocks:
                yield from map(deserialize_json, lines)

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message, but for the SDK's notice of an "unhandled error".

        The error itself is logged where the run ends, in a sentence that says what to do.
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
        if not isinstance(writer, LineWriter):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        try:
            if write_messages and self._passes_untouched():
                self._splice_records(writer)
            else:
                yield from super()._sync_records(context, write_messages=write_messages)
        finally:
            if writer.signum is not None:
                self.logger.warning("Stopped by a signal. STATE covers what was finished before.")
            writer.flush()

    # The two roads ----------------------------------------------------------------------------

    def _passes_untouched(self) -> bool:
        first, *others = self.stream_maps
        return (
            not others
            and type(first) is SameRecordTransform
            and not first.flattening_enabled
            and all(self.mask.values())
        )

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
            for portion in portions:
                now = datetime.fromtimestamp(self._clock.now(), timezone.utc).isoformat()
                self._record_tail = f',"time_extracted":"{now}"}}\n'.encode()
                for archive, file in portion.files:
                    for lines in bad_lines.sifted(file.name, archive.blocks(file)):
                        self._records += len(lines)
                        self._bytes += sum(map(len, lines))
                        yield lines
                self._finish(portion, bad_lines)

    def _portions(self, settings: Settings) -> Generator[Portion, None, None]:
        # Not `replication_method`: a catalog that merely leaves the key out means no full reload.
        is_afresh = self.forced_replication_method == REPLICATION_FULL_TABLE
        bookmark = {} if is_afresh else dict(self.stream_state)
        if settings.archive_path:
            return from_archive(settings, bookmark)
        return from_api(settings, bookmark, self._clock, self._user_agent)

    def _finish(self, portion: Portion, bad_lines: BadLines) -> None:
        """Move the bookmark behind a portion, all of whose lines are written."""
        bad_lines.to_disk()
        self.stream_state.update(portion.finish())
        if bad_lines.count:
            self.stream_state["bad_lines"] = self._bad_lines_before + bad_lines.count
        self.state_manager.is_flushed = False
        since_state = self._records - self._records_at_state
        if portion.is_whole or since_state >= self.STATE_MSG_FREQUENCY:
            self._write_state_message()
            self._records_at_state = self._records
        if portion.is_whole:
            self._log_progress(portion.name, bad_lines.count)

    def _log_progress(self, name: str, bad_lines: int) -> None:
        now = (self._records, self._bytes, bad_lines)
        records, size, broken = (new - old for new, old in zip(now, self._at_last_log, strict=True))
        self._at_last_log = now
        self.logger.info(
            "%s: %d records, %.1f MB, %d broken lines.", name, records, size / 1e6, broken
        )
