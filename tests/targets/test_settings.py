"""Settings: each wrong one gets its sentence before anything is sent, and no secret is quoted."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_sdk.exceptions import ConfigValidationError

from tests.destinations import DESTINATIONS
from tests.end_to_end.commands import Command
from tests.singer_delivery.toys import PlayedClock
from tests.targets.settings import (
    AT_THE_START,
    DEFAULTS,
    DOCUMENTED,
    NEVER_QUOTED,
    OF_ALL,
    RIGHT,
    SECRET,
    WRONG,
)
from tools.connectors import plugins

FEED = b"""\
{"type": "SCHEMA", "stream": "people", "schema": {"properties": {"id": {}}}, "key_properties": []}
{"type": "RECORD", "stream": "people", "record": {"id": "p1", "plan": "pro"}}
"""


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(destination, service, tmp_path, monkeypatch):
    config = {"streams": {"people": {"person": "id"}}, **destination.at(service.url)}
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def cases(table):
    return [
        pytest.param(destination, *each, id=f"{destination}: {each[-1]}")
        for destination in DESTINATIONS
        for each in table[destination]
    ]


@pytest.mark.parametrize(("destination", "config", "sentence"), cases(WRONG))
def test_a_wrong_setting_stops_before_any_request(destination, service, command, config, sentence):
    with pytest.raises(ConfigValidationError) as caught:
        destination.plugin(config=dict(config))
    (_,) = [each for each in caught.value.errors if sentence in each]

    ended = command.run(FEED, **config)

    assert ended.code == 1
    assert sentence in ended.log
    assert "Traceback" not in ended.log
    for secret in NEVER_QUOTED:
        assert secret not in ended.log + str(caught.value.errors)
    assert service.journal == []
    assert not (command.folder / "ledger.sqlite3").exists()


@pytest.mark.parametrize(("settings", "sentence"), AT_THE_START)
def test_what_only_the_start_of_a_run_finds_stops_it_too(
    destination, service, command, settings, sentence
):
    ended = command.run(FEED, **destination.settings(service), **settings)

    assert ended.code == 1
    assert sentence in ended.log
    assert "Traceback" not in ended.log
    assert service.journal == []


@pytest.mark.parametrize(
    ("destination", "config"),
    [(destination, config) for destination in DESTINATIONS for config in RIGHT[destination]],
    ids=str,
)
def test_settings_that_will_do_are_taken(destination, config):
    taken = destination.plugin(config=dict(config)).config
    assert taken.items() >= DEFAULTS[destination].items()


@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_about_lists_every_setting_that_is_documented(destination):
    done = CliRunner().invoke(destination.plugin.cli, ["--about", "--format", "json"])
    assert done.exit_code == 0, done.output
    about = json.loads(done.output)
    listed = about["settings"]["properties"]
    assert about["name"] == destination.target
    assert listed.keys() >= OF_ALL | DOCUMENTED[destination]
    secret = {name for name, setting in listed.items() if setting.get("secret")}
    assert secret == SECRET[destination]


def test_a_user_sees_the_sentence_of_a_missing_key_and_no_traceback(destination, command):
    ended = command.run(FEED, **destination.unkeyed)

    assert ended.code == 1
    assert f"Set `{destination.keys[0]}`" in ended.log
    assert "Traceback" not in ended.log
    assert not (command.folder / "ledger.sqlite3").exists()


ENVIRONMENT = [
    ("MAX_RETRIES", "many", "must be a whole number, not 'many'."),
    ("MAX_RETRIES", "", "is empty: it must be a whole number, or not set at all."),
    ("DRY_RUN", "ture", "must be true or false, not 'ture'."),
    ("DRY_RUN", "", "is empty: it must be true or false, or not set at all."),
    ("INCLUDE_EVENTS", "", "is empty: it must be a list, or not set at all."),
    ("RENAME_EVENTS", "a=b", "must be an object of names and values as JSON, not 'a=b'."),
    ("STREAMS", "", "is empty: it must be an object of names and values, or not set at all."),
    ("LEDGER_URL", "", "is empty: give it a value, or leave it out."),
    ("FLATTENING_MAX_DEPTH", "deep", "must be a whole number, not 'deep'."),
    ("STREAM_MAPS", "[", "must be an object of names and values as JSON, not '['."),
]


def started(plugin, *arguments):
    """Start a command as a shell does, but in this process."""
    return CliRunner().invoke(plugin.cli, ["--config", "ENV", *arguments])


PLUGINS = {each.name: each for each in plugins()}
OF_EACH = [
    (name, *case)
    for name in PLUGINS
    for case in ENVIRONMENT
    if case[0].lower() in PLUGINS[name].plugin_class().config_jsonschema["properties"]
]


@pytest.mark.parametrize(("name", "variable", "text", "says"), OF_EACH)
def test_a_variable_that_is_wrong_or_empty_is_named(
    name, variable, text, says, monkeypatch, caplog, tmp_path
):
    monkeypatch.chdir(tmp_path)
    variable = f"{PLUGINS[name].variable_prefix}_{variable}"
    monkeypatch.setenv(variable, text)

    ended = started(PLUGINS[name].plugin_class())

    assert ended.exit_code == 1
    assert caplog.messages[-1].endswith(f"({variable}) {says}")
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("name", PLUGINS)
def test_a_misspelt_variable_is_a_warning(name, monkeypatch, caplog, tmp_path):
    monkeypatch.chdir(tmp_path)
    prefix = PLUGINS[name].variable_prefix
    monkeypatch.setenv(f"{prefix}_MAX_RETRYS", "planted-value")

    started(PLUGINS[name].plugin_class())

    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert f"{prefix}_MAX_RETRYS is no setting" in warning.message
    assert f"Did you mean {prefix}_MAX_RETRIES?" in warning.message
    assert "planted-value" not in caplog.text


@pytest.mark.parametrize("content", [None, "{", "[1]", "7"])
@pytest.mark.parametrize("name", PLUGINS)
def test_a_config_file_that_cannot_be_read_is_named(name, content, tmp_path):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    ended = CliRunner().invoke(PLUGINS[name].plugin_class().cli, ["--config", str(path)])
    assert ended.exit_code == 2
    assert "Invalid value for '--config'" in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("name", PLUGINS)
def test_a_setting_that_is_null_has_its_default(name):
    properties = PLUGINS[name].plugin_class().config_jsonschema["properties"]
    enough = {"dry_run": True} if PLUGINS[name].kind == "target" else {"archive_path": "x"}
    nulls = {key: None for key in properties if key not in enough}
    config = PLUGINS[name].plugin_class()(config={**nulls, **enough}).config
    defaults = {key: of["default"] for key, of in properties.items() if "default" in of}
    assert {**defaults, **enough}.items() <= dict(config).items()


@pytest.mark.parametrize("name", PLUGINS)
def test_about_is_a_page_of_markdown(name):
    done = CliRunner().invoke(PLUGINS[name].plugin_class().cli, ["--about", "--format=markdown"])
    assert done.exit_code == 0, done.output
    page = done.output.splitlines()
    assert page[0] == f"# `{name}`"
    assert not [line for line in page if line.startswith("    ")], "indented lines are code"
    rows = [line for line in page if line.startswith("|")]
    assert len(rows) > 12
    assert {line.count("|") for line in rows} == {5}
