"""`singer-delivery runs`: lists the reports of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from singer_delivery.cli.plugins import plugin_of, plugin_options
from singer_delivery.errors import SettingsError
from singer_delivery.pipeline.kept_reports import kept_reports, totals_of
from singer_delivery.progress.words import aligned, duration, shortened
from singer_delivery.sdk.config import path_of


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@plugin_options("target")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each run.")
def command(folder: Path | None, target: str | None, config: Sequence[str], as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the runs of a target, the oldest first: when, how long, how they ended, counts.

    FOLDER is what the target's setting reports_path names; without it the target is asked.
    """
    folder = folder or _folder_of(target, config)
    if not folder.is_dir():
        msg = f"{folder} is no folder of reports: name the one of the target's reports_path."
        raise SettingsError(msg)
    runs = [run_of(report) for report in kept_reports(folder)]
    if as_json:
        for run in runs:
            click.echo(json.dumps(run, ensure_ascii=False))
    elif not runs:
        click.echo(f"No run has left a report in {folder}.")
    else:
        for line in table_of(runs):
            click.echo(line)


def run_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is listed of a run's report."""
    return {
        "started": report.get("started"),
        "seconds": report.get("seconds"),
        "outcome": report["outcome"],
        "dry_run": "plan" in report,
        "cause": report.get("cause"),
        **totals_of(report),
        "report": report["path"],
    }


def table_of(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return runs as aligned lines, each with why it ended before its time."""
    head = ("started", "took", "outcome", "delivered", "dead", "undecided")
    lines = aligned([head, *map(_row_of, runs)])
    causes = ["", *(str(run.get("cause") or "") for run in runs)]
    return [
        f"{line}  {shortened(cause, 100)}" if cause else line
        for line, cause in zip(lines, causes, strict=True)
    ]


def _row_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (f"{run[name]:,}" for name in ("delivered", "dead", "undecided"))
    took = duration(float(run["seconds"] or 0))
    outcome = f"dry run, {run['outcome']}" if run["dry_run"] else str(run["outcome"])
    return (_time_text(run["started"]), took, outcome, *counts)


def _time_text(started: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(started)).astimezone(timezone.utc)
    except ValueError:
        return "?"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _folder_of(target: str | None, config: Sequence[str]) -> Path:
    folder = path_of(plugin_of("target", target, config).config, "reports_path")
    if folder is None:
        msg = "The target keeps no reports: set reports_path, or name their folder."
        raise SettingsError(msg)
    return folder
