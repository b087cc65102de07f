"""The folder in which each run's report is kept, also of runs that failed or were killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
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
        """Where it is; None for nowhere."""
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


def read_or_none(path: Path) -> Any:
    """Return the JSON in a file; None where it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def kept_reports(
    folder: Path, read: Callable[[Path], Any] = read_or_none
) -> Iterator[dict[str, Any]]:
    """Yield the reports of a folder, the oldest first, each with its `path`.

    What is no report is left out. A run that is gone without an end was killed.

    Args:
        folder: where they are kept.
        read: returns the JSON in a file.
    """
    for path in sorted(folder.glob(NAME)):
        report = read(path)
        if _is_running(report) and is_gone(report):
            report = read(path)  # it may have ended between the two
            if _is_running(report):
                report["outcome"] = KILLED
        if isinstance(report, dict) and "outcome" in report:
            yield {**report, "path": str(path)}


def _is_running(report: Any) -> bool:
    return isinstance(report, dict) and report.get("outcome") == RUNNING


def totals_of(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many records of all streams of a run came to what end."""
    streams = [*(report.get("streams") or {}).values()]
    return {
        "read": sum(each.get("read", 0) for each in streams),
        "delivered": sum(each.get("delivered", 0) for each in streams),
        "skipped": sum(sum((each.get("skipped") or {}).values()) for each in streams),
        "dead": sum(sum((each.get("dead") or {}).values()) for each in streams),
        "undecided": sum(each.get("undecided", 0) for each in streams),
    }
