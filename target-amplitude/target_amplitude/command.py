"""The command `target-amplitude`."""

from __future__ import annotations

from singer_delivery.io.collecting import importing


def main() -> None:
    """Run the command line."""
    with importing():
        from target_amplitude.target import TargetAmplitude  # noqa: PLC0415 - not before the collector is off

    TargetAmplitude.cli()
