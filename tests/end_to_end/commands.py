"""Runs a target's own command in this process, on played time: an hour of waiting takes none.

Everything is real but the clock of the run: the command line, the SDK, HTTP, the files.
"""

from __future__ import annotations

import io
import json
import logging
import signal
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_delivery.pipeline import run as run_module

from tests.singer_delivery.toys import PlayedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from singer_sdk.plugin_base import PluginBase

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Ended:
    """What a command left behind: exit code, STATE values, log."""

    code: int
    states: list[Any]
    log: str


class _Texts(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@dataclass
class Command:
    """A target, or a tap, with its config; runs of it share files and clock."""

    target: type[PluginBase]
    folder: Path
    config: dict[str, Any]
    patch: pytest.MonkeyPatch
    clock: PlayedClock

    @property
    def dead_letter_path(self) -> Path:
        """The file of dead letters."""
        return self.folder / "dead.singer"

    @property
    def report(self) -> dict[str, Any]:
        """The report of the last run."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        """The records in the file of dead letters."""
        path = self.dead_letter_path
        lines = path.read_text().splitlines() if path.exists() else []
        messages = [json.loads(line) for line in lines]
        return [each["record"] for each in messages if each["type"] == "RECORD"]

    def run(self, lines: bytes, **settings: Any) -> Ended:
        """Give the target these lines, from the command line to its exit code."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({**self._files(), **self.config, **settings}))
        self.patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
        self.patch.setattr(run_module, "Clock", lambda: self.clock)
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(out), _logged() as log, _signals_as_they_were():
            code = self._call(str(config))
        out.seek(0)
        return Ended(code, [json.loads(line) for line in out], "\n".join(log))

    def _call(self, config: str) -> int:
        """Return the exit code; without its standalone mode click hands it over, or raises."""
        try:
            return int(self.target.cli.main(["--config", config], standalone_mode=False) or 0)
        except SystemExit as ended:
            return int(ended.code or 0)

    def _files(self) -> dict[str, str]:
        return {
            "ledger_url": f"sqlite:///{self.folder / 'ledger.sqlite3'}",
            "dead_letter_path": str(self.dead_letter_path),
            "report_path": str(self.folder / "report.json"),
            "status_path": str(self.folder / "status.json"),
            "reports_path": str(self.folder / "reports"),
            "output_path": str(self.folder / "dry-run.jsonl"),
        }


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what is logged; the SDK adds a handler at each start, and they are taken off."""
    handler, root = _Texts(), logging.getLogger()
    before = list(root.handlers)
    root.addHandler(handler)
    try:
        yield handler.texts
    finally:
        root.handlers[:] = before


@contextmanager
def _signals_as_they_were() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
