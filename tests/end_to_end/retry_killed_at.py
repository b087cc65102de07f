"""`singer-delivery` that kills itself, or its target, at one step of a retry of dead letters."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from singer_delivery.cli import command, dead_letter_merge, dead_letter_retry
from singer_delivery.cli.dead_letter_sending import Sent

ROOT = Path(__file__).resolve().parents[2]

STEPS: dict[str, tuple[Any, str]] = {
    "target started": (subprocess, "Popen"),
    "letters written": (Sent, "write"),
    "target ended": (subprocess.Popen, "wait"),
    "merged": (dead_letter_retry, "merge"),
    "draft written": (dead_letter_merge, "new_file"),
    "file replaced": (Path, "replace"),
    "again removed": (Path, "unlink"),
}
"""A function of a retry for each step; it dies before or after the last call that matters."""


def matters(step: str, arguments: tuple[Any, ...]) -> bool:
    """Tell whether a call is the one of this step."""
    if step == "again removed":
        return str(arguments[0]).endswith(".retry")
    if step == "file replaced":
        return str(arguments[0]).endswith(".draft")
    return True


def executable(path: Path, step: str, when: str) -> str:
    """Write the command that dies `before` or `after` a step; return its path."""
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.end_to_end.retry_killed_at import run\n"
        f"if __name__ == '__main__': run({step!r}, {when!r})\n"
    )
    path.chmod(0o700)
    return str(path)


def with_target(path: Path, target: str) -> str:
    """Write the command whose target is another executable; return its path."""
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from singer_delivery.cli import command, dead_letter_retry\n"
        f"dead_letter_retry.command_of = lambda _: [{target!r}]\n"
        "command.main()\n"
    )
    path.chmod(0o700)
    return str(path)


def run(step: str, when: str) -> None:
    """Be the command, up to that moment."""
    owner, name = STEPS[step]
    whole = getattr(owner, name)

    @functools.wraps(whole)
    def deadly(*arguments: Any, **options: Any) -> Any:
        if not matters(step, arguments):
            return whole(*arguments, **options)
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)
    command.main()
