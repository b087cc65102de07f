"""`singer-delivery explain` as a shell runs it. All pairs are in `tests/pairs/test_explain.py`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli
from singer_delivery.errors import SettingsError

from tests.destinations import POSTHOG
from tests.end_to_end.commands import Command
from tests.pairs.test_explain import MIXPANEL_ROW, ROW
from tests.singer_delivery.toys import PlayedClock


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    path.write_text(json.dumps({"api_key": "phc_0123456789", "ledger_url": ledger}))
    return path


def run(config, *words, rows=(ROW,), **settings):
    if settings:
        config.write_text(json.dumps({**json.loads(config.read_text()), **settings}))
    text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in rows)
    named = ["explain", "--target", "target-posthog", "--config", str(config), *words]
    return CliRunner().invoke(cli, named, input=text, catch_exceptions=False)


def explained(config, *words, rows=(ROW,), **settings):
    said = run(config, "--json", *words, rows=rows, **settings)
    assert said.exit_code == 0, said.output
    return [json.loads(line) for line in said.stdout.splitlines()]


def field(found, path, kind="event"):
    (event,) = (each for each in found["events"] if each["kind"] == kind)
    return next(each for each in event["fields"] if each["path"] == path)


def test_each_field_has_its_column_its_conversion_and_its_row(config):
    (found,) = explained(config)
    country = field(found, "properties.$geoip_country_code")
    assert country["value"] == "ES"
    assert country["columns"] == [{"name": "country", "value": "Spain"}]
    assert country["row"] == {"to": "$geoip_country_code", "columns": ["country"]}
    assert country["how"] == "ISO 3166-1 code of the English name"
    assert found["table"] == "target_posthog.from_amplitude.table"
    assert "Amplitude docs, Export API" in found["sources"]


def test_a_name_does_nothing_to_the_terminal(config):
    odd = "\x1b[31mred\x9b2J\u202e"
    said = run(config, rows=({**ROW, "event_type": odd, "event_properties": {odd: odd}},)).stdout
    assert "red" in said
    assert not {"\x1b", "\x9b", "\u202e"} & {*said}


@pytest.mark.parametrize("name", ["nowhere.jsonl", "."])
def test_a_file_that_cannot_be_read_is_a_sentence(config, name):
    with pytest.raises(SettingsError, match="cannot be read"):
        run(config, str(config.parent / name))


@pytest.mark.parametrize("odd", ["NaN", '"\\ud83d"', '"a\x01b"'])
def test_what_a_run_mends_is_explained_too(config, odd):
    row = json.dumps(ROW)[:-1] + f', "event_properties": {{"odd": {odd}}}}}'
    (found,) = explained(config, rows=(row,))
    assert [event["kind"] for event in found["events"]]


def test_a_row_that_is_nested_beyond_measure_is_a_sentence(config):
    with pytest.raises(SettingsError, match="no JSON"):
        run(config, rows=('{"a":' + "[" * 200_000 + "]" * 200_000 + "}",))


def test_people_outside_of_the_sample_are_left_out_as_a_run_does(config):
    ids = ("user_id", "device_id", "amplitude_id", "uuid")
    rows = [{**ROW, **dict.fromkeys(ids, str(n))} for n in range(40)]
    found = explained(config, rows=rows, sample_users="50%")
    skipped = {each["decision"]["skipped"] for each in found}
    assert skipped == {None, "not_sampled"}
    assert all(bool(each["events"]) is not bool(each["decision"]["skipped"]) for each in found)
    assert "left out by the rule: not_sampled (" in run(config, rows=rows).stdout


def test_of_two_rows_with_one_name_the_one_is_named_that_wrote_it(config):
    app, web = explained(config, rows=(ROW, {**ROW, "platform": "Web", "os_name": "Chrome"}))
    assert field(app, "properties.$os")["columns"] == [{"name": "os_name", "value": "ios"}]
    assert field(app, "properties.$os")["when"] == "platform is not Web"
    assert field(web, "properties.$os")["when"] == "platform is Web"
    assert len(field(web, "properties.$os")["row"]["columns"]) > 1
    assert field(web, "properties.$browser")["when"] == "platform is Web"


def test_columns_that_do_not_travel_have_their_reason(config):
    row = {**ROW, "processed_time": "2024-03-01 10:00:09.000000", "data": {"a": 1}}
    (found,) = explained(config, rows=(row,), send_ip=False)
    assert found["not_sent"]["data"].startswith("dropped: Amplitude's bookkeeping")
    assert found["not_sent"]["ip_address"] == "its row counts only for: setting `send_ip`"
    assert "$ip" not in json.dumps([each["body"] for each in found["events"]]).replace("$ip_", "")


def test_the_page_says_the_same_for_people(config):
    said = run(config).output
    assert "link `$create_alias`, event `Bought`" in said
    assert "country = Spain" in said
    assert "ISO 3166-1 code of the English name" in said
    assert "claim: the device d1 belongs to u1" in said
    assert "The table is target_posthog.from_amplitude.table." in said


def test_a_row_that_a_rule_leaves_out_sends_its_link_alone_and_says_why(config):
    (found,) = explained(config, exclude_events=["Bought"])
    assert found["decision"]["skipped"] == "excluded: Bought"
    assert [each["kind"] for each in found["events"]] == ["link"]
    said = run(config).output
    assert "left out by the rule: excluded: Bought (`exclude_events` names it)" in said


def test_a_row_that_would_be_a_dead_letter_says_what_to_do(config):
    (found,) = explained(config, rows=({**ROW, "event_type": ""},))
    assert found["dead_letter"]["reason"] == "no_event_name"
    said = run(config, rows=({**ROW, "event_type": ""},)).output
    assert "Dead letter (no_event_name)" in said
    assert "leave these letters out" in said


def test_rows_may_be_messages_and_the_later_know_the_earlier(config):
    schema = {"type": "SCHEMA", "stream": "x", "schema": {"properties": {name: {} for name in ROW}}}
    record = {"type": "RECORD", "stream": "x", "record": ROW}
    state = {"type": "STATE", "value": {}}
    first, second = explained(config, rows=(schema, record, record, state))
    assert [each["kind"] for each in first["events"]] == ["link", "event"]
    assert [each["kind"] for each in second["events"]] == ["event"]
    assert "user_properties" in second["not_sent"]


def test_rows_of_mixpanel_are_known_by_their_columns(config):
    (found,) = explained(config, rows=(MIXPANEL_ROW,))
    assert found["table"] == "target_posthog.from_mixpanel.table"
    assert field(found, "event")["value"] == "$pageview"


def test_a_row_may_stand_on_several_lines_and_in_a_file(config, tmp_path):
    path = tmp_path / "row.json"
    path.write_text(json.dumps(ROW, indent=2))
    assert explained(config, str(path), rows=())[0]["events"][-1]["name"] == "Bought"


def test_nobody_who_is_left_out_is_sent(config, tmp_path):
    people = tmp_path / "people"
    people.write_text("u1\n")
    (found,) = explained(config, exclude_people_path=str(people))
    assert (found["events"], found["decision"]["skipped"]) == ([], "excluded_person")


@pytest.mark.parametrize("rows", [(), ("",), ({"type": "STATE", "value": {}},)])
def test_without_a_row_it_says_what_to_give(config, rows):
    said = run(config, rows=rows)
    assert said.exit_code == 1
    assert "give a row as a JSON line" in said.stderr


def test_a_line_that_is_no_json_is_not_quoted(config):
    with pytest.raises(SettingsError) as caught:
        run(config, rows=("{SECRET",))
    assert "SECRET" not in str(caught.value)


def test_a_stream_that_nobody_knows_gets_the_sentence_that_says_how(config):
    with pytest.raises(SettingsError, match="is no Amplitude export"):
        run(config, rows=({"id": 1},))


def test_with_the_ledger_it_decides_as_the_next_run_would_and_writes_nothing(tmp_path, monkeypatch):
    with POSTHOG.open() as fake:
        settings = {
            **POSTHOG.settings(fake),
            "ledger_url": f"sqlite:///{tmp_path / 'ledger.sqlite3'}",
        }
        command = Command(POSTHOG.plugin, tmp_path, settings, monkeypatch, PlayedClock())
        schema = {"type": "SCHEMA", "stream": "events", "key_properties": []}
        schema["schema"] = {"properties": {name: {} for name in ROW}}
        lines = (schema, {"type": "RECORD", "stream": "events", "record": ROW})
        ended = command.run(b"".join(json.dumps(each).encode() + b"\n" for each in lines))
        assert ended.code == 0, ended.log
        sent = len(fake.journal)
        config = tmp_path / "explain.json"
        config.write_text(json.dumps(settings))
        before = (tmp_path / "ledger.sqlite3").read_bytes()
        (fresh,) = explained(config)
        (known,) = explained(config, "--with-ledger")
        assert [each["kind"] for each in fresh["events"]] == ["link", "event"]
        assert "link" not in [each["kind"] for each in known["events"]]
        assert (tmp_path / "ledger.sqlite3").read_bytes() == before
        assert len(fake.journal) == sent


def test_without_a_ledger_no_file_is_made(config, tmp_path):
    run(config)
    run(config, "--with-ledger")
    assert not (tmp_path / "ledger.sqlite3").exists()
