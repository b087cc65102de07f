"""Where a report finds the reports of runs, and the newest comparison."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.proof.report_sources import kept_runs, newest_verified


def put(folder: Path, name: str, **content: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def test_runs_are_those_of_the_folder_the_oldest_first(tmp_path: Path) -> None:
    put(tmp_path, "20240318T090000Z-7.json", started="2024-03-18T09:00:00Z", outcome="complete")
    put(tmp_path, "20240317T090000Z-9.json", started="2024-03-17T09:00:00Z", outcome="failed")
    put(tmp_path, "verify-20240317T090000Z.json", verdict="equal")
    put(tmp_path, "notes.json", started="2024-03-19T09:00:00Z")
    last = put(tmp_path, "report.json", started="2024-03-18T09:00:00Z")
    assert [run["started"][8:10] for run in kept_runs(tmp_path, last)] == ["17", "18"]


def test_a_run_that_is_gone_without_an_end_was_killed(tmp_path: Path) -> None:
    gone = {"outcome": "running", "pid": 2**22 + 1, "host": socket.gethostname()}
    put(tmp_path, "20240318T090000Z-7.json", **gone)
    put(tmp_path, "20240319T090000Z-7.json", **{**gone, "pid": os.getpid()})
    assert [run["outcome"] for run in kept_runs(tmp_path, None)] == ["killed", "running"]


def test_the_last_run_stands_for_all_where_none_is_kept(tmp_path: Path) -> None:
    last = put(tmp_path, "report.json", started="2024-03-18T09:00:00Z")
    assert len(kept_runs(tmp_path / "nowhere", last)) == 1
    assert len(kept_runs(None, last)) == 1
    assert kept_runs(None, tmp_path / "nothing.json") == []


def test_the_newest_comparison_counts(tmp_path: Path) -> None:
    assert newest_verified(tmp_path) is None
    for day in (17, 19, 18):
        put(tmp_path, f"verify-202403{day}T090000Z.json", asked_at=f"2024-03-{day}")
    assert newest_verified(tmp_path) == {"asked_at": "2024-03-19"}


def test_a_report_that_was_cut_off_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "20240318T090000Z-7.json").write_text('{"started": "20')
    with pytest.raises(StorageError, match="is no JSON"):
        kept_runs(tmp_path, None)
