"""Exported files through the whole tap: folders, buckets, kills, files handed over."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path

import fsspec
import pytest
from singer_delivery.tap.errors import StateUnreadable, TooManyBroken
from tap_mixpanel.project import FrameUnknown

from tests.tap_amplitude.taking import batch_config
from tests.tap_mixpanel.running import at, days_of_rows, row

COUNTS = (40, 0, 60, 50, 30)
ROWS = days_of_rows(*COUNTS)
LINES = [each.line(1, in_ms=True) for each in ROWS]


@pytest.fixture
def archive(tmp_path):
    """Files of any cut: each has rows of every day."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(4):
        body = b"\n".join(LINES[number::4])
        (folder / f"part-{number}.json.gz").write_bytes(gzip.compress(body))
    (folder / "people.jsonl").write_text('{"$distinct_id":"ann","$properties":{"n":1.0}}\n')
    return folder


def numbers(output):
    return [(record["day"], record["properties"]["n"]) for record in output.events]


EXPECTED = [(str(each.day), each.properties["n"]) for each in ROWS]


def test_all_rows_leave_in_order_and_a_state_follows_each_day(sandbox, archive):
    output = sandbox.run(archive_path=str(archive))
    assert numbers(output) == EXPECTED
    days = [list(s["bookmarks"]["events"]["archive"]["days"]) for s in output.states]
    assert days[-1] == ["2024-01-01", "2024-01-03", "2024-01-04", "2024-01-05"]
    assert [len(each) for each in days] == sorted(len(each) for each in days)
    assert sandbox.leftovers == []


def test_the_lines_stay_to_the_byte(sandbox, archive):
    records = sandbox.run(archive_path=str(archive)).raw_records
    assert [record[record.index('"event":') :] for record in records] == [
        line.decode()[1:] for line in LINES
    ]


def test_a_run_that_goes_on_reads_what_is_left(sandbox, archive):
    output = sandbox.run(archive_path=str(archive))
    for state in output.states:
        done = state["bookmarks"]["events"]["archive"]["days"]
        rest = sandbox.run(archive_path=str(archive), state=state)
        assert numbers(rest) == [each for each in EXPECTED if each[0] not in done]


def test_a_bucket_is_read_like_a_folder(sandbox):
    files = fsspec.filesystem("memory")
    with files.open("/bucket/deep/a.json", "wb") as file:
        file.write(b"\n".join(LINES))
    try:
        output = sandbox.run(archive_path="memory://bucket", streams=["profiles", "events"])
    finally:
        files.rm("/bucket", recursive=True)
    assert numbers(output) == EXPECTED


def test_a_single_file_is_an_archive(sandbox, archive):
    output = sandbox.run(archive_path=str(archive / "part-1.json.gz"))
    assert len(output.events) == len(LINES[1::4])


def test_profiles_leave_and_groups_have_none(sandbox, archive):
    output = sandbox.run(archive_path=str(archive), streams=["group_profiles", "profiles"])
    (message,) = output.of_type("RECORD")
    assert message["stream"] == "profiles"
    assert '"properties":{"n":1.0}' in output.text


@pytest.mark.parametrize("after", [1, 45, 101, 170])
def test_a_killed_run_is_gone_on_with_and_loses_nothing(sandbox, archive, after):
    process = sandbox.start(archive_path=str(archive))
    lines, records = [], 0
    with process:
        for line in process.stdout:
            lines.append(line)
            records += '"RECORD"' in line[:20]
            if records == after:
                process.send_signal(signal.SIGKILL)
                break
        lines += process.stdout.read().split("\n")
    whole = [message for message in map(as_message, lines) if message]
    states = [message["value"] for message in whole if message["type"] == "STATE"]
    rest = sandbox.run(archive_path=str(archive), state=states[-1] if states else None)
    seen = {m["record"]["uuid"] for m in whole if m["type"] == "RECORD"} | {*rest.uuids}
    assert seen == {*sandbox.run(archive_path=str(archive)).uuids}
    assert not [name for name in sandbox.leftovers if name.startswith("run-")]


def as_message(line):
    try:
        return json.loads(line)
    except json.JSONDecodeError:  # the last line of a killed run
        return None


def test_days_are_handed_over_in_files(sandbox, archive, tmp_path):
    root = tmp_path / "batches"
    root.mkdir()
    process = sandbox.start(archive_path=str(archive), batch_config=batch_config(root))
    found = []
    with process:
        for line in process.stdout:
            message = json.loads(line)
            assert message["type"] != "RECORD"
            for url in message.get("manifest", ()):
                path = Path(url.removeprefix("file://"))
                rows = map(json.loads, path.read_text().split("\n")[:-1])
                found += [(each["day"], each["properties"]["n"]) for each in rows]
                path.unlink()
        process.stderr.read()
    assert process.returncode == 0
    assert found == EXPECTED


