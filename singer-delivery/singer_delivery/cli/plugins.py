"""Which plugins are installed beside this command, and how one is made of its settings."""

from __future__ import annotations

import json
import sys
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
            help=f"Name of the {kind}; needless where only one is installed.",
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
    settings: dict[str, Any] = {}
    for each in config:
        if each != ENV:
            settings |= _settings(Path(each), kind)
    try:
        return cls(config=settings, parse_env_config=ENV in config, validate_config=True)
    except Exception as error:
        sentences = getattr(error, "errors", None)  # the SDK's ConfigValidationError
        if not sentences:
            raise
        raise SettingsError(" ".join(sentences)) from error


def _settings(path: Path, kind: str) -> dict[str, Any]:
    """Return the settings in a file.

    Raises:
        SettingsError: it cannot be read, or holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): name the {kind}'s settings in --config."
        raise SettingsError(msg) from error
    except ValueError as error:  # nothing of it is quoted: it holds keys
        msg = f"{path} is no JSON: the {kind}'s settings are a JSON object."
        raise SettingsError(msg) from error
    if not isinstance(found, dict):
        msg = f"{path} holds no JSON object: the {kind}'s settings are one."
        raise SettingsError(msg)
    return found


def command_of(name: str) -> list[str]:
    """Return the command that runs an installed plugin as a process of its own.

    It is the plugin's own command, in the environment of this one, wherever that lies.

    Raises:
        SettingsError: the plugin has no command.
    """
    for each in entry_points(group="console_scripts", name=name):
        code = f"import sys; from {each.module} import {each.attr} as main; sys.exit(main())"
        return [sys.executable, "-c", code]
    msg = f"{name} has no command of its own: install it anew."
    raise SettingsError(msg)


def _named(kind: str, name: str | None) -> EntryPoint:
    plugins = installed(kind)
    if name is None and len(plugins) == 1:
        return next(iter(plugins.values()))
    if name in plugins:
        return plugins[name]
    known = ", ".join(plugins) or f"no {kind} at all"
    unknown = f"{name} is no {kind} that is installed here. " if name else ""
    msg = f"{unknown}Name the {kind} with --{kind}: installed beside this command are {known}."
    raise SettingsError(msg)
