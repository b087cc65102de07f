"""`meltano run` for real: the demonstration, as `make demo` runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("amplitude-key", "phc_demo_stand_in", "mixpanel-token", "mixpanel-secret")
MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))


@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
def test_the_demonstration_adds_up():
    project = (ROOT / "meltano.yml").read_text("utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "MELTANO": str(MELTANO)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2_000:] + run.stderr[-4_000:]
    assert run.stdout.count("5,000 records read = ") == 2
    assert "It adds up: all 13 checks" in run.stdout
    assert "It adds up: all 21 checks" in run.stdout
    for key in KEYS:
        assert key not in run.stdout + run.stderr
    assert (ROOT / "meltano.yml").read_text("utf-8") == project, "Meltano rewrote its project."
