"""The command's frame: what it lists, how fast, and which plugins it finds with which settings."""

from __future__ import annotations

import json
import re
import resource
import site
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import COMMANDS, cli
from singer_delivery.cli.plugins import command_of, installed, plugin_of
from singer_delivery.errors import SettingsError

from tools.connectors import plugins, targets

BIN = Path(sys.executable).parent
TIMEOUT = 60.0
RIGHT = {"api_key": "phc_planted_2f77"}

CPU_SECONDS = 0.3
"""That `--help` may take."""

SITE = Path(next(path for path in site.getsitepackages() if "site-packages" in path))


def run(*words, **options):
    command = [str(BIN / "singer-delivery"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT, **options
    )


def settings(path, **its):
    path.write_text(json.dumps(its))
    return str(path)


def test_help_lists_every_command_with_its_line():
    said = run("--help")
    assert said.returncode == 0
    listed = said.stdout.partition("Commands:")[2]
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"{name}\s+{re.escape(line)[:30]}", listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_one_and_says_what_it_does(name):
    command = import_module(f"singer_delivery.cli.{COMMANDS[name][0]}").command
    assert isinstance(command, click.Command)
    said = CliRunner().invoke(cli, [name, "--help"])
    assert said.exit_code == 0
    assert f"Usage: cli {name}" in said.output


def test_help_is_there_at_once():
    def spent():
        of = resource.getrusage(resource.RUSAGE_CHILDREN)
        return of.ru_utime + of.ru_stime

    def seconds():
        before = spent()
        assert run("--help").returncode == 0
        return spent() - before

    assert min(seconds() for _ in range(3)) < CPU_SECONDS


def test_help_imports_neither_a_plugin_nor_the_sdk():
    code = (
        "import sys; sys.argv = ['singer-delivery', '--help']\n"
        "from singer_delivery.cli.command import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    loaded = {name.partition(".")[0] for name in said.stdout.split()}
    assert loaded.isdisjoint({"singer_sdk", "sqlalchemy", "requests", "rich", "jinja2"})
    assert loaded.isdisjoint({each.package for each in plugins()})


def test_a_command_that_does_not_exist_is_an_error_of_usage():
    said = run("nonsense")
    assert said.returncode == 2
    assert "No such command 'nonsense'" in said.stderr


def test_its_version_is_that_of_the_distribution():
    assert re.search(r"\d+\.\d+\.\d+", run("--version").stdout)


def test_an_error_for_people_is_its_sentence_alone(tmp_path):
    said = run("dead-letters", "summary", str(tmp_path / "none.singer"))
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith("There is no ")
    assert len(said.stderr.splitlines()) == 1


def test_every_plugin_makes_itself_known():
    found = {**installed("tap"), **installed("target")}
    assert found.keys() == {each.name for each in plugins()}
    for each in plugins():
        assert found[each.name].load() is each.plugin_class()


def test_a_plugin_is_made_of_its_name_and_its_settings(tmp_path):
    config = settings(tmp_path / "config.json", **RIGHT)
    assert plugin_of("target", "target-posthog", [config]).config["api_key"] == RIGHT["api_key"]


def test_a_later_file_of_settings_wins(tmp_path):
    first = settings(tmp_path / "1.json", **RIGHT, ledger_url="sqlite:///a")
    second = settings(tmp_path / "2.json", ledger_url="sqlite:///b")
    found = plugin_of("target", "target-posthog", [first, second]).config
    assert (found["ledger_url"], found["api_key"]) == ("sqlite:///b", RIGHT["api_key"])


def test_settings_are_read_from_the_environment_where_it_is_named(monkeypatch):
    monkeypatch.setenv("TARGET_POSTHOG_API_KEY", RIGHT["api_key"])
    assert plugin_of("target", "target-posthog", ["ENV"]).config["api_key"] == RIGHT["api_key"]
    with pytest.raises(SettingsError, match="Set `api_key`"):
        plugin_of("target", "target-posthog", [])


@pytest.mark.parametrize("name", [None, "target-nonsense", "tap-amplitude"])
def test_a_plugin_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(SettingsError, match="Name the target with --target") as caught:
        plugin_of("target", name, [])
    assert all(each.name in str(caught.value) for each in targets())
    assert (f"{name} is no target that is installed" in str(caught.value)) == (name is not None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{api_key: SECRET", "is no JSON"),
        ("[]", "holds no JSON object"),
        ('{"api_key": "phx_SECRET"}', "holds a personal key"),
        ('{"api_key": "phc_SECRET", "max_in_flight": 0}', "`max_in_flight`"),
        ('{"api_key": "phc_SECRET", "nonsense": 1}', "`nonsense`"),
    ],
)
def test_wrong_settings_get_a_sentence_that_names_them_and_quotes_no_key(tmp_path, text, says):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        plugin_of("target", "target-posthog", [str(path)])
    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("plugin", plugins(), ids=lambda each: each.name)
def test_a_plugin_s_own_command_runs_as_a_process(plugin):
    words = [*command_of(plugin.name), "--version"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    assert plugin.name in said.stdout


@pytest.fixture(params=[each.name for each in targets()][:1])
def alone(request, tmp_path):
    """An environment in which one target is installed, and nothing of the other plugins."""
    folder = tmp_path / "site"
    folder.mkdir()
    others = [each.package for each in plugins() if each.name != request.param]
    for each in SITE.iterdir():
        if not any(name in each.name for name in others):
            (folder / each.name).symlink_to(each)
    return request.param, folder


def test_it_works_where_one_plugin_alone_is_installed(alone, tmp_path):
    name, folder = alone
    code = (
        f"import site, sys; site.addsitedir({str(folder)!r})\n"
        "from singer_delivery.cli.command import main\n"
        "from singer_delivery.cli.plugins import installed\n"
        f"assert [*installed('target'), *installed('tap')] == [{name!r}]\n"
        "main()"
    )
    config = settings(tmp_path / "config.json", **RIGHT)
    words = [sys.executable, "-I", "-S", "-c", code, "dead-letters", "summary", "--config", config]
    said = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=TIMEOUT, cwd=tmp_path
    )
    assert f"There is no {name}.dead-letters.singer" in said.stderr
    assert said.returncode == 1
    assert said.stdout == ""