def test_an_archive_that_is_not_there_is_one_sentence_and_exit_code_1(sandbox, tmp_path):
    with sandbox.start(archive_path=str(tmp_path / "nowhere"), time_frame="utc") as process:
        said = process.stderr.read()
    assert process.returncode == 1
    assert "nowhere does not exist." in said
    assert "Traceback" not in said


def test_rows_of_another_vendor_are_a_sentence(sandbox, tmp_path):
    (tmp_path / "a.json").write_text('{"event_type":"x","user_id":"ann"}\n' * 3)
    with pytest.raises(TooManyBroken, match=r"Nothing of a\.json"):
        sandbox.run(archive_path=str(tmp_path / "a.json"))


def test_broken_lines_are_kept_with_their_places(sandbox, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    lines = [*LINES]
    lines.insert(7, b'{"event":"no properties"}')
    lines.insert(50, b"{cut")
    lines.insert(90, b'{"event":"Opened","properties":7}')
    (folder / "a.json").write_bytes(b"\n".join(lines))
    output = sandbox.run(archive_path=str(folder))
    assert numbers(output) == EXPECTED
    kept = map(json.loads, (sandbox.spool / "bad_lines.jsonl").read_text().splitlines())
    assert [(each["file"], each["line"]) for each in kept] == [
        ("a.json", number) for number in (8, 51, 91)
    ]
    assert output.states[-1]["bookmarks"]["events"]["bad_lines"] == 3


def test_rows_without_an_insert_id_keep_their_ids_in_any_cut(sandbox, tmp_path):
    same = row(at(1), 1, **{"$insert_id": None}).line(1, in_ms=True)
    uuids = []
    for cut in ([same] * 3, [same, *LINES[:9], same, *LINES[9:20], same]):
        (tmp_path / "a.json").write_bytes(b"\n".join(cut))
        output = sandbox.run(archive_path=str(tmp_path / "a.json"))
        own = [r["uuid"] for r in output.events if "$insert_id" not in r["properties"]]
        uuids.append(own)
    assert uuids[0] == uuids[1]
    assert len(set(uuids[0])) == 3


@pytest.mark.parametrize("archive_state", [7, {"days": 7}, {"days": {"2024-01-01": 1}}])
def test_a_state_of_something_else_is_a_sentence_or_read_anew(sandbox, archive, archive_state):
    state = {"bookmarks": {"events": {"archive": archive_state}}}
    output, error = sandbox.try_run(archive_path=str(archive), state=state)
    if error is None:
        assert numbers(output) == EXPECTED
    else:
        assert isinstance(error, StateUnreadable)
        assert not output.events


@pytest.mark.parametrize("moment", [253_402_300_800_000, 5 * 10**14, 10**15, -(10**14)])
def test_a_time_that_no_calendar_has_ends_no_run(sandbox, archive, moment):
    told = {"time": moment, "distinct_id": "x", "$insert_id": "far"}
    (archive / "far.json").write_text(json.dumps({"event": "Far", "properties": told}))
    output = sandbox.run(archive_path=str(archive))
    assert len(output.events) == len(ROWS) + 1
    assert sandbox.run(archive_path=str(archive), state=output.states[-1]).events == []


@pytest.mark.parametrize("days", [400, -(2024 * 365)])
def test_one_clock_that_is_far_off_hides_no_frame(sandbox, archive, days):
    received = {"$mp_api_timestamp_ms": at(5)}
    told = {"time": at(5) + days * 86_400_000, "distinct_id": "x", **received}
    (archive / "off.json").write_text(json.dumps({"event": "Off", "properties": told}))
    output = sandbox.run(archive_path=str(archive), time_frame="auto")
    assert output.states[-1]["bookmarks"]["events"]["time_frame"] == "utc"


def test_rows_of_wrong_clocks_alone_are_a_question_and_no_crash(sandbox, tmp_path):
    told = {"time": -(10**14), "distinct_id": "x", "$mp_api_timestamp_ms": at(5)}
    (tmp_path / "off.json").write_text(json.dumps({"event": "Off", "properties": told}))
    with pytest.raises(FrameUnknown, match="time_frame"):
        sandbox.run(archive_path=str(tmp_path / "off.json"), time_frame="auto")
