"""Runs Meltano as a user does, with everything it writes in a folder of the demonstration's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tools.connectors import plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
PREFIXES = tuple(each.variable_prefix for each in plugins())


def run(meltano: str, tap: str, target: str, variables: Mapping[str, str]) -> int:
    """Run the pipeline, its output passed through; return its exit code.

    A demonstration cut off a minute ago does not hold this one up: `--force`.
    """
    return _meltano(meltano, ["run", "--force", tap, target], variables)


def invoke(
    meltano: str, plugin: str, command: str, options: Sequence[str], variables: Mapping[str, str]
) -> int:
    """Run a command of a plugin, its output passed through; return its exit code."""
    return _meltano(meltano, ["invoke", f"{plugin}:{command}", *options], variables)


def _meltano(meltano: str, words: Sequence[str], variables: Mapping[str, str]) -> int:
    arguments = ["--environment=demo", *words]
    print(f"\n$ meltano {' '.join(arguments)}\n", flush=True)
    command = [meltano, *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(variables), check=False).returncode


def environment(plugin_settings: Mapping[str, str], files: Path) -> dict[str, str]:
    """Return the environment of a run: nobody's plugin settings but ours, a state of its own.

    Meltano lets variables win over meltano.yml and `.env`: whatever stands there, the demonstration
    reaches the stand-ins only and leaves a real ledger alone.

    Args:
        plugin_settings: by the names of their variables.
        files: folder for what the run leaves.
    """
    ambient = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    return {
        **ambient,
        **plugin_settings,
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_STATE_BACKEND_URI": f"file://{files}/state",  # Meltano unquotes nothing
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def file_settings(target: str, files: Path) -> dict[str, str]:
    """Return the settings of a target that say where it keeps its files."""
    prefix = target.replace("-", "_").upper()
    return {
        f"{prefix}_LEDGER_URL": f"sqlite:///{files / 'ledger.sqlite3'}",
        f"{prefix}_DEAD_LETTER_PATH": str(files / "dead-letters.singer"),
        f"{prefix}_REPORT_PATH": str(report_path(files)),
        f"{prefix}_REPORTS_PATH": str(files / "reports"),
        f"{prefix}_STATUS_PATH": str(files / "status.json"),
    }


def report_path(files: Path) -> Path:
    """Return where the report of a run is."""
    return files / "report.json"
