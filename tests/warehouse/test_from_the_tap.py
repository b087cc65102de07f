"""What tap-amplitude is set to write is an export still: without columns, or flattened."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.destinations import DESTINATIONS, Destination
from tests.end_to_end.pipe import BIN, TIMEOUT
from tests.warehouse.forms import MORE_OBJECTS, a_row
from tests.warehouse.warehouses import run


def piped(
    destination: Destination, folder: Path, *deselected: str, **settings: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `tap-amplitude | target` over one row, with these settings and without these columns."""
    (folder / "archive").mkdir(parents=True)
    row = json.dumps(a_row(1, **MORE_OBJECTS))
    (folder / "archive" / "100_2026-03-01_10#0.json").write_text(row + "\n")
    tap = {"archive_path": str(folder / "archive"), "spool_dir": str(folder / "spool")}
    tap |= settings
    target = {
        "dry_run": True,
        "output_path": str(folder / "dry.jsonl"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
        "dead_letter_path": str(folder / "dead.singer"),
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
    }
    for name, config in (("tap", tap), ("target", target)):
        (folder / f"{name}.json").write_text(json.dumps(config))
    command = [BIN / "tap-amplitude", "--config", folder / "tap.json"]
    catalog = json.loads(run([*command, "--discover"]))
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] and entry["breadcrumb"][1] in deselected:
            entry["metadata"]["selected"] = False
    (folder / "catalog.json").write_text(json.dumps(catalog))
    messages = run([*command, "--catalog", folder / "catalog.json"])
    return subprocess.run(
        [str(BIN / destination.target), "--config", str(folder / "target.json")],
        input=messages,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_a_row_without_deselected_columns_is_sent(destination: Destination, tmp_path: Path) -> None:
    ended = piped(destination, tmp_path, "amplitude_id", "ip_address", "server_upload_time", "dma")
    assert ended.returncode == 0, ended.stderr.decode()
    sent = (tmp_path / "dry.jsonl").read_text()
    assert any(a_row(1)[name] in sent for name in ("uuid", "$insert_id"))
    assert str(a_row(1)["amplitude_id"]) not in sent


@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
@pytest.mark.parametrize(
    ("deselected", "said"),
    [
        (("event_type",), b"has no `event_type`. Select what is missing in the tap"),
        (("user_id", "device_id", "amplitude_id"), b"no `user_id` or `device_id` or `amplitude"),
    ],
)
def test_what_is_missing_is_named(
    destination: Destination, tmp_path: Path, deselected: tuple[str, ...], said: bytes
) -> None:
    ended = piped(destination, tmp_path, *deselected)
    assert ended.returncode == 1
    assert b"Stream 'events' is an Amplitude export" in ended.stderr
    assert said in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_flattening_in_the_tap_changes_nothing(destination: Destination, tmp_path: Path) -> None:
    plain, flat = tmp_path / "plain", tmp_path / "flat"
    ended = [
        piped(destination, plain),
        piped(destination, flat, flattening_enabled=True, flattening_max_depth=2),
    ]
    assert [each.returncode for each in ended] == [0, 0], ended
    assert (flat / "dry.jsonl").read_text() == (plain / "dry.jsonl").read_text()
