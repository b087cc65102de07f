"""README, mapping page and definitions say what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import readme
from tools.definitions import PLUGINS, ROOT, properties

MARKDOWN = [
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]


def test_settings_tables_are_up_to_date():
    """If not: `make docs`."""
    pages = {path: path.read_text("utf-8") for path in readme.FILES}
    assert [path for path, page in pages.items() if page != readme.rendered(page)] == []


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_about_tells_of_every_setting(name):
    done = subprocess.run(
        [str(Path(sys.executable).parent / name), "--about", "--format", "json"],
        capture_output=True,
        check=True,
    )
    about = json.loads(done.stdout)

    assert properties(name).keys() <= about["settings"]["properties"].keys()
    assert about["name"] == name
    assert about["description"]
    assert about["version"] != "[could not be detected]"


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text("utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_commands_of_the_readme_are_recipes():
    recipes = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    named |= set(
        re.findall(r"^ +make ([a-z -]+?)  ", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    )

    assert {word for words in named for word in words.split()} <= recipes
