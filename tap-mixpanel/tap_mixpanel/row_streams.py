"""The streams of rows: as Mixpanel exported them, behind the columns that the tap adds.

On every way the rows of a day leave in the order of `rows`. STATE covers only days that are written
or handed over completely; today is read and never bookmarked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any, cast

from singer_delivery.sdk.tap import CheckedTap
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.coverage import left_out, ranges_in, share_of
from singer_delivery.tap.spool import run_folder
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_mixpanel.copies import Copies
from tap_mixpanel.downloads import Downloader, Reader
from tap_mixpanel.identity_merge import SIMPLIFIED, VERBS
from tap_mixpanel.project import Project
from tap_mixpanel.records import Records
from tap_mixpanel.sessions import Sessions
from tap_mixpanel.sources import (
    REPLICATION_KEY,
    DaySource,
    Portion,
    Progress,
    began_at,
    done_until,
    first_day,
    from_api,
    sessions_cross,
)
from tap_mixpanel.streams import MixpanelStream, Part
from tap_mixpanel.waves import Waves
from tap_mixpanel.windows import DAY, Walk


class RowsStream(MixpanelStream):
    """A stream of rows of the export, by the day of the project.

    Attributes:
        verbs_alone: whether it has the verb rows alone.
    """

    primary_keys = ("uuid",)
    replication_key = REPLICATION_KEY
    verbs_alone = False

    def __init__(self, tap: CheckedTap) -> None:
        super().__init__(tap)
        self._count = self._bad_lines_at_log = 0

    @abstractmethod
    def from_api(self, project: Project, progress: Progress) -> DaySource:
        """Yield the rows to emit, from Mixpanel."""

    def bookmark_of_events(self) -> Mapping[str, Any]:
        """Return what STATE says of the stream `events`, and with it of the project."""
        bookmarks = self.tap_state.get("bookmarks") or {}
        return cast("Mapping[str, Any]", bookmarks.get("events") or {})

    def bookmark(self) -> Mapping[str, Any]:
        """Return what STATE says of this stream; nothing where all is to be read anew."""
        # Not `replication_method`: a catalog without that key must not cause a full reload.
        is_full_reload = self.forced_replication_method == REPLICATION_FULL_TABLE
        return {} if is_full_reload else self.stream_state

    def done_before(self, project: Project) -> Progress:
        """Return which days are done."""
        bookmark = self.bookmark()
        return Progress(done_until(bookmark), self.run.today(project.frame), began_at(bookmark))

    def finish(self, changes: Mapping[str, Any]) -> None:
        """Move the bookmark."""
        started = datetime.fromtimestamp(self.run.started_at, timezone.utc)
        self.stream_state.update({**changes, "started_at": started.isoformat()})
        self.state_manager.is_flushed = False
        self._write_state_message()

    def portions(self, project: Project, progress: Progress, bad_lines: BadLines) -> DaySource:
        """Return the rows to emit, from Mixpanel or from an archive."""
        exported = self.run.exported
        if exported is None:
            return self.from_api(project, progress)
        waves = Waves(exported, project, self.settings, bad_lines, verbs_alone=self.verbs_alone)
        return waves.from_archive(self.bookmark())

    def windows(
        self, project: Project, progress: Progress, walk: Walk, events: tuple[str, ...]
    ) -> DaySource:
        """Yield the windows of a walk; of all events where none is named."""
        settings = self.settings
        if walk.window is None:
            self.logger.info("Nothing new: every day before %s is done.", walk.position)
            return
        with run_folder(settings.spool_dir) as folder:
            reader = Reader(
                self.run.client(),
                project,
                events,
                folder,
                settings.spool_dir,
                settings.session_property,
            )
            yield from from_api(
                Downloader(reader, walk, settings.max_retries, self.clock, self.progress.waiting),
                progress,
            )

    def parts(self) -> Generator[Part, None, None]:
        """Yield the records of each day, and move the bookmark between days."""
        settings = self.settings
        project = self.run.project(self.bookmark_of_events())
        progress = self.done_before(project)
        copies = Copies(settings.spool_dir)
        records = Records(copies, self._sessions(project), progress.is_done, progress.done_at)
        with (
            closing(BadLines(settings.spool_dir, self.logger)) as bad_lines,
            closing(self.portions(project, progress, bad_lines)) as portions,
        ):
            for portion in portions:
                with closing(portion.dealt):
                    self._keep_broken(portion, bad_lines)
                    yield from self._days(portion, records, project)
                self._finish(portion.finish(), project)
                self._log(portion.name, bad_lines.count)
        self.note_the_end()
        self._tell(copies, records)

    def _days(
        self, portion: Portion, records: Records, project: Project
    ) -> Generator[Part, None, None]:
        for day in portion.dealt.days():
            if day.day is not None:
                project.watch.check(day.day)
            if not portion.leaves(day.day):
                records.pass_over(day)
                continue
            self.note_the_time()
            self.progress.at = day.day
            made = records.of(day, portion.dealt.identity_merge)
            with closing(self._counted(made)) as counted:
                yield Part(f"{self.name}-{day.day or 'undated'}", counted)
            self._finish(portion.finish_day(day), project)
            self.progress.passed("days")

    def _counted(self, blocks: Iterable[list[bytes]]) -> Generator[list[bytes], None, None]:
        for lines in blocks:
            self._count += len(lines)
            yield lines

    def _sessions(self, project: Project) -> Sessions:
        return Sessions(
            self.settings.session_timeout_minutes,
            project.frame.midnight_after,
            by_value=self.settings.session_property is not None,
        )

    def _keep_broken(self, portion: Portion, bad_lines: BadLines) -> None:
        for broken in portion.dealt.broken:
            bad_lines.add(portion.name, *broken)
        bad_lines.to_disk()
        self.note_bad_lines(bad_lines.count)

    def _finish(self, changes: Mapping[str, Any], project: Project) -> None:
        if changes:
            known = {name: said for name, said in project.as_bookmark.items() if said is not None}
            self.finish({**changes, **known})
            self.progress.share = share_of(changes)

    def _log(self, name: str, bad_lines: int) -> None:
        self.logger.info(
            "%s: %d rows, %d broken lines.", name, self._count, bad_lines - self._bad_lines_at_log
        )
        self._count, self._bad_lines_at_log = 0, bad_lines

    def _tell(self, copies: Copies, records: Records) -> None:
        if copies.duplicates:
            self.logger.info(
                "%s rows were duplicates: of each event the row that Mixpanel processed last is "
                "left, as in its reports.",
                f"{copies.duplicates:,}",
            )
        if copies.alike:
            self.logger.info(
                "%s rows without $insert_id are alike to another one, and were numbered.",
                f"{copies.alike:,}",
            )
        if records.late:
            self.logger.info(
                "%s rows came late to %d days that were done.",
                f"{sum(records.late.values()):,}",
                len(records.late),
            )


class EventsStream(RowsStream):
    """All rows of the export."""

    name = "events"

    def from_api(self, project: Project, progress: Progress) -> DaySource:
        """Yield the windows of the export."""
        settings = self.settings
        assert settings.start is not None
        end = min(settings.end or date.max, progress.today + DAY)
        first = first_day(settings.start, progress.done, settings.lookback_days)
        warning = left_out(self.bookmark(), f"{settings.start}T00", f"{first}T00")
        if warning:
            self.logger.warning("%s", warning)
        progress = replace(
            progress, asked=(settings.start, end), first=first, covered=ranges_in(self.bookmark())
        )
        is_next = settings.start < first < end
        if is_next and sessions_cross(first, project.frame, settings):
            first -= DAY
        walk = Walk.over(first, end, settings.window_days)
        yield from self.windows(project, progress, walk, self._names(project))

    def _names(self, project: Project) -> tuple[str, ...]:
        """Return the names to ask for, with those of verbs: they say whose the others are."""
        names = self.settings.event_names
        if not names or project.merge.mode == SIMPLIFIED:
            return names
        return (*names, *(verb for verb in VERBS if verb not in names))
