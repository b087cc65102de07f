"""Rows on their two roads: bytes untouched, or parsed where selection and maps ask for it."""

from __future__ import annotations

import io
import json
import stat
from contextlib import redirect_stdout

import orjson
import pytest

from tests.fakes.amplitude import FakeAmplitude
from tests.tap_amplitude.running import HOUR, MONDAY, Recorded, Sandbox, hours_of_rows, row

CURIOUS = [
    b'{"uuid":"1","n":12345678901234567890123,"f":1.0,"g":1E2,"h":0.1000}',
    b'{"uuid":"2","text":"\\u00fc \\/ \\ud83d\\ude00 \xc3\xbc","z":1,"a":2}',
    b'{ "uuid" : "3" , "spaces" :  [ ] , "a" : 1, "a" : 2 }',
    b'{"uuid":"4","deep":{"a.b":[1,{"":null}]},"line":"a\\nb\\u2028"}',
]
BROKEN = [
    b'{"uuid":"broken-1","secret":"hush"',
    b"[1,2]",
    b'"text"',
    b"null",
    b'{"uuid":"broken-2","x":nan}',
    b'{"uuid":"\xff\xfe"}',
    b'{"uuid":"1"}{"uuid":"2"}',
]


@pytest.fixture
def run(tmp_path):
    def run_over(lines, **options):
        with FakeAmplitude({MONDAY: lines}) as amplitude:
            return Sandbox(tmp_path, amplitude).run(end_date="2024-01-01T01:00:00Z", **options)

    return run_over


@pytest.fixture
def catalog(sandbox):
    return sandbox.tap(archive_path="x").catalog_dict


def deselect(catalog, *columns):
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] and entry["breadcrumb"][-1] in columns:
            entry["metadata"]["selected"] = False
    return catalog


def test_a_line_arrives_byte_for_byte(run):
    assert run(CURIOUS).raw_records == [line.decode() for line in CURIOUS]


def test_blank_lines_and_line_ends_of_windows_are_no_rows(run):
    lines = [CURIOUS[0] + b"\r", b"", b"  \t", CURIOUS[1]]
    assert run(lines).raw_records == [CURIOUS[0].decode(), CURIOUS[1].decode()]


def test_space_around_a_row_is_no_part_of_it(run):
    lines = [b" \t" + CURIOUS[0] + b"\r", CURIOUS[1] + b"\r"]
    assert run(lines).raw_records == [CURIOUS[0].decode(), CURIOUS[1].decode()]


def test_every_message_is_a_singer_message(run):
    kinds = [message["type"] for message in run(CURIOUS).messages]
    assert kinds == ["SCHEMA", "RECORD", "RECORD", "RECORD", "RECORD", "STATE"]


def test_a_record_says_when_it_was_extracted(run):
    for message in run(CURIOUS).of_type("RECORD"):
        assert message["stream"] == "events"
        assert message["time_extracted"] == "2024-06-01T00:00:00+00:00"


def test_broken_lines_are_kept_and_counted_and_stop_nothing(run, tmp_path):
    good = [row(MONDAY, 1), row(MONDAY, 2)]
    output = run([good[0], *BROKEN, b"", good[1]])
    assert output.raw_records == [line.decode() for line in good]
    assert output.bookmark["bad_lines"] == len(BROKEN)
    kept = tmp_path / "spool" / "bad_lines.jsonl"
    entries = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [entry["line"] for entry in entries] == list(range(2, 2 + len(BROKEN)))
    assert {entry["file"] for entry in entries} == {"187520/187520_2024-01-01_0#627.json.gz"}
    assert [entry.get("text", "").encode() for entry in entries if "text" in entry] == [
        line for line in BROKEN if line != BROKEN[5]
    ]
    assert entries[5]["base64"] == "eyJ1dWlkIjoi//4ifQ=="
    assert all(entry["error"] for entry in entries)


