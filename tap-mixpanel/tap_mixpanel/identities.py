"""The stream `identities`: the rows that say which ids are one person, before all other rows.

A login of March says whose the anonymous rows of January are. So the verb rows of a project with
Original ID Merge leave first, from years before `start_date` on; they are in `events` once more. A
project with Simplified ID Merge has none (Mixpanel docs, Identifying Users).
"""

from __future__ import annotations

from datetime import date

from tap_mixpanel.identity_merge import SIMPLIFIED, VERBS
from tap_mixpanel.project import Project
from tap_mixpanel.row_streams import RowsStream
from tap_mixpanel.sources import DaySource, Progress, first_day
from tap_mixpanel.windows import DAY, Walk

WINDOW_DAYS = 92
"""Verb rows are few. Ten years are 40 requests of the 60 in an hour."""


class IdentitiesStream(RowsStream):
    """The verb rows of the export."""

    name = "identities"
    verbs_alone = True

    def from_api(self, project: Project, progress: Progress) -> DaySource:
        """Yield windows of verb rows, unless the project has none."""
        settings = self.settings
        if project.merge.mode == SIMPLIFIED:
            self.logger.info("This project has Simplified ID Merge, and so no rows that join ids.")
            return
        assert settings.identities_start is not None
        end = min(settings.end or date.max, progress.today + DAY)
        first = first_day(settings.identities_start, progress.done, settings.lookback_days)
        yield from self.windows(
            project, progress, Walk(first, end, WINDOW_DAYS, WINDOW_DAYS), VERBS
        )
