"""`meltano run` for real: the demonstration, as `make demo` runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import first_of

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("amplitude-key", "phc_demo_stand_in", "mixpanel-token", "mixpanel-secret")
MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))


CHECKS = {"target-posthog": 13, "target-mixpanel": 21, "target-amplitude": 22}


@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
@pytest.mark.parametrize("targets", first_of([["target-posthog"], [*CHECKS]]), ids=" ".join)
def test_the_demonstration_adds_up(targets):
    project = (ROOT / "meltano.yml").read_text("utf-8")
    options = [f"--target={each}" for each in targets if targets != [*CHECKS]]
    run = subprocess.run(
        [sys.executable, "-m", "demo", *options],
        cwd=ROOT,
        env={**os.environ, "MELTANO": str(MELTANO)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2_000:] + run.stderr[-4_000:]
    assert re.findall(r"It adds up: all (\d+) checks", run.stdout) == [
        str(CHECKS[each]) for each in targets
    ]
    for key in KEYS:
        assert key not in run.stdout + run.stderr
    assert (ROOT / "meltano.yml").read_text("utf-8") == project, "Meltano rewrote its project."
