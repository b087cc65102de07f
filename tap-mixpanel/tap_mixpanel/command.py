"""The command `tap-mixpanel`."""

from __future__ import annotations

from singer_delivery.io.collecting import importing
from singer_delivery.tap.command import ending_quietly


def main() -> None:
    """Run the command line."""
    with importing():
        from tap_mixpanel.tap import TapMixpanel  # noqa: PLC0415 - not before the collector is off

    with ending_quietly():
        TapMixpanel.cli()
