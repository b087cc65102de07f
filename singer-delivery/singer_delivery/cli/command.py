"""The command `singer-delivery` and its list of commands, each read when it is called."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module

import click

from singer_delivery.errors import DeliveryError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "report": ("report", "Write one page about a migration, or its plan, to read and sign."),
    "watch": ("watch", "Draw how far a run is, in a second terminal."),
    "runs": ("runs", "List earlier runs: when, how long, how they ended."),
    "dead-letters": ("dead_letters", "Look at dead letters, part them, and send them again."),
    "verify": ("verify", "Compare the books with what the destination holds."),
    "explain": ("explain", "Say what a source row becomes, field by field."),
    "check": ("check", "Ask the service what can be asked before a run."),
}
"""Name -> the module in this package whose function `command` it is, and what it does in a line."""


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names, in the order of the list."""
        return [*COMMANDS]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of this name."""
        if name not in COMMANDS:
            return None
        found = import_module(f"singer_delivery.cli.{COMMANDS[name][0]}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        lines = [(name, line) for name, (_, line) in COMMANDS.items()]
        if lines:
            with formatter.section("Commands"):
                formatter.write_dl(lines)


@click.command(cls=Commands)
@click.version_option(package_name="singer-delivery")
def cli() -> None:
    """Look after deliveries: what a run does, did, will do, and whether the numbers match."""


def main() -> None:
    """Run the command line; errors that are for people end it with their sentence alone."""
    try:
        cli()
    except DeliveryError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
