"""Secrets and people's data are in no log, message or file."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone

import pytest

from tests.fakes.http.server import Reply
from tests.fakes.mixpanel_export.faults import CorruptLines, EndsEarly
from tests.tap_mixpanel.running import EXECUTABLE, SECRET, Sandbox, days_of_rows, fake, row

MARK = "planted-person"
ROWS = [
    *days_of_rows(5, 5),
    row(1_704_067_200_500, 9, distinct_id=MARK, email=f"{MARK}@example.com"),
]
QUOTING = Reply(400, f"refused {SECRET} of {SECRET}".encode())


def logs_of(process):
    out, log = process.communicate(timeout=60)
    return out, log


@pytest.fixture
def mixpanel():
    with fake(ROWS, now=datetime.now(timezone.utc)) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel, monkeypatch):
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    return Sandbox(tmp_path, mixpanel)


FAULTS = {
    "none": None,
    "a refusal that quotes the secret": QUOTING,
    "a body that ends early": EndsEarly(),
    "broken lines": CorruptLines(2, b'{"event":"' + MARK.encode()),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_log_holds_a_secret_or_a_person(mixpanel, sandbox, fault):
    if fault is not None:
        mixpanel.misbehave(fault, when=lambda each: "limit" not in each.query)
    sandbox.config["max_retries"] = 1
    _, log = logs_of(sandbox.start())
    assert SECRET not in log
    assert MARK not in log
    files = [path for path in sandbox.spool.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_broken_lines_are_for_their_owner_alone(mixpanel, sandbox):
    mixpanel.misbehave(CorruptLines(2), when=lambda each: "limit" not in each.query)
    logs_of(sandbox.start())
    modes = {path.name: path.stat().st_mode & 0o777 for path in sandbox.spool.rglob("*")}
    assert modes["bad_lines.jsonl"] == 0o600
    assert sandbox.spool.stat().st_mode & 0o777 == 0o700


def test_settings_from_the_environment_are_not_logged(tmp_path):
    given = {
        "TAP_MIXPANEL_SERVICE_ACCOUNT_USERNAME": "exporter",
        "TAP_MIXPANEL_SERVICE_ACCOUNT_SECRET": SECRET,
        "TAP_MIXPANEL_PROJECT_ID": "2195193",
        "TAP_MIXPANEL_START_DATE": "2024-01-01",
        "TAP_MIXPANEL_BASE_URL": "http://127.0.0.1:1",
        "TAP_MIXPANEL_QUERY_BASE_URL": "http://127.0.0.1:1",
        "TAP_MIXPANEL_MAX_RETRIES": "0",
        "LOGLEVEL": "DEBUG",
    }
    done = subprocess.run(
        [EXECUTABLE, "--config=ENV"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **given},
    )
    assert done.returncode == 1
    assert "could not be" in done.stderr
    assert SECRET not in done.stdout + done.stderr
