"""Prints what runs of the kill matrix survived, below the tests' results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "kills survived" and report.when == "call":
                terminalreporter.write_line(f"Kills survived: {value}.")
