"""The contracts made of a list hold the modules of its packages to the house."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.examples import first_of
from tools.connectors import projects, read
from tools.contracts import config

LIST = """
[singer-delivery]
kind = "library"
package = "singer_delivery"
distribution = "singer-delivery"
needs = []

[analytics-records]
kind = "library"
package = "analytics_records"
distribution = "analytics-records"
needs = ["singer-delivery"]

[tap-here]
kind = "tap"
vendor = "Here"
package = "tap_here"
distribution = "tap-here"
plugin = "tap_here.tap:TapHere"
needs = []

[target-there]
kind = "target"
vendor = "There"
package = "target_there"
distribution = "target-there"
plugin = "target_there.target:TargetThere"
needs = []
"""
GOOD = {
    "singer_delivery/model.py": "",
    "singer_delivery/errors.py": "",
    "singer_delivery/endpoint.py": "import singer_delivery.model",
    "singer_delivery/io/files.py": "import singer_delivery.errors",
    "singer_delivery/mapping/pair.py": "import singer_delivery.model",
    "singer_delivery/ledger/store.py": "import sqlalchemy, singer_delivery.mapping.pair",
    "singer_delivery/pipeline/run.py": "import singer_delivery.ledger.store",
    "singer_delivery/tap/spool.py": "import singer_delivery.io",
    "singer_delivery/sdk/sink.py": "import singer_delivery.sdk.target",
    "singer_delivery/sdk/target.py": "import singer_sdk, singer_delivery.sdk.sink",
    "analytics_records/here/columns.py": "import singer_delivery.mapping.pair",
    "tap_here/tap.py": "import requests, analytics_records.here.columns",
    "target_there/target.py": "import time, target_there.from_here.table, target_there.endpoint",
    "target_there/endpoint.py": "import requests, target_there.there",
    "target_there/there.py": "",
    "target_there/people.py": "import target_there.there",
    "target_there/from_columns.py": "import target_there.people",
    "target_there/from_here/table.py": "import analytics_records.here.columns, target_there.people",
}
BAD = {
    "the library imports a connector": ("singer_delivery/sdk/sink.py", "target_there.there"),
    "the library knows what rows say": ("singer_delivery/pipeline/run.py", "analytics_records"),
    "the pipeline knows the SDK": ("singer_delivery/pipeline/run.py", "singer_sdk"),
    "the ledger knows the pipeline": (
        "singer_delivery/ledger/store.py",
        "singer_delivery.pipeline",
    ),
    "mapping does I/O": ("singer_delivery/mapping/pair.py", "singer_delivery.io.files"),
    "mapping knows endpoints": ("singer_delivery/mapping/pair.py", "singer_delivery.endpoint"),
    "mapping has a clock": ("singer_delivery/mapping/pair.py", "time"),
    "I/O knows mapping": ("singer_delivery/io/files.py", "singer_delivery.mapping"),
    "the model knows errors": ("singer_delivery/model.py", "singer_delivery.errors"),
    "what rows say does I/O": ("analytics_records/here/columns.py", "singer_delivery.io.files"),
    "what rows say has chance": ("analytics_records/here/columns.py", "random"),
    "what rows say knows a target": ("analytics_records/here/columns.py", "target_there.there"),
    "connectors meet": ("tap_here/tap.py", "target_there.there"),
    "an endpoint knows what rows say": ("target_there/endpoint.py", "analytics_records.here"),
    "a target knows what rows say": ("target_there/target.py", "analytics_records.here"),
    "people know a source": ("target_there/people.py", "target_there.from_here"),
    "people know the target": ("target_there/people.py", "target_there.target"),
    "people have a log": ("target_there/people.py", "logging"),
    "a source sends": ("target_there/from_here/table.py", "requests"),
    "sources meet": ("target_there/from_columns.py", "target_there.from_here"),
    "a cycle": ("target_there/there.py", "target_there.endpoint"),
    "a package imports tests": ("tap_here/tap.py", "tests.fakes"),
}


def lint(folder, files):
    """Write a tree and its contracts; return what import-linter says of them."""
    (folder / "connectors.toml").write_text(LIST)
    for name, text in files.items():
        package, _, module = name.partition("/")
        path = folder / package.replace("_", "-") / package / module
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.parents:
            if parent.is_relative_to(folder / package.replace("_", "-") / package):
                (parent / "__init__.py").touch()
        path.write_text(text)
    contracts = folder / "contracts.toml"
    contracts.write_text(config(read(folder / "connectors.toml")))
    paths = os.pathsep.join(str(path) for path in folder.iterdir() if path.is_dir())
    command = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(sys.argv[1]))"
    return subprocess.run(
        [sys.executable, "-c", command, str(contracts)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_keeps_its_contracts(tmp_path):
    done = lint(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("wrong", first_of(BAD, 6))
def test_a_wrong_import_breaks_one(tmp_path, wrong):
    name, imported = BAD[wrong]
    done = lint(tmp_path, {**GOOD, name: f"{GOOD[name]}\nimport {imported}"})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Broken contracts" in done.stdout


def test_every_package_of_the_list_is_checked():
    written = config(projects())
    assert all(f'"{each.package}"' in written.splitlines()[1] for each in projects())