def test_a_broken_line_is_found_by_its_number_in_a_file_of_many_blocks(run, tmp_path):
    good = [row(MONDAY, n) for n in range(500)]  # 600 kB
    output = run([*good[:300], b"", BROKEN[0], *good[300:], BROKEN[1]])
    assert output.raw_records == [line.decode() for line in good]
    kept = (tmp_path / "spool" / "bad_lines.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in kept] == [302, 503]


@pytest.mark.parametrize(("limit", "written"), [(1, 1), (4, 4), (5, 5), (9, 5)])
def test_no_more_records_than_a_dry_run_may_have(tmp_path, limit, written):
    lines = [row(MONDAY, n) for n in range(5)]
    out = io.TextIOWrapper(io.BytesIO())
    with FakeAmplitude({MONDAY: lines}) as amplitude, redirect_stdout(out):
        tap = Sandbox(tmp_path, amplitude).tap(end_date="2024-01-01T01:00:00Z")
        tap.run_sync_dry_run(dry_run_record_limit=limit)
    out.seek(0)
    output = Recorded(out.read())
    assert output.raw_records == [line.decode() for line in lines[:written]]
    assert ("replication_key_value" in output.bookmark) is (limit >= len(lines))


def test_broken_lines_are_for_their_owners_eyes(run, tmp_path):
    run([row(MONDAY, 1), *BROKEN])
    assert stat.S_IMODE((tmp_path / "spool" / "bad_lines.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("cut", "mended"),
    [
        (rb'{"a":"x\ud83d"}', rb'{"a":"x\ufffd"}'),
        (rb'{"a":"\uDE00y"}', rb'{"a":"\ufffdy"}'),
        (rb'{"a":"\ud83d\ud83d\ude00"}', rb'{"a":"\ufffd\ud83d\ude00"}'),
        (rb'{"a":"\\ud83d \ud83d","n":1.0}', rb'{"a":"\\ud83d \ufffd","n":1.0}'),
        (rb'{"a":NaN,"b":1}', rb'{"b":1}'),
        (rb'{"a":"\u0000 \\u0000 \\\u0000"}', rb'{"a":"\ufffd \\u0000 \\\ufffd"}'),
    ],
)
def test_what_few_programs_read_is_replaced_and_the_row_passes(run, tmp_path, cut, mended):
    assert run([cut]).raw_records == [mended.decode()]
    assert list(tmp_path.rglob("bad_lines.jsonl")) == []


def test_a_file_is_named_once_in_the_log_and_its_content_never(run, caplog):
    run([row(MONDAY, 1), *BROKEN])
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "Line 2 of 187520/187520_2024-01-01_0#627.json.gz" in warnings[0]
    assert "hush" not in caplog.text


def test_the_count_of_broken_lines_goes_on_from_the_state(tmp_path):
    hours = {MONDAY: [*BROKEN[:2], row(MONDAY, 0)], MONDAY + HOUR: [*BROKEN[2:5], row(MONDAY, 1)]}
    with FakeAmplitude(hours) as amplitude:
        sandbox = Sandbox(tmp_path, amplitude)
        first = sandbox.run(end_date="2024-01-01T01")
        second = sandbox.run(end_date="2024-01-01T02", state=first.states[-1])
    assert (first.bookmark["bad_lines"], second.bookmark["bad_lines"]) == (2, 5)


def test_no_file_of_broken_lines_is_made_without_any(run, tmp_path):
    output = run(CURIOUS)
    assert "bad_lines" not in output.bookmark
    assert not (tmp_path / "spool" / "bad_lines.jsonl").exists()


def test_what_passes_here_is_read_by_orjson_there(run):
    for line in run([*CURIOUS, *BROKEN]).text.splitlines():
        assert isinstance(orjson.loads(line), dict)


def test_a_deselected_column_stays_behind(run, catalog):
    lines = [row(MONDAY, n) for n in range(3)]
    output = run(lines, catalog=deselect(catalog, "user_id"))
    expected = [json.loads(line) for line in lines]
    for record in expected:
        del record["user_id"]
    assert output.records == expected
    assert "user_id" not in output.of_type("SCHEMA")[0]["schema"]["properties"]


def test_with_everything_selected_in_the_catalog_bytes_stay_untouched(run, catalog):
    assert run(CURIOUS, catalog=catalog).raw_records == [line.decode() for line in CURIOUS]


def test_the_ordinary_road_keeps_unknown_columns_big_integers_and_decimals(run, catalog):
    line = b'{"uuid":"1","new":{"deep":[12345678901234567890123,0.10,1.0]},"user_id":"x"}'
    (record,) = run([line], catalog=deselect(catalog, "user_id")).raw_records
    assert record == '{"uuid":"1","new":{"deep":[12345678901234567890123,0.10,1.0]}}'


def test_a_stream_map_is_obeyed(run):
    maps = {"events": {"uuid": "uuid", "who": "md5(user_id)", "__else__": None}}
    (record,) = run([row(MONDAY, 1)], stream_maps=maps).records
    assert set(record) == {"uuid", "who"}
    assert record["who"] != "person-0001"


def test_a_stream_can_be_renamed_by_a_map(run):
    output = run([row(MONDAY, 1)], stream_maps={"events": {"__alias__": "amplitude"}})
    assert output.of_type("RECORD")[0]["stream"] == "amplitude"


def test_a_stream_can_be_left_out_by_a_map(run):
    output = run([row(MONDAY, 1)], stream_maps={"events": None})
    assert output.of_type("RECORD") == []


def test_flattening_is_obeyed(run):
    (record,) = run([row(MONDAY, 7)], flattening_enabled=True, flattening_max_depth=1).records
    # What has no declared properties is flattened into its JSON.
    assert record["event_properties"] == '{"n":7}'


def test_the_ordinary_road_moves_the_bookmark_by_window_too(tmp_path, catalog):
    hours = hours_of_rows(MONDAY, *[2] * 48)
    with FakeAmplitude(hours) as amplitude:
        output = Sandbox(tmp_path, amplitude).run(catalog=deselect(catalog, "user_id"))
    assert output.bookmarks == ["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]
    assert len(output.records) == 96
    kinds = [message["type"] for message in output.messages]
    assert kinds == ["SCHEMA", *["RECORD"] * 48, "STATE", *["RECORD"] * 48, "STATE"]
    assert set(output.bookmark) == {
        *("replication_key", "replication_key_value"),
        *("covered", "done", "total"),
    }


def test_broken_lines_are_kept_on_the_ordinary_road(run, catalog):
    output = run([*BROKEN, row(MONDAY, 1)], catalog=deselect(catalog, "user_id"))
    assert len(output.records) == 1
    assert output.bookmark["bad_lines"] == len(BROKEN)
