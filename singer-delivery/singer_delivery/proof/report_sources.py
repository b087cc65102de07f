"""What a report is made of, as it lies on disk: run reports, the newest comparison, settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from singer_delivery.errors import StorageError
from singer_delivery.pipeline.kept_reports import kept_reports

VERIFIED = "verify-*.json"

_LOGIN = re.compile(r"//[^/@\s]*@")
"""What stands before a host in an address may be a password."""

_LONGEST = 160
"""Characters of a setting's value that are shown."""


@dataclass(frozen=True)
class Count:
    """How many events of one name happened on one day; `day` is such as 2024-03-17."""

    day: str
    name: str
    source_name: str
    count: int


@dataclass(frozen=True)
class Covered:
    """Hours or files of a source, from `start` up to `end`."""

    source: str
    start: str
    end: str


@dataclass(frozen=True)
class Evidence:
    """Everything a report is made of.

    Attributes:
        target: its name.
        version: of the target.
        made_at: when the report is made, as `2024-03-17T09:00:00Z`.
        runs: reports of runs, the oldest first.
        verified: the newest comparison with the destination; None where there is none.
        counts: what was accepted, by day and name; None where no books are kept.
        covered: what of each source is covered.
        gaps: what between is not.
        letters: how many dead letters lie there now, by reason; None where nobody looked.
        settings: that were set, and are no secrets.
    """

    target: str
    version: str
    made_at: str
    runs: Sequence[Mapping[str, Any]] = ()
    verified: Mapping[str, Any] | None = None
    counts: Sequence[Count] | None = None
    covered: Sequence[Covered] = ()
    gaps: Sequence[Covered] = ()
    letters: Mapping[str, int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def kept_runs(folder: Path | None, last: Path | None) -> list[dict[str, Any]]:
    """Return the reports of runs, the oldest first.

    Args:
        folder: in which each run's is kept.
        last: the file of the last run's, for where the folder has none.

    Raises:
        StorageError: one cannot be read.
    """
    found = [*kept_reports(folder, _read)] if folder is not None else []
    if not found and last is not None and last.is_file():
        found = [run for run in (_read(last),) if isinstance(run, dict)]
    return found


def newest_verified(folder: Path | None) -> dict[str, Any] | None:
    """Return the newest comparison with the destination that is kept; None where there is none.

    Raises:
        StorageError: it cannot be read.
    """
    found = sorted(folder.glob(VERIFIED)) if folder is not None else []
    read = _read(found[-1]) if found else None
    return read if isinstance(read, dict) else None


def public_settings(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that differ from their defaults, as text, and never a secret.

    Args:
        config: of the plugin.
        schema: of its settings, as JSON schema; a setting that is not in it is left out.
    """
    found = dict[str, str]()
    for name, of in schema.get("properties", {}).items():
        value = config.get(name)
        if value is None or value == of.get("default") or _is_secret(of):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text = _LOGIN.sub("//", text)
        found[name] = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return found


def _is_secret(of: Mapping[str, Any]) -> bool:
    return bool(of.get("secret") or of.get("writeOnly"))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"{path} could not be read ({error.strerror})."
        raise StorageError(msg) from error
    except ValueError as error:
        msg = f"{path} is no JSON: it is no report of ours, or was cut off. Move it away."
        raise StorageError(msg) from error
