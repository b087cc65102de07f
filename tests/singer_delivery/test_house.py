"""The library knows how records are delivered, and no vendor."""

from __future__ import annotations

import re

import pytest

from tools.connectors import ROOT, plugins

PACKAGE = ROOT / "singer-delivery" / "singer_delivery"
# Those that connectors.toml names, and those that must be among them, restated on purpose.
VENDORS = {each.vendor.lower() for each in plugins()} | {"amplitude", "posthog", "mixpanel"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_there_is_something_to_look_at():
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_names_no_vendor(path):
    """Neither code, nor comments, nor docstrings."""
    lines = f"{path.name}\n{path.read_text('utf-8')}".splitlines()
    found = re.compile("|".join(sorted(VENDORS)), re.IGNORECASE)
    assert [line.strip() for line in lines if found.search(line)] == []
