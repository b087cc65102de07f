"""Check that imports go one way: `python -m tools.contracts`.

The contracts follow from connectors.toml and from the modules that the packages have, so a new
plugin is held to the house without a contract of its own being written. import-linter checks them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from importlinter.cli import lint_imports

from tools.connectors import Project, projects

LIBRARY, RECORDS = "singer_delivery", "analytics_records"
IMPURE = (
    *("requests", "urllib3", "socket", "sqlite3", "sqlalchemy", "singer_sdk"),
    *("time", "random", "logging", "threading", "subprocess", "multiprocessing"),
)
"""What has a memory, a clock, chance, a socket, or another process."""

UNPUBLISHED = ("tests", "bench", "demo", "tools")
POLICIES = ("destination", "events", "people", "links", "groups")
"""Modules of a target that say what its vendor does with each; they know no source."""

Contract = dict[str, Any]


def main() -> int:
    """Return the exit code of import-linter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contracts.toml"
        path.write_text(config(projects()), "utf-8")
        return lint_imports(config_filename=str(path), no_logo=True)


def config(listed: Sequence[Project]) -> str:
    """Return import-linter's configuration for these projects, as TOML."""
    lines = ["[tool.importlinter]"]
    lines += _fields(
        root_packages=[each.package for each in listed], include_external_packages=True
    )
    for contract in contracts(listed):
        lines += ["", "[[tool.importlinter.contracts]]", *_fields(**contract)]
    return "\n".join(lines) + "\n"


def _fields(**fields: Any) -> Iterator[str]:
    """Yield fields as TOML, which writes texts, numbers, booleans and lists as JSON does."""
    for name, value in fields.items():
        yield f"{name} = {json.dumps(value)}"


def contracts(listed: Sequence[Project]) -> Iterator[Contract]:
    """Yield the contracts of these projects."""
    packages = [each.package for each in listed]
    connectors = [each for each in listed if each.kind != "library"]
    yield from _of_library([each.package for each in connectors])
    yield from _of_records([each.package for each in connectors])
    yield {
        "name": "Connectors never import each other",
        "type": "independence",
        "modules": [each.package for each in connectors],
    }
    for each in connectors:
        if each.kind == "target":
            yield from _of_target(each)
    yield _forbidden("What maps is pure", _pure(connectors), IMPURE, allow_indirect_imports=True)
    yield _forbidden("Nothing published imports tests or tools", packages, UNPUBLISHED)
    yield {
        "name": "No two modules or folders import each other",
        "type": "acyclic_siblings",
        "ancestors": packages,
        # A sink of the Singer SDK is handed its target, and names its type.
        "ignore_imports": [f"{LIBRARY}.sdk.sink -> {LIBRARY}.sdk.target"],
        "unmatched_ignore_imports_alerting": "none",
    }


def _of_library(connectors: Collection[str]) -> Iterator[Contract]:
    yield _forbidden("The library knows no connector", [LIBRARY], [*connectors, RECORDS])
    yield _forbidden(
        "Only the library's sdk part knows the Singer SDK",
        [LIBRARY],
        ["singer_sdk"],
        ignore_imports=[f"{LIBRARY}.sdk.** -> singer_sdk"],
        unmatched_ignore_imports_alerting="none",
    )
    yield {
        "name": "singer-delivery: one way down",
        "type": "layers",
        "containers": [LIBRARY],
        "layers": [
            "(cli)",
            "sdk",
            "(proof)",
            "pipeline | (tap)",
            "ledger | (progress)",
            "mapping | io",
            "endpoint",
            "model | errors",
        ],
    }
    inner = [f"{LIBRARY}.{part}" for part in ("sdk", "pipeline", "ledger", "endpoint")]
    yield _forbidden("The mapping kit knows no delivery", [f"{LIBRARY}.mapping"], inner)


def _of_records(connectors: Collection[str]) -> Iterator[Contract]:
    parts = [f"{LIBRARY}.{part}" for part in ("sdk", "pipeline", "ledger", "io", "endpoint")]
    yield _forbidden(
        "What rows say stands on the mapping kit alone", [RECORDS], [*connectors, *parts]
    )


def _of_target(target: Project) -> Iterator[Contract]:
    """Yield the contracts of one target, for the modules it has."""
    package, modules = target.package, _modules(target)
    sources = [name for name in modules if name.startswith("from_")]
    others = [f"{package}.{name}" for name in modules if name not in sources]
    yield _forbidden(
        f"{target.name}: only from_* know what rows say",
        others,
        [RECORDS],
        allow_indirect_imports=True,
    )
    yield _forbidden(
        f"{target.name}: what the vendor does with an event knows no source",
        [f"{package}.{name}" for name in _known(modules, POLICIES, target)],
        [f"{package}.{name}" for name in sources],
    )
    yield {
        "name": f"{target.name}: one way down",
        "type": "layers",
        "containers": [package],
        "layers": ["(command)", "target", *_layer(sources, " | "), *_layer(POLICIES, " : ")],
    }


def _layer(modules: Iterable[str], joint: str) -> list[str]:
    """Return a layer of modules that may be missing; none if there are none."""
    layer = joint.join(f"({name})" for name in modules)
    return [layer] if layer else []


def _pure(connectors: Iterable[Project]) -> list[str]:
    """Return the kit, what rows say, and of each target all that makes events of records."""
    pure = [f"{LIBRARY}.mapping", RECORDS]
    for each in connectors:
        modules = _modules(each) if each.kind == "target" else ()
        sources = [name for name in modules if name.startswith("from_")]
        known = _known(modules, POLICIES, each)
        pure += [f"{each.package}.{name}" for name in (*known, *sources)]
    return pure


def _known(modules: Collection[str], policies: Iterable[str], target: Project) -> list[str]:
    """Return which of the policies there are, and the vendor's own module."""
    return [name for name in (*policies, target.vendor.lower()) if name in modules]


def _modules(project: Project) -> tuple[str, ...]:
    """Return the names of the modules and folders of a package, in order."""
    paths = (project.folder / project.package).iterdir()
    found = (path for path in paths if path.suffix == ".py" or (path / "__init__.py").exists())
    return tuple(sorted(path.stem for path in found if path.stem != "__init__"))


def _forbidden(
    name: str, sources: Iterable[str], forbidden: Iterable[str], **options: Any
) -> Contract:
    return {
        "name": name,
        "type": "forbidden",
        "source_modules": list(sources),
        "forbidden_modules": list(forbidden),
        **options,
    }


if __name__ == "__main__":
    sys.exit(main())
