"""The two sources of rows: the Export API, and an archive of exported files."""

from __future__ import annotations

import logging
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from singer_delivery.io.addresses import is_open_to_others
from singer_delivery.io.retry import Backoff
from singer_delivery.tap.ahead import one_ahead
from singer_delivery.tap.coverage import Range, coverage_after, joined, left_out, ranges_in
from singer_delivery.tap.errors import StateUnreadable
from singer_delivery.tap.spool import run_folder

from tap_amplitude.archive import UNDATED, Archive, by_hour
from tap_amplitude.client import ExportClient
from tap_amplitude.covering import Covering, hour_text
from tap_amplitude.days import Progress, by_day
from tap_amplitude.downloads import Downloader
from tap_amplitude.windows import HOUR, Walk, read_time, settled_until, write_time

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from singer_delivery.io.retry import Clock
    from singer_delivery.tap.progress import Waiting

    from tap_amplitude.archive import ExportFile
    from tap_amplitude.days import Day
    from tap_amplitude.downloads import Download
    from tap_amplitude.settings import Settings
    from tap_amplitude.windows import Window

logger = logging.getLogger("tap-amplitude.export")

REPLICATION_KEY = "server_upload_time"
ASK_AGAIN = (
    "Run again to download it anew; if it stays damaged, load that hour with archive_path from "
    "Amplitude's S3 or Google Cloud Storage export."
)


@dataclass(frozen=True)
class Hour:
    """The files whose rows are put in order together, and the archive that holds them.

    Attributes:
        archive: holds the files.
        files: those of one hour, or all of those whose names hold no hour.
    """

    archive: Archive
    files: list[ExportFile]

    @property
    def name(self) -> str:
        """A name for a file of all its rows."""
        first = self.files[0]
        return f"{first.day}{f'_{first.hour.hour}' if first.hour != UNDATED else ''}.jsonl"

    @property
    def at(self) -> str | None:
        """The hour, for people; None where the files' names hold none."""
        hour = self.files[0].hour
        return None if hour == UNDATED else hour_text(hour)


@dataclass(frozen=True)
class Portion:
    """A part of the export after which the bookmark moves: a window, or an hour of an archive.

    Attributes:
        name: its name in the log.
        hours: its hours. Read each before you ask for the next.
        finish: returns the changes to the bookmark. Call it when every line is written.
        kind: what several of them are called, for people.
        state_is_due: whether STATE follows it, whatever its size: a window, or the end of a day.
    """

    name: str
    hours: Iterator[Hour]
    finish: Callable[[], dict[str, Any]]
    state_is_due: bool
    kind: str


def starting_hour(settings: Settings, bookmark: Mapping[str, Any]) -> datetime:
    """Return the first hour to ask for: that of the bookmark, but not before `start_date`.

    Raises:
        StateUnreadable: The bookmark is no time.
    """
    start = settings.start or datetime.min.replace(tzinfo=timezone.utc)
    value = bookmark.get("replication_key_value")
    try:
        return max(start, read_time(str(value))) if value else start
    except ValueError as error:
        msg = "The state's replication_key_value is no time; correct or clear the state."
        raise StateUnreadable(msg) from error


def from_api(
    settings: Settings,
    bookmark: Mapping[str, Any],
    clock: Clock,
    user_agent: str,
    waiting: Waiting = nullcontext,
) -> Generator[Portion, None, None]:
    """Yield the settled hours after the bookmark, window by window.

    Raises:
        TapError: The export cannot go on.
    """
    walk = _walk(settings, bookmark, datetime.fromtimestamp(clock.now(), timezone.utc))
    asked = Asked(settings.start or walk.position, walk.end, ranges_in(bookmark))
    warning = left_out(bookmark, hour_text(asked.start), hour_text(walk.position))
    if warning:
        logger.warning("%s", warning)
    if walk.window is None:
        logger.info("Nothing new: every hour before %s is done.", write_time(walk.position))
        return
    if is_open_to_others(settings.account.base_url):
        logger.warning("base_url is http://: the keys and the export travel unencrypted.")
    with run_folder(settings.spool_dir) as folder:
        downloader = Downloader(
            client=ExportClient(settings.account, user_agent, clock),
            walk=walk,
            folder=folder,
            max_retries=settings.max_retries,
            backoff=Backoff(),
            clock=clock,
            waiting=waiting,
        )
        with closing(one_ahead(iter(downloader))) as downloads:
            for download in downloads:
                yield _as_portion(download, asked)
                if download.path is not None:
                    download.path.unlink(missing_ok=True)


def _walk(settings: Settings, bookmark: Mapping[str, Any], now: datetime) -> Walk:
    settled = settled_until(now, settings.settle_hours)
    end = min(settled, settings.end) if settings.end else settled
    return Walk.over(starting_hour(settings, bookmark), end, settings.window_hours)


@dataclass
class Asked:
    """The hours that are asked for, and those that earlier runs have covered."""

    start: datetime
    end: datetime
    covered: list[Range]

    def coverage(self, window: Window) -> dict[str, Any]:
        """Return what the bookmark says of coverage after a window."""
        self.covered = joined([*self.covered, (hour_text(window.start), hour_text(window.end))])
        done, total = window.end - self.start, self.end - self.start
        return coverage_after(self.covered, done // HOUR, total // HOUR, "hours")


def _as_portion(download: Download, asked: Asked) -> Portion:
    window = download.window

    def finish() -> dict[str, Any]:
        return {
            "replication_key": REPLICATION_KEY,
            "replication_key_value": write_time(window.end),
            **asked.coverage(window),
        }

    name = f"{window} ({window.hours} h)"
    return Portion(name, _hours_of(download), finish, state_is_due=True, kind="windows")


def _hours_of(download: Download) -> Iterator[Hour]:
    if download.path is None:
        return
    with closing(Archive(str(download.path), ASK_AGAIN)) as archive:
        for files in by_hour(archive.files()):
            yield Hour(archive, files)


def from_archive(settings: Settings, bookmark: Mapping[str, Any]) -> Generator[Portion, None, None]:
    """Yield the files of the archive that the bookmark does not hold, hour by hour.

    Raises:
        ArchiveUnreadable: The archive is not there, or a file of it is damaged.
    """
    progress = Progress.of_bookmark(bookmark.get("archive") or {})
    with closing(Archive(settings.archive_path or "")) as archive:
        in_range = [*_in_range(archive.files(), settings)]
        covering = Covering.of_files(in_range, ranges_in(bookmark))
        for day in by_day(in_range):
            to_read = progress.to_read(day)
            covering.pass_over(day, to_read)
            for files in by_hour(to_read):
                is_last = files[-1] is to_read[-1]
                finish = partial(_note, progress, covering, day, files, is_last=is_last)
                hours = iter([Hour(archive, files)])
                yield Portion(day.date, hours, finish, is_last, "hours of the archive")
            progress.read_through(day)


def _note(
    progress: Progress,
    covering: Covering,
    day: Day[ExportFile],
    files: list[ExportFile],
    *,
    is_last: bool,
) -> dict[str, Any]:
    for file in files:
        progress.read(day, file)
    if is_last:
        progress.read_through(day)
    return {"archive": progress.as_bookmark(), **covering.after(files, is_last=is_last)}


def _in_range(files: list[ExportFile], settings: Settings) -> Iterator[ExportFile]:
    """Yield the files whose hour lies in the range of the settings, and those without an hour."""
    for file in files:
        too_early = settings.start is not None and file.hour < settings.start
        too_late = settings.end is not None and file.hour >= settings.end
        if file.hour == UNDATED or not (too_early or too_late):
            yield file
