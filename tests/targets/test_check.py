"""What every target asks before a run: by itself, by `--test`, by `check`, and by Meltano's test.

The fakes answer questions as the vendors' documents say, each in `questions` beside it, and keep
them apart from deliveries.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli

from tests.destinations import AMPLITUDE, DESTINATIONS, MIXPANEL, POSTHOG
from tests.end_to_end.commands import Command
from tests.fakes.http.exchanges import DropConnection, Reply
from tests.singer_delivery.toys import PlayedClock

WRONG = "wrong-key-0123456789"
STREAMS = {"orders": {"event": "Order", "distinct_id": "customer", "timestamp": "at"}}
RECORD = {"id": 1, "customer": "customer-1", "at": "2024-05-01T10:00:00Z"}
SCHEMA = {"properties": {name: {} for name in RECORD}}
ORDERS: list[dict[str, Any]] = [
    {"type": "SCHEMA", "stream": "orders", "schema": SCHEMA, "key_properties": ["id"]},
    {"type": "RECORD", "stream": "orders", "record": RECORD},
    {"type": "STATE", "value": {"seen": 1}},
]

# What Meltano 4.4.1 sends to a loader that it tests (meltano/core/plugin_test_service.py).
OF_MELTANO: list[dict[str, Any]] = [
    {
        "type": "SCHEMA",
        "stream": "meltano_test_stream",
        "schema": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "name": {"type": "string"},
                "created_at": {"type": "string", "format": "date-time"},
            },
        },
        "key_properties": ["id"],
    },
    {
        "type": "RECORD",
        "stream": "meltano_test_stream",
        "record": {
            "id": 1,
            "name": "Meltano Test Record",
            "created_at": "2025-09-29T00:00:00Z",
        },
    },
    {"type": "STATE", "value": {"bookmarks": {"meltano_test_stream": {"last_record": 1}}}},
]

each_destination = pytest.mark.parametrize("destination", DESTINATIONS, ids=str)


def lines(messages):
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(destination, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {**destination.settings(service), "streams": STREAMS}
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


# As a run begins ------------------------------------------------------------------------------


@each_destination
def test_a_known_key_is_asked_for_and_the_run_goes_on(destination, service, command):
    ended = command.run(lines(ORDERS))
    assert ended.code == 0, ended.log
    assert len(destination.people(service)) == 1
    assert service.questions
    for secret in destination.secrets:
        assert secret not in ended.log


@each_destination
def test_a_wrong_key_stops_the_run_before_anything_is_sent(destination, service, command):
    ended = command.run(lines(ORDERS), **{destination.key: WRONG})
    assert ended.code == 1
    assert destination.wrong_key in ended.log
    assert WRONG not in ended.log
    assert ended.states == []
    assert service.journal == []
    assert not command.dead_letter_path.exists()


@each_destination
@pytest.mark.parametrize("down", [Reply(503), DropConnection()], ids=["503", "dropped"])
def test_a_service_that_is_down_for_the_question_alone_stops_nothing(
    destination, service, command, down
):
    service.misbehave_at_questions(down)
    ended = command.run(lines(ORDERS))
    assert ended.code == 0, ended.log
    assert len(destination.people(service)) == 1
    about = "could not be asked" if isinstance(down, DropConnection) else "neither yes nor no"
    assert ended.log.count(about) == 1


@each_destination
def test_nothing_is_asked_where_nobody_wants_it(destination, service, command):
    assert command.run(lines(ORDERS), check=False).code == 0
    assert command.run(lines(ORDERS), dry_run=True).code == 0
    assert service.questions == []


# On request -----------------------------------------------------------------------------------


def asked(destination, config, tmp_path):
    """Run `singer-delivery check`, and return its exit code and its lines."""
    path = tmp_path / "check.json"
    path.write_text(json.dumps(config))
    arguments = ["check", "--target", destination.target, "--config", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, (SystemExit, type(None))), result.exception
    return result.exit_code, result.output


@each_destination
def test_the_command_prints_a_line_for_each_question(destination, service, command, tmp_path):
    code, output = asked(destination, command.config, tmp_path)
    assert code == 0, output
    assert all("  yes  " in line for line in output.splitlines())
    assert output.splitlines()
    for secret in destination.secrets:
        assert secret not in output


@each_destination
def test_the_command_says_no_and_could_not_ask_by_its_exit_code(
    destination, service, command, tmp_path
):
    wrong = {**command.config, destination.key: WRONG}
    code, output = asked(destination, wrong, tmp_path)
    assert code == 1
    assert "  no" in output
    assert WRONG not in output

    service.stop()
    code, output = asked(destination, command.config, tmp_path)
    assert code == 2
    assert "could not be asked" in output


@each_destination
def test_the_test_option_of_the_target_is_the_same(destination, service, command, capsys):
    path = command.folder / "config.json"
    path.write_text(json.dumps(command.config))

    def code_of(config):
        path.write_text(json.dumps(config))
        with pytest.raises(SystemExit) as ended:
            destination.plugin.cli.main(["--config", str(path), "--test"])
        return ended.value.code or 0

    assert code_of(command.config) == 0
    assert "  yes  " in capsys.readouterr().out
    assert code_of({**command.config, destination.key: WRONG}) == 1
    assert service.journal == []


@each_destination
def test_the_test_of_meltano_passes_and_writes_nothing(destination, service, command):
    ended = command.run(lines(OF_MELTANO))
    assert ended.code == 0, ended.log
    assert service.questions
    assert [each for each in service.journal if each.method != "GET"] == []
    # Meltano takes a line with either word for a failure.
    assert "error" not in ended.log.lower()
    assert "exception" not in ended.log.lower()

    refused = command.run(lines(OF_MELTANO), **{destination.key: WRONG})
    assert refused.code == 1
    assert destination.wrong_key in refused.log.splitlines()[-1]


# One of a kind --------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_a_service_account_that_sees_another_project_is_told(
    destination, service, command, tmp_path
):
    service.sees_project = False
    code, output = asked(destination, command.config, tmp_path)
    assert code == 1
    assert "sees no project 2195193" in output


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_a_token_that_engage_would_swallow_stops_the_run(destination, service, command):
    ended = command.run(lines(ORDERS), project_token=WRONG)
    assert ended.code == 1
    assert "knows no project with this token" in ended.log
    assert WRONG not in ended.log
    assert service.journal == []


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_group_keys_are_not_claimed(destination, service, command, tmp_path):
    config = {**command.config, "group_keys": {"org": "company", "team": "team"}}
    code, output = asked(destination, config, tmp_path)
    assert code == 2
    assert "Group Keys): company, team." in output


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_a_lookup_table_that_is_not_there_stops_the_run(destination, service, command):
    ended = command.run(lines(ORDERS), streams={**STREAMS, "songs": {"lookup_table": "1a2b"}})
    assert ended.code == 1
    assert "no lookup table 1a2b" in ended.log


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_what_an_empty_import_gets_besides_is_not_claimed(destination, service, command):
    service.on_empty = 400
    ended = command.run(lines(ORDERS))
    assert ended.code == 0, ended.log
    assert ended.log.count("neither yes nor no") == 1


@pytest.mark.parametrize("destination", [AMPLITUDE], ids=str)
def test_plain_requests_go_where_the_question_showed_that_gzip_is_refused(
    destination, service, command
):
    service.unzips = False
    ended = command.run(lines(ORDERS))
    assert ended.code == 0, ended.log
    assert all("content-encoding" not in each.headers for each in service.journal)


@pytest.mark.parametrize("destination", [POSTHOG], ids=str)
def test_capture_itself_would_have_swallowed_a_wrong_key(destination, command, service):
    service.enforce_keys = False
    assert command.run(lines(ORDERS), check=False, api_key=WRONG).code == 0
    assert service.swallowed.total() > 0
    assert command.run(lines(ORDERS), api_key=WRONG).code == 1
