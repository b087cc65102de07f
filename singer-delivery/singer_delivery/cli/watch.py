"""`singer-delivery watch`: draws the status file of a run in a second terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from singer_delivery.progress.figures import COMPLETE
from singer_delivery.progress.status import age_of, has_ended, is_gone, is_stale
from singer_delivery.progress.words import duration, hour_text, per_second, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK = 0.5
"""Seconds between two looks at the file."""

ENDED_WELL, ENDED_BADLY = 0, 1

Status = Mapping[str, Any]


@click.command()
@click.argument("status_file", type=click.Path(path_type=Path, dir_okay=False))
def command(status_file: Path) -> None:
    """Draw how far a run is, until it ends: STATUS_FILE is what its status_path names.

    In a terminal it draws anew in place; elsewhere it prints a line at each change. Exits with 0
    when the run is complete, with 1 when it failed, was stopped, or is gone.
    """
    seen = readings(status_file)
    last = _drawn(status_file, seen) if sys.stdout.isatty() else _printed(status_file, seen)
    is_complete = last.status is not None and last.status.get("state") == COMPLETE
    sys.exit(ENDED_WELL if is_complete else ENDED_BADLY)


class Reading(NamedTuple):
    """What the status file says, None while there is none; and whether its process is gone."""

    status: Status | None
    is_gone: bool = False


def readings(path: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[Reading]:
    """Yield what the status file says, again and again, until the run ends or is gone."""
    while True:
        reading = read(path)
        yield reading
        if reading.is_gone or (reading.status is not None and has_ended(reading.status)):
            return
        sleep(LOOK)


def read(path: Path) -> Reading:
    """Return what the status file says, and whether its process is gone without an end."""
    status = read_status(path)
    if status is None or not is_gone(status):
        return Reading(status)
    status = read_status(path) or status  # it may have ended between the two
    return Reading(status, not has_ended(status))


def read_status(path: Path) -> Status | None:
    """Return what the status file says; None when it is not there, or is none."""
    try:
        status = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) and "state" in status else None


def remark_on(reading: Reading, now: float) -> str | None:
    """Return what is wrong with a status: its process is gone, or it is stale."""
    status = reading.status
    if status is None or has_ended(status):
        return None
    if reading.is_gone:
        return (
            f"process {status.get('pid')} is gone without an end: it was killed. Start the same "
            "run again, nothing is lost"
        )
    if is_stale(status, now):
        return f"stale: last written {duration(age_of(status, now))} ago"
    return None


def line_of(reading: Reading, path: Path, now: float) -> str:
    """Return a status as one line."""
    status = reading.status
    if status is None and os.path.exists(path):  # noqa: PTH110 - it raises nothing
        return (
            f"{path} is no status file, or cannot be read: name the one of the run's status_path."
        )
    if status is None:
        return f"There is no status in {path} yet."
    remark = remark_on(reading, now)
    line = f"{status.get('plugin', '?')}: {status.get('line', status['state'])}"
    return f"{line} · {remark}" if remark else line


def rows_of(status: Status) -> list[tuple[str, str]]:
    """Return what a terminal shows of a status, as names and values."""
    unit = "events" if "events" in status else "files" if status.get("files") else "rows"
    rate = status.get(f"{unit}_per_second")
    rows = [(unit, f"{status.get(unit, 0):,}" + ("" if rate is None else f"  {per_second(rate)}"))]
    if isinstance(status.get("share"), (int, float)):
        rows.append(("range", percent(status["share"])))
    if status.get("at"):
        rows.append(("at", hour_text(str(status["at"]))))
    if status.get("seconds_left") is not None:
        rows.append(("ETA", duration(status["seconds_left"])))
    rows += [
        (name, f"{status[name]:,}")
        for name in ("read", "delivered", "skipped", "dead", "undecided")
        if isinstance(status.get(name), int)
    ]
    parked = status.get("parked") or {}
    if parked.get("events"):
        rows.append(("parked", f"{parked['events']:,} events of {parked['ids']:,} ids"))
    rows += [(str(name), f"{count:,}") for name, count in (status.get("parts") or {}).items()]
    rows += [
        ("waits for", f"{wait['for']}, {duration(wait['seconds'])}")
        for wait in status.get("waiting") or ()
    ]
    if status.get("cause"):
        rows.append(("cause", str(status["cause"])))
    return rows


def _printed(path: Path, seen: Iterator[Reading]) -> Reading:
    last, shown = Reading(None), ""
    for last in seen:
        line = line_of(last, path, time.time())
        if _key(line) != shown:
            shown = _key(line)
            click.echo(line)
    return last


def _key(line: str) -> str:
    """Return what makes a line another one: not how long it has been stale."""
    said, stale, _ = line.partition(" · stale")
    return said + stale


def _drawn(path: Path, seen: Iterator[Reading]) -> Reading:
    from rich.live import Live  # noqa: PLC0415 - needed for drawing alone

    last = Reading(None)
    with Live(auto_refresh=False) as live:
        for last in seen:
            live.update(picture_of(last, path, time.time()), refresh=True)
    return last


def picture_of(reading: Reading, path: Path, now: float) -> RenderableType:
    """Return a status as rich draws it; nothing in it is taken for markup."""
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.panel import Panel  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    status = reading.status
    if status is None:
        return Text(line_of(reading, path, now))
    table = Table.grid(padding=(0, 2))
    for name, value in rows_of(status):
        table.add_row(Text(name, style="dim"), Text(value))
    parts: list[RenderableType] = [table]
    if isinstance(status.get("share"), (int, float)):
        parts.insert(0, ProgressBar(total=1.0, completed=status["share"]))
    remark = remark_on(reading, now)
    if remark is not None:
        parts.append(Text(remark, style="bold red"))
    title = Text(f"{status.get('plugin', '?')} · {status['state']}")
    return Panel(Group(*parts), title=title, subtitle=Text(f"pid {status.get('pid')}"))
