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
