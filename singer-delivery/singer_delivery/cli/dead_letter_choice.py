"""Which letters of a file a command is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from singer_delivery.cli.dead_letter_lines import Letter
from singer_delivery.cli.plugins import plugin_of, plugin_options
from singer_delivery.errors import SettingsError


@dataclass(frozen=True)
class Chosen:
    """Reasons and streams of letters; none of them stands for all."""

    reasons: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()

    def has(self, letter: Letter) -> bool:
        """Tell whether a letter is one of them."""
        return (not self.reasons or letter.why.reason in self.reasons) and (
            not self.streams or letter.stream in self.streams
        )


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose letters: `--reason` and `--stream`."""
    reason = click.option(
        "--reason", "reasons", multiple=True, metavar="R", help="Only these. May be repeated."
    )
    stream = click.option(
        "--stream", "streams", multiple=True, metavar="S", help="Only of these. May be repeated."
    )
    return reason(stream(command))


def naming_the_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what names a dead letter file: itself, or a target whose settings name it."""
    argument = click.argument("file", required=False, type=click.Path(path_type=Path))
    return argument(plugin_options("target")(command))


def path_of(file: Path | None, target: str | None, config: tuple[str, ...]) -> Path:
    """Return the dead letter file that is named.

    Raises:
        SettingsError: none is.
    """
    if file is not None:
        return file
    if target is None and not config:
        msg = "Name the dead letter file, or the target and its settings: --target, --config."
        raise SettingsError(msg)
    return Path(plugin_of("target", target, config).config["dead_letter_path"])
