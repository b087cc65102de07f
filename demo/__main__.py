"""Run the demonstration: `python -m demo`, or `make demo`, which installs Meltano first.

A stand-in for Amplitude serves the bundled export, Meltano moves it with the real connectors, and a
stand-in for PostHog receives it; both listen on this machine only. Everything of a run lies in
`.demo/`, which each run starts afresh. The environment variable `MELTANO` names the executable.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import balance, bundle, summary
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.posthog import FakePostHog

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / ".demo"
REPORT = FILES / "report.json"
PROJECT_KEY = "phc_demo_stand_in"


def main() -> int:
    """Return the exit code: 0 when everything adds up."""
    meltano = shutil.which(os.environ.get("MELTANO", "meltano"))
    if meltano is None:
        print("Meltano was not found. `make demo` installs it; or name it in MELTANO.")
        return 127
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir()
    hours = bundle.read(bundle.BUNDLE)
    with FakeAmplitude(hours) as amplitude, FakePostHog(known_keys={PROJECT_KEY}) as posthog:
        code = run_pipeline(meltano, settings(amplitude, posthog, hours))
        if code != 0:
            print(f"\nMeltano ended with exit code {code}; its last lines above say why.")
            return code
        if not REPORT.exists():
            print("\nMeltano ended well, yet there is no report of the run: nothing was loaded.")
            return 1
        return show(posthog)


def settings(
    amplitude: FakeAmplitude, posthog: FakePostHog, hours: Collection[datetime]
) -> dict[str, str]:
    """Return the plugins' settings as environment variables.

    Meltano lets these win over meltano.yml and `.env`: whatever stands there, the demonstration
    reaches the stand-ins only and leaves a real ledger alone.
    """
    return {
        "TAP_AMPLITUDE_BASE_URL": amplitude.url,
        "TAP_AMPLITUDE_API_KEY": amplitude.api_key,
        "TAP_AMPLITUDE_SECRET_KEY": amplitude.secret_key,
        "TAP_AMPLITUDE_START_DATE": min(hours).isoformat(),
        "TAP_AMPLITUDE_END_DATE": (max(hours) + timedelta(hours=1)).isoformat(),
        "TAP_AMPLITUDE_SPOOL_DIR": str(FILES / "spool"),
        "TARGET_POSTHOG_HOST": posthog.url,
        "TARGET_POSTHOG_API_KEY": PROJECT_KEY,
        "TARGET_POSTHOG_LEDGER_URL": f"sqlite:///{FILES / 'ledger.sqlite3'}",
        "TARGET_POSTHOG_DEAD_LETTER_PATH": str(FILES / "dead-letters.singer"),
        "TARGET_POSTHOG_REPORT_PATH": str(REPORT),
    }


def run_pipeline(meltano: str, plugin_settings: Mapping[str, str]) -> int:
    """Run the pipeline as a user does, its output passed through; return its exit code.

    A demonstration cut off a minute ago does not hold this one up: `--force`.
    """
    arguments = ["--environment=demo", "run", "--force", "tap-amplitude", "target-posthog"]
    print(f"$ meltano {' '.join(arguments)}\n", flush=True)
    command = [meltano, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(plugin_settings), check=False
    ).returncode


def environment(plugin_settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the run: nobody's plugin settings but ours, a state of its own."""
    ambient = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_AMPLITUDE", "TARGET_POSTHOG"))
    }
    return {
        **ambient,
        **plugin_settings,
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_STATE_BACKEND_URI": f"file://{FILES}/state",  # Meltano unquotes nothing
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def show(posthog: FakePostHog) -> int:
    """Print what arrived; return 0 when it is what the sample is known to hold."""
    report: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    arrived = balance.arrived_at(posthog)
    truth = bundle.sample_company().truth()
    users = len(truth.users & arrived.people.keys())
    results = balance.checks(arrived, report, truth)
    print("\n".join(summary.lines(arrived, report, results, users)))
    print(f"The run's report, dead letters and ledger are in {FILES.relative_to(ROOT)}/.")
    return 0 if all(check.holds for check in results) else 1


if __name__ == "__main__":
    sys.exit(main())
