"""The command `target-mixpanel`."""

from __future__ import annotations

from singer_delivery.io.collecting import importing


def main() -> None:
    """Run the command line."""
    with importing():
        from target_mixpanel.target import TargetMixpanel  # noqa: PLC0415 - not before the collector is off

    TargetMixpanel.cli()
