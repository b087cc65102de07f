"""`singer-delivery check`: asks the service of a tap or a target what can be asked before a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from singer_delivery.cli.plugins import plugin_of
from singer_delivery.sdk.checking import tell_answers


@click.command("check")
@click.option("--target", metavar="NAME", help="Which target.")
@click.option("--tap", metavar="NAME", help="Which tap.")
@click.option(
    "--config",
    multiple=True,
    metavar="FILE",
    help="Its file of settings; ENV: from the environment. May be repeated.",
)
def command(target: str | None, tap: str | None, config: Sequence[str]) -> None:
    """Ask whether the key is known, the project is seen, and the plan is enough.

    Nothing is stored at the service, and no key is printed. Exits with 0 when all answers are yes,
    with 1 when one is no, and with 2 when one could not be had.
    """
    if target and tap:
        msg = "Name a tap or a target, not both."
        raise click.UsageError(msg)
    kind, name = ("tap", tap) if tap else ("target", target)
    sys.exit(tell_answers(plugin_of(kind, name, config)))
