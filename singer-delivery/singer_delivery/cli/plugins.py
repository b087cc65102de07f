"""Which plugins are installed beside this command, and how one is made of its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from singer_delivery.errors import SettingsError

GROUP = "singer_delivery.plugins"
"""Of the entry points by which plugins make their classes known: `tap-x = "module:Class"`."""

ENV = "ENV"
"""Stands for a file of settings: they are read from the environment."""


def installed(kind: str) -> dict[str, EntryPoint]:
    """Return the installed plugins of a kind, `tap` or `target`, by name."""
    found = {each.name: each for each in entry_points(group=GROUP)}
    return {name: each for name, each in sorted(found.items()) if name.startswith(f"{kind}-")}


def plugin_options(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that name a plugin and its settings: `--target` or `--tap`, `--config`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        config = click.option(
            "--config",
            multiple=True,
            metavar="FILE",
            help=f"The {kind}'s file of settings; ENV: from the environment. May be repeated.",
        )
        name = click.option(
            f"--{kind}",
            metavar="NAME",
            help=f"Which {kind}, such as {kind}-amplitude; needless where only one is installed.",
        )
        return name(config(command))

    return decorate


def plugin_of(kind: str, name: str | None, config: Sequence[str]) -> Any:
    """Return a plugin with its settings, which are checked.

    Args:
        kind: `tap` or `target`.
        name: of the plugin; None for the only one that is installed.
        config: paths of files with settings, or `ENV`.

    Raises:
        SettingsError: it is not installed, or a setting is missing or wrong.
    """
    cls = _named(kind, name).load()
    paths = [Path(each) for each in config if each != ENV]
    missing = [str(path) for path in paths if not os.access(path, os.R_OK)]
    if missing:
        msg = f"{missing[0]} cannot be read: name the {kind}'s file of settings in --config."
        raise SettingsError(msg)
    try:
        return cls(config=paths or None, parse_env_config=ENV in config, validate_config=True)
    except Exception as error:
        sentences = getattr(error, "errors", None)  # the SDK's ConfigValidationError
        if not sentences:
            raise
        raise SettingsError(" ".join(sentences)) from error


def _named(kind: str, name: str | None) -> EntryPoint:
    plugins = installed(kind)
    if name is None and len(plugins) == 1:
        return next(iter(plugins.values()))
    if name in plugins:
        return plugins[name]
    known = ", ".join(plugins) or f"no {kind} at all"
    msg = f"Name the {kind} with --{kind}: installed beside this command are {known}."
    raise SettingsError(msg)
