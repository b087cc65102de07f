"""What the streams of one run share: budgets, and what is known of the project."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from singer_delivery.io.addresses import is_open_to_others
from singer_delivery.io.retry import Clock
from singer_delivery.tap.progress import Waiting
from singer_delivery.tap.spool import run_folder

from tap_mixpanel.archive import ExportedFiles
from tap_mixpanel.budget import Budget
from tap_mixpanel.client import ExportClient
from tap_mixpanel.opening import OpeningCheck
from tap_mixpanel.project import Project, opened
from tap_mixpanel.query import QueryClient
from tap_mixpanel.settings import USE_SERVICE_ACCOUNT, Settings, today_in_utc
from tap_mixpanel.time_frame import PROJECT, TimeFrame
from tap_mixpanel.waves import opened_archive

logger = logging.getLogger("tap-mixpanel.export")


@dataclass
class Run:
    """One run of the tap.

    Attributes:
        waiting: surrounds each wait, told for what.
        exports: the budget of the export host.
        queries: the budget of the query host, which counts apart.
        started_at: when the run began, in seconds since 1970.
    """

    settings: Settings
    clock: Clock
    user_agent: str
    waiting: Waiting = nullcontext
    exports: Budget = field(init=False)
    queries: Budget = field(init=False)
    started_at: float = field(init=False)
    _project: Project | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        most = self.settings.max_requests_per_hour
        self.exports = Budget(most, self.clock, logger, waiting=self.waiting)
        queries = logging.getLogger("tap-mixpanel.profiles")
        self.queries = Budget(most, self.clock, queries, waiting=self.waiting)
        self.started_at = self.clock.now()

    @cached_property
    def exported(self) -> ExportedFiles | None:
        """The files of the archive; None when Mixpanel is asked.

        Raises:
            ArchiveUnreadable: There is none, one is damaged, or the storage fails.
        """
        path = self.settings.archive_path
        return ExportedFiles(path) if path else None

    def query_client(self) -> QueryClient:
        """Return a client of the query host; all of them share its budget."""
        return QueryClient(self.settings.account, self.user_agent, self.clock, self.queries)

    def client(self) -> ExportClient:
        """Return a client of the export host; all of them share its budget."""
        return ExportClient(self.settings.account, self.user_agent, self.clock, self.exports)

    def project(self, bookmark: Mapping[str, Any]) -> Project:
        """Return what is known of the project; the first call asks Mixpanel for some rows.

        Args:
            bookmark: of the stream `events`.

        Raises:
            FrameUnknown: What its times are cannot be told.
            TapError: Mixpanel refuses to answer, or does not.
        """
        if self._project is None:
            self._project = self._opened(bookmark)
        return self._project

    def today(self, frame: TimeFrame | None) -> date:
        """Return the day that is not over: the earlier one, while it is not known whose it is."""
        in_utc = today_in_utc(self.clock.now())
        if frame is not None:
            return frame.today(self.clock.now())
        zone = self.settings.zone
        return min(in_utc, TimeFrame(PROJECT, zone).today(self.clock.now())) if zone else in_utc

    def _opened(self, bookmark: Mapping[str, Any]) -> Project:
        if self.exported is not None:
            return opened_archive(self.settings, bookmark, self.exported.scan)
        self._warn()
        with (
            run_folder(self.settings.spool_dir) as folder,
            closing(self.client()) as client,
        ):
            check = self._check(client, folder)
            project = opened(self.settings, bookmark, check.sample, self.today(None))
            check.make_sure_of_an_answer(self.today(None))
        if project.frame.kind == PROJECT:
            logger.info(
                "Times are read as the wall clock of %s. Rows that were imported, or stored before "
                "that zone was set, may be of another; nothing in them says so.",
                project.frame.zone,
            )
        return project

    def _check(self, client: ExportClient, folder: Path) -> OpeningCheck:
        settings = self.settings
        return OpeningCheck(
            client, settings.account, folder, settings.max_retries, self.clock, self.waiting
        )

    def _warn(self) -> None:
        account = self.settings.account
        if account.project_secret:
            logger.warning("%s", USE_SERVICE_ACCOUNT)
        if is_open_to_others(account.base_url) or is_open_to_others(account.query_base_url):
            logger.warning("base_url is http://: the login and the data travel unencrypted.")
