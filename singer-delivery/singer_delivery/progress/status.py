"""The status file: how far a run is, for health checks and for `singer-delivery watch`.

One JSON object, replaced at once: who reads it sees the old one or the new one. It holds counts,
names of streams and times, and nothing of any record.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from singer_delivery.io.files import write_private
from singer_delivery.progress.figures import ENDED, Figures

LATE = 3
"""A status that is older than so many of its intervals is stale."""

AT_LEAST = 10.0
"""Seconds that no status is stale before: a busy machine is no dead one."""


@dataclass(frozen=True)
class Process:
    """Which process a run is: what its files say of it."""

    plugin: str
    pid: int
    host: str
    started: float

    @classmethod
    def this(cls, plugin: str, started: float) -> Process:
        """Return this process; `started` is in seconds since 1970."""
        return cls(plugin, os.getpid(), socket.gethostname(), started)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "plugin": self.plugin,
            "pid": self.pid,
            "host": self.host,
            "started": iso(self.started),
        }


def status_of(
    process: Process,
    figures: Figures,
    line: str,
    *,
    updated: float,
    every: float,
    rate: float | None,
    left: float | None,
) -> dict[str, Any]:
    """Return a status as JSON values.

    Args:
        process: whose it is.
        figures: what is done.
        line: the same for people.
        updated: when, in seconds since 1970.
        every: seconds until the next.
        rate: how much is done a second.
        left: seconds until all is done.
    """
    return {
        **process.as_dict(),
        "updated": iso(updated),
        "every": every,
        "state": figures.state,
        "cause": figures.cause,
        "line": line,
        figures.unit: figures.count,
        f"{figures.unit}_per_second": None if rate is None else round(rate, 1),
        "at": figures.at,
        "share": figures.share,
        "seconds_left": None if left is None else round(left),
        "dead": figures.dead,
        "waiting": [{"for": each.what, "seconds": round(each.seconds)} for each in figures.waits],
        **figures.details,
    }


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Replace the status file, for its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    write_private(path, json.dumps(status, indent=2, ensure_ascii=False) + "\n")


def has_ended(status: Mapping[str, Any]) -> bool:
    """Tell whether a run says that it is over."""
    return status.get("state") in ENDED


def is_stale(status: Mapping[str, Any], now: float) -> bool:
    """Tell whether a status is older than it should be; `now` is in seconds since 1970."""
    return age_of(status, now) > max(LATE * float(status.get("every") or 0), AT_LEAST)


def age_of(status: Mapping[str, Any], now: float) -> float:
    """Return how old a status is, in seconds."""
    try:
        return now - datetime.fromisoformat(str(status.get("updated"))).timestamp()
    except ValueError:
        return 0.0


def is_gone(of: Mapping[str, Any]) -> bool:
    """Tell whether the process that a status or a report names is surely gone.

    It is not known of another machine; nor on Windows, where the question would end the process.
    """
    pid = of.get("pid")
    if sys.platform == "win32" or of.get("host") != socket.gethostname():
        return False
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def iso(seconds: float) -> str:
    """Return a time as files hold it, in UTC; `seconds` since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
