"""Reads connectors.toml, the one list of our libraries and plugins.

It imports none of them, so that bench, demo and tests may ask it at no cost.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "connectors.toml"
MELTANO_TYPES = {"tap": "extractors", "target": "loaders"}
"""A plugin's kind, and what Meltano calls plugins of this kind."""


@dataclass(frozen=True)
class Project:
    """A folder of this repository that is published.

    Attributes:
        name: of the folder, and of a plugin's command.
        kind: `library`, `tap` or `target`.
        package: what Python imports.
        distribution: what an index calls it.
        needs: the folders of this repository it needs, those that need others after them; extras
            in brackets, as pip writes them.
        vendor: whose data a plugin reads or writes, as its users know it. Empty for a library.
        plugin: module and name of a plugin's class. Empty for a library.
        root: where the list is; all folders lie beside it.
    """

    name: str
    kind: str
    package: str
    distribution: str
    needs: tuple[str, ...]
    vendor: str = ""
    plugin: str = ""
    root: Path = ROOT

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / self.name

    @property
    def meltano_type(self) -> str:
        """What Meltano calls plugins of its kind."""
        return MELTANO_TYPES[self.kind]

    @property
    def hub_file(self) -> Path:
        """The definition that other Meltano projects add it from."""
        return self.root / "hub" / self.meltano_type / f"{self.name}.yml"

    @property
    def variable_prefix(self) -> str:
        """How the names of its environment variables begin."""
        return self.name.replace("-", "_").upper()

    def plugin_class(self) -> Any:
        """Import a plugin's class."""
        module, _, name = self.plugin.partition(":")
        return getattr(import_module(module), name)


@cache
def projects() -> tuple[Project, ...]:
    """Return all of them, each after those it needs."""
    return read(LIST)


def read(path: Path) -> tuple[Project, ...]:
    """Return the projects of a list in its order.

    Raises:
        TypeError: a table lacks a field, or has one that does not exist.
    """
    tables = tomllib.loads(path.read_text("utf-8"))
    return tuple(
        Project(name, **{**table, "needs": tuple(table["needs"])}, root=path.parent)
        for name, table in tables.items()
    )


def plugins() -> tuple[Project, ...]:
    """Return the taps and the targets."""
    return tuple(each for each in projects() if each.kind in MELTANO_TYPES)


def taps() -> tuple[Project, ...]:
    """Return the taps."""
    return tuple(each for each in projects() if each.kind == "tap")


def targets() -> tuple[Project, ...]:
    """Return the targets."""
    return tuple(each for each in projects() if each.kind == "target")
