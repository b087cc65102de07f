"""connectors.toml names everything that is published here, as each of them describes itself."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module

import pytest
from singer_delivery.cli.plugins import GROUP

from bench.services import SERVICES
from bench.soak import STAND_INS
from demo.__main__ import JOURNEYS
from tools.connectors import (
    LIST,
    MELTANO_TYPES,
    ROOT,
    plugins,
    projects,
    read,
    taps,
    targets,
    tomllib,
)

PROJECTS = {each.name: each for each in projects()}
FOLDERS = {each.distribution: each.name for each in projects()}

each_project = pytest.mark.parametrize("project", projects(), ids=lambda project: project.name)


def described(project):
    """What the project's own pyproject.toml says."""
    return tomllib.loads((project.folder / "pyproject.toml").read_text("utf-8"))


def folder_of(need):
    return need.partition("[")[0]


def extras(need):
    return need[len(folder_of(need)) :]


def test_every_folder_with_a_pyproject_is_listed():
    assert {path.parent.name for path in ROOT.glob("*/pyproject.toml")} == PROJECTS.keys()


def test_the_workspace_has_the_listed_folders():
    uv = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    members = {path for each in uv["workspace"]["members"] for path in ROOT.glob(each)}
    assert {path.name for path in members if path.is_dir()} == PROJECTS.keys()


@each_project
def test_names_are_those_of_the_project(project):
    found = described(project)
    assert found["project"]["name"] == project.distribution
    assert found["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [project.package]
    assert (project.folder / project.package / "__init__.py").exists()


@each_project
def test_it_needs_what_it_depends_on(project):
    found = described(project)
    sources = found["tool"].get("uv", {}).get("sources", {})
    assert sources.keys() == {folder_of(need) for need in project.needs}
    assert all(source == {"workspace": True} for source in sources.values())
    depends_on = {re.split(r"[><=~;]", each)[0] for each in found["project"]["dependencies"]}
    ours = {each for each in depends_on if folder_of(each) in FOLDERS}
    assert {FOLDERS[folder_of(each)] + extras(each) for each in ours} == set(project.needs)


@each_project
def test_it_stands_after_what_it_needs_and_needs_what_that_needs(project):
    order = list(PROJECTS)
    needs = [folder_of(need) for need in project.needs]
    for number, need in enumerate(needs):
        assert order.index(need) < order.index(project.name)
        assert {folder_of(each) for each in PROJECTS[need].needs} <= set(needs[:number])


@each_project
def test_kinds_are_known_and_names_begin_with_them(project):
    assert project.kind in {"library", *MELTANO_TYPES}
    is_plugin = project.kind != "library"
    assert project.name.startswith(f"{project.kind}-") == is_plugin
    assert bool(project.vendor) == bool(project.plugin) == is_plugin


@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)
def test_a_plugin_has_its_class_command_hub_file_and_settings_in_the_readme(plugin):
    assert plugin.plugin_class().name == plugin.name
    assert plugin.name in described(plugin)["project"]["scripts"]
    assert plugin.hub_file.exists()
    page = plugin.folder / "README.md"
    assert f"<!-- settings: {plugin.name} -->" in page.read_text("utf-8")
    assert f"]({plugin.name}/README.md)" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)
def test_a_plugin_makes_itself_known_to_the_command_of_all(plugin):
    found = described(plugin)["project"]
    module, _, name = found["entry-points"][GROUP][plugin.name].partition(":")
    assert found["entry-points"][GROUP].keys() == {plugin.name}
    assert getattr(import_module(module), name) is plugin.plugin_class()


def test_a_library_is_no_plugin():
    libraries = [each for each in projects() if each.kind == "library"]
    assert libraries
    assert all(
        GROUP not in described(each)["project"].get("entry-points", {}) for each in libraries
    )


def test_bench_and_demo_know_every_target():
    listed = [each.name for each in targets()]
    assert [service.target for service in SERVICES] == listed
    assert STAND_INS.keys() == set(listed)
    shown = {destination.target for _, destination in JOURNEYS}
    assert shown == set(listed)
    assert {source.tap for source, _ in JOURNEYS} == {each.name for each in taps()}


def test_make_reads_the_list_as_python_does(tmp_path):
    """Make has nothing but sed, which knows no TOML."""
    script = tmp_path / "show.mk"
    script.write_text(
        f"include {ROOT}/Makefile\nshow:\n\t@echo $(FOLDERS)\n\t@echo $(PACKAGES)\n"
        "\t@echo $(DISTRIBUTIONS)\n"
    )
    command = ["make", "--no-print-directory", "--silent", "--file", str(script), "show"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split() for line in shown.splitlines()] == [
        [each.name for each in projects()],
        [each.package for each in projects()],
        [each.distribution for each in projects()],
    ]


@pytest.mark.parametrize(
    ("old", "new"), [('kind = "tap"\n', ""), ('kind = "tap"', 'kind = "tap"\nhub = "x.yml"')]
)
def test_a_field_that_lacks_or_does_not_exist_is_an_error(tmp_path, old, new):
    path = tmp_path / "connectors.toml"
    path.write_text(LIST.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(TypeError):
        read(path)
