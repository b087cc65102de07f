"""The stream `events`: the rows of the export, as Amplitude wrote them.

`RawStream` has the ways to write a row. With `batch_config` the tap hands files over: a file whose
rows are sound and in order as it is stored, and else a file of the same rows, put in order. On
every way the rows of an hour leave in the order of `order`.

STATE covers only what is finished: windows, or hours of an archive, that are written or handed over
completely.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from analytics_records.amplitude.columns import events_schema
from singer_delivery.sdk.messages import reader_is_gone
from singer_delivery.sdk.raw_stream import RawStream
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.coverage import share_of
from singer_delivery.tap.handover import handing_over
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_amplitude.hours import Hours
from tap_amplitude.settings import SPOOL_DIR, TEXT, Settings
from tap_amplitude.sources import REPLICATION_KEY, from_api, from_archive

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from singer_delivery.sdk.tap import CheckedTap

    from tap_amplitude.sources import Hour, Portion

VENDOR = "amplitude"
OWN_FOLDER = SPOOL_DIR
"""Below the root of `batch_config`, since others may use the root too. Its name is hidden, so that
an archive around it does not include its files."""

STATE_EVERY_BYTES = 2 * 1024 * 1024
"""Bytes of files as they are stored: ten thousand rows, of some 230 bytes each."""


class EventsStream(RawStream):
    """The rows of the export, by the hour of their upload."""

    name = "events"
    primary_keys = ("uuid",)
    replication_key = REPLICATION_KEY

    def __init__(self, tap: CheckedTap) -> None:
        is_text = tap.config.get("timestamps") == TEXT
        api_key = Settings.of_config(tap.config).account.api_key
        super().__init__(tap, events_schema(times_are_text=is_text), VENDOR, api_key)
        self._user_agent = tap.user_agent
        self._counts = "records"
        # Since the last STATE, in records or bytes, and since the last log entry.
        self._since_state = 0
        self._count = self._bytes = self._bad_lines_at_log = 0

    def blocks(self) -> Generator[list[bytes], None, None]:
        """Yield every line that is a JSON object, and move the bookmark between portions."""
        settings = Settings.of_config(self.config)
        with (
            closing(BadLines(settings.spool_dir, self.logger)) as bad_lines,
            closing(self._portions(settings)) as portions,
        ):
            hours = Hours(settings, bad_lines)
            for portion in portions:
                for hour in portion.hours:
                    self._begin(hour)
                    for lines in hours.rows(hour):
                        self._counted(len(lines), sum(map(len, lines)))
                        self._since_state += len(lines)
                        yield lines
                self._finish(portion, bad_lines, self.STATE_MSG_FREQUENCY)
        self.note_the_end()

    def hand_files_over(self) -> None:
        """Write BATCH messages of the files of each hour; see `hours`."""
        settings = Settings.of_config(self.config)
        batches = settings.batches
        assert batches is not None
        self._counts = "files"
        root = batches.root / OWN_FOLDER
        with (
            self.get_batch_counter() as counter,
            self.get_sync_timer(),
            closing(BadLines(settings.spool_dir, self.logger)) as bad_lines,
            handing_over(
                root, batches.prefix, self.clock, reader_is_gone, self.progress.waiting
            ) as handover,
            closing(self._portions(settings)) as portions,
        ):
            hours = Hours(settings, bad_lines)
            for portion in portions:
                for hour in portion.hours:
                    self._begin(hour)
                    # A STATE, even an unchanged one, may make the target decide what it has read.
                    for path in hours.files(
                        hour, handover, self._write_state_message, self._write_rows
                    ):
                        self._tell_of(path)
                        counter.increment()
                self._finish(portion, bad_lines, STATE_EVERY_BYTES)
            self.note_the_end()

    def _begin(self, hour: Hour) -> None:
        self.note_the_time()
        self.progress.at = hour.at

    def _tell_of(self, path: Path) -> None:
        size = path.stat().st_size
        self._counted(1, size)
        self._since_state += size
        self.write_batch(path)

    def _write_rows(self, blocks: Iterable[list[bytes]]) -> None:
        self.note_the_time()
        for lines in blocks:
            self.write_lines(lines)
            self._since_state += sum(map(len, lines))

    def _portions(self, settings: Settings) -> Generator[Portion, None, None]:
        # Not `replication_method`: a catalog without that key must not cause a full reload.
        is_full_reload = self.forced_replication_method == REPLICATION_FULL_TABLE
        bookmark = {} if is_full_reload else dict(self.stream_state)
        if settings.archive_path:
            return from_archive(settings, bookmark)
        waiting = self.progress.waiting
        return from_api(settings, bookmark, self.clock, self._user_agent, waiting)

    # After a portion --------------------------------------------------------------------------

    def _finish(self, portion: Portion, bad_lines: BadLines, enough: int) -> None:
        """Note that every line of a portion is written or handed over.

        STATE follows where it is due, and where `enough` came since the last STATE.
        """
        bad_lines.to_disk()
        self.note_bad_lines(bad_lines.count)
        changes = portion.finish()
        self.stream_state.update(changes)
        self.progress.share = share_of(changes)
        self.progress.passed(portion.kind)
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
