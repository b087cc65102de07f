"""The command `tap-amplitude`."""

from __future__ import annotations

import signal

from singer_delivery.io.collecting import importing


def main() -> None:
    """Run the command line."""
    with importing():
        from tap_amplitude.tap import TapAmplitude  # noqa: PLC0415 - not before the collector is off

    try:
        TapAmplitude.cli()
    except SystemExit as end:
        if not end.code:
            _leave_signals_to_the_system()
        raise


def _leave_signals_to_the_system() -> None:
    """Let a signal end the process from now on: all is written.

    A handler that raises while Python shuts down would leave a traceback.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
