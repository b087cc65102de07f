"""The command `target-posthog`."""

from __future__ import annotations

from singer_delivery.io.collecting import importing


def main() -> None:
    """Run the command line."""
    with importing():
        from target_posthog.target import TargetPostHog  # noqa: PLC0415 - not before the collector is off

    TargetPostHog.cli()
