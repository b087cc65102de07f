"""The folder in which each run's report is kept, also of runs that failed or were killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from singer_delivery.io.files import write_private
from singer_delivery.pipeline.report import RunReport
from singer_delivery.progress.figures import RUNNING, Ending
from singer_delivery.progress.reporter import SideFile
from singer_delivery.progress.status import Process, is_gone

NAME = "[0-9]*T[0-9]*Z-*.json"
"""How the name of a run's report looks; other files may lie beside them."""

STILL_RUNNING = Ending(RUNNING)

KILLED = "killed"
"""The outcome of a run whose report says that it is running, and whose process is gone."""


class KeptReport:
    """The report of one run: written at its start, now and then, and at its end.

    Args:
        folder: where it is kept; None: nowhere.
        process: whose run it is.
        report: what the run counts.
    """

    def __init__(self, folder: Path | None, process: Process, report: RunReport) -> None:
        self._process, self._report = process, report
        path = None if folder is None else folder / name_of(process.started, process.pid)
        self._file = None if path is None else SideFile(path, "The report", "reports_path")
        self._is_closed = False

    @property
    def path(self) -> Path | None:
        """Where it is."""
        return self._file.path if self._file else None

    def write(self, ending: Ending = STILL_RUNNING) -> None:
        """Write the report as it stands, and how the run ended; once it has, nothing more."""
        if self._file is None or self._is_closed:
            return
        self._is_closed = ending != STILL_RUNNING
        # The report of the last run has a sentence for an outcome that is none of these words.
        said = {**self._report.as_dict(), "outcome": ending.state, "cause": ending.cause}
        text = json.dumps({**self._process.as_dict(), **said}, indent=2, ensure_ascii=False) + "\n"
        self._file.write(lambda path: write_private(path, text))


def name_of(started: float, pid: int) -> str:
    """Return the name of a run's report; names are in the order of runs."""
    return f"{datetime.fromtimestamp(started, timezone.utc):%Y%m%dT%H%M%SZ}-{pid}.json"


def kept_reports(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the reports of a folder, the oldest first, each with its `path`.

    One that cannot be read is left out. A run that is gone without an end was killed.
    """
    for path in sorted(folder.glob(NAME)):
        report = _read(path)
        if report is not None and report["outcome"] == RUNNING and is_gone(report):
            report = _read(path) or report  # it may have ended between the two
            if report["outcome"] == RUNNING:
                report["outcome"] = KILLED
        if report is not None:
            yield {**report, "path": str(path)}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        report = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) and "outcome" in report else None
