"""The road through exported files: folders, zips, buckets; and how far a state remembers."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import timedelta

import fsspec
import pytest
from singer_delivery.tap.errors import ArchiveUnreadable, StateUnreadable
from tap_amplitude import archive as archive_module
from tap_amplitude.archive import UNDATED, Archive, hour_and_part, left_aside
from tap_amplitude.days import Progress, by_day
from tap_amplitude.streams import EventsStream

from tests.fakes.http.exactly_once import assert_exactly_once
from tests.tap_amplitude.running import HOUR, MONDAY, TUESDAY, row

PROJECT = "187520"


def name_of(hour, part=1, suffix=".json.gz"):
    return f"{PROJECT}/{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#{part}{suffix}"


def rows_of(hour, *, part=1, count=3):
    return [row(hour, 100 * part + number) for number in range(count)]


def packed(lines):
    return gzip.compress(b"\n".join(lines))


def put(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def uuids_of(*lines):
    return [json.loads(line)["uuid"] for group in lines for line in group]


@pytest.fixture
def tree(tmp_path):
    """Three hours of Monday and one of Tuesday, as the S3 destination writes them."""
    root = tmp_path / "export"
    for hour in (MONDAY, MONDAY + 2 * HOUR, MONDAY + 10 * HOUR, TUESDAY):
        put(root, name_of(hour), packed(rows_of(hour)))
    put(root, f"{PROJECT}/complete", b"")
    put(root, f"-4711/-4711_{MONDAY:%Y-%m-%d}_3.json.gz", packed([b'{"amplitude_id":1}']))
    return root


EVERYTHING = uuids_of(*map(rows_of, (MONDAY, MONDAY + 2 * HOUR, MONDAY + 10 * HOUR, TUESDAY)))


def test_a_tree_is_read_in_order_of_its_hours(sandbox, tree):
    assert sandbox.run(archive_path=str(tree)).uuids == EVERYTHING


def test_markers_and_merges_are_left_aside_with_a_note(sandbox, tree, caplog):
    caplog.set_level("INFO")
    sandbox.run(archive_path=str(tree))
    assert f"{tree}: 1 files left aside (completion markers)." in caplog.messages
    assert f"{tree}: 1 files left aside (merges of users, not events)." in caplog.messages


def test_plain_json_is_read_whatever_its_name(sandbox, tmp_path):
    put(tmp_path, "in/" + name_of(MONDAY, suffix=".json"), b"\n".join(rows_of(MONDAY)))
    unpacked = b"\n".join(rows_of(TUESDAY)) + b"\n"
    put(tmp_path, "in/" + name_of(TUESDAY, suffix=".json.gz"), unpacked)
    output = sandbox.run(archive_path=str(tmp_path / "in"))
    assert output.uuids == uuids_of(rows_of(MONDAY), rows_of(TUESDAY))


def test_a_single_file_is_an_archive(sandbox, tmp_path):
    path = put(tmp_path, "events.json.gz", packed(rows_of(MONDAY)))
    assert sandbox.run(archive_path=str(path)).uuids == uuids_of(rows_of(MONDAY))


def zip_of(path, *hours):
    with zipfile.ZipFile(path, "w") as out:
        for hour in hours:
            out.writestr(name_of(hour), packed(rows_of(hour)))
    return path


def test_a_zip_is_an_archive(sandbox, tmp_path):
    path = zip_of(tmp_path / "export.zip", TUESDAY, MONDAY)
    assert sandbox.run(archive_path=str(path)).uuids == uuids_of(rows_of(MONDAY), rows_of(TUESDAY))


def test_a_folder_of_zips_is_an_archive(sandbox, tmp_path):
    (tmp_path / "in").mkdir()
    zip_of(tmp_path / "in" / "b.zip", MONDAY, TUESDAY + HOUR)
    zip_of(tmp_path / "in" / "a.zip", TUESDAY)
    output = sandbox.run(archive_path=str(tmp_path / "in"))
    assert output.uuids == uuids_of(*map(rows_of, (MONDAY, TUESDAY, TUESDAY + HOUR)))


def test_names_in_a_zip_are_never_used_as_paths(sandbox, tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("../../evil_2024-01-01_0#1.json.gz", packed(rows_of(MONDAY)))
    before = set(tmp_path.rglob("*"))
    assert len(sandbox.run(archive_path=str(path)).uuids) == 3
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_a_bucket_is_reached_by_its_url(sandbox, tmp_path, scheme):
    base = f"memory://{tmp_path.name}" if scheme == "memory" else f"file://{tmp_path}/in"
    files = fsspec.filesystem(scheme)
    for hour in (TUESDAY, MONDAY):
        files.makedirs(f"{base}/prefix/{PROJECT}", exist_ok=True)
        files.pipe(f"{base}/prefix/{name_of(hour)}", packed(rows_of(hour)))
    output = sandbox.run(archive_path=f"{base}/prefix/")
    assert output.uuids == uuids_of(rows_of(MONDAY), rows_of(TUESDAY))
    assert set(output.bookmark["archive"]["files"]) == {name_of(TUESDAY)}


def test_a_zip_in_a_bucket_is_read_where_it_lies(sandbox, tmp_path):
    local = zip_of(tmp_path / "export.zip", MONDAY)
    url = f"memory://{tmp_path.name}/export.zip"
    fsspec.filesystem("memory").pipe(url, local.read_bytes())
    assert sandbox.run(archive_path=url).uuids == uuids_of(rows_of(MONDAY))


def test_dates_filter_files_by_the_hour_in_their_name(sandbox, tree):
    output = sandbox.run(
        archive_path=str(tree), start_date="2024-01-01T02:00:00Z", end_date="2024-01-02"
    )
    assert output.uuids == uuids_of(rows_of(MONDAY + 2 * HOUR), rows_of(MONDAY + 10 * HOUR))


def test_a_file_without_an_hour_in_its_name_is_read_last_and_never_filtered(sandbox, tree):
    put(tree, "rest.json.gz", packed(rows_of(TUESDAY + 5 * HOUR)))
    output = sandbox.run(archive_path=str(tree), start_date="2024-01-02")
    assert output.uuids == uuids_of(rows_of(TUESDAY), rows_of(TUESDAY + 5 * HOUR))


# State ------------------------------------------------------------------------------------------


def test_a_state_follows_each_day(sandbox, tree):
    output = sandbox.run(archive_path=str(tree))
    kinds = [message["type"] for message in output.messages]
    assert kinds == ["SCHEMA", *["RECORD"] * 9, "STATE", *["RECORD"] * 3, "STATE"]
    assert set(output.bookmark["archive"]["days"]) == {"2024-01-01", "2024-01-02"}


def test_a_second_run_reads_nothing(sandbox, tree):
    state = sandbox.run(archive_path=str(tree)).states[-1]
    output = sandbox.run(archive_path=str(tree), state=state)
    assert output.records == []
    assert output.states[-1] == state


def test_of_the_last_day_only_new_files_are_read(sandbox, tree):
    state = sandbox.run(archive_path=str(tree)).states[-1]
    put(tree, name_of(TUESDAY + HOUR), packed(rows_of(TUESDAY + HOUR)))
    output = sandbox.run(archive_path=str(tree), state=state)
    assert output.uuids == uuids_of(rows_of(TUESDAY + HOUR))


def test_an_earlier_day_that_changed_is_read_again(sandbox, tree):
    state = sandbox.run(archive_path=str(tree)).states[-1]
    put(tree, name_of(MONDAY, part=2), packed(rows_of(MONDAY, part=2)))
    output = sandbox.run(archive_path=str(tree), state=state)
    monday = [rows_of(MONDAY + hour * HOUR) for hour in (0, 2, 10)]
    assert_exactly_once(output.uuids, uuids_of(rows_of(MONDAY, part=2), *monday))
    assert sandbox.run(archive_path=str(tree), state=output.states[-1]).records == []


def test_a_file_that_grew_is_read_again(sandbox, tree):
    state = sandbox.run(archive_path=str(tree)).states[-1]
    put(tree, name_of(TUESDAY), packed(rows_of(TUESDAY, count=5)))
    output = sandbox.run(archive_path=str(tree), state=state)
    assert output.uuids == uuids_of(rows_of(TUESDAY, count=5))


def test_states_come_within_a_day_once_enough_rows_have_passed(sandbox, tree, monkeypatch):
    monkeypatch.setattr(EventsStream, "STATE_MSG_FREQUENCY", 5)
    output = sandbox.run(archive_path=str(tree))
    kinds = "".join(message["type"][:2] for message in output.messages)
    assert kinds == "SC" + "RE" * 6 + "ST" + "RE" * 3 + "ST" + "RE" * 3 + "ST"


def test_a_run_stopped_by_a_damaged_file_goes_on_behind_the_last_state(sandbox, tree, monkeypatch):
    monkeypatch.setattr(EventsStream, "STATE_MSG_FREQUENCY", 5)
    damaged = tree / name_of(MONDAY + 10 * HOUR)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9])
    output, error = sandbox.try_run(archive_path=str(tree))
    assert isinstance(error, ArchiveUnreadable)
    assert name_of(MONDAY + 10 * HOUR) in str(error)
    damaged.write_bytes(whole)
    rest = sandbox.run(archive_path=str(tree), state=output.states[-1])
    assert rest.uuids == uuids_of(rows_of(MONDAY + 10 * HOUR), rows_of(TUESDAY))


def test_the_state_of_five_years_stays_small():
    progress = Progress()
    files = [
        archive_module.ExportFile(MONDAY + n * HOUR, 1, name_of(MONDAY + n * HOUR), 1, "", None)
        for n in range(5 * 365 * 24)
    ]
    for day in by_day(files):
        for file in day.files:
            progress.read(day, file)
        progress.read_through(day)
    assert len(json.dumps(progress.as_bookmark())) < 60_000


def test_the_bookmark_of_the_api_is_kept_beside_the_archives(sandbox, tree):
    state = {"bookmarks": {"events": {"replication_key_value": "2024-03-01T00:00:00Z"}}}
    output = sandbox.run(archive_path=str(tree), state=state)
    assert output.bookmark["replication_key_value"] == "2024-03-01T00:00:00Z"
    assert output.uuids == EVERYTHING


# What is wrong with it --------------------------------------------------------------------------


def test_an_archive_that_is_not_there_is_named(sandbox, tmp_path):
    with pytest.raises(ArchiveUnreadable, match=r"nowhere does not exist"):
        sandbox.run(archive_path=str(tmp_path / "nowhere"))


def test_an_archive_without_files_is_no_silent_success(sandbox, tmp_path):
    put(tmp_path, "in/notes.txt", b"")
    with pytest.raises(ArchiveUnreadable, match="holds no exported files"):
        sandbox.run(archive_path=str(tmp_path / "in"))


def test_an_unknown_kind_of_url_is_named(sandbox):
    with pytest.raises(ArchiveUnreadable, match="nonsense"):
        sandbox.run(archive_path="nonsense://bucket/prefix")


def test_a_zip_that_is_none_is_named(sandbox, tmp_path):
    path = put(tmp_path, "export.zip", b"no zip")
    with pytest.raises(ArchiveUnreadable, match=r"export\.zip is no whole zip file"):
        sandbox.run(archive_path=str(path))


@pytest.mark.parametrize("spoil", [lambda data: data[:-12], lambda data: data[:40] + b"\x00" * 60])
def test_a_damaged_file_is_named_and_its_day_is_not_done(sandbox, tmp_path, spoil):
    content = packed(rows_of(MONDAY, count=50))
    put(tmp_path, "in/" + name_of(MONDAY), spoil(content))
    output, error = sandbox.try_run(archive_path=str(tmp_path / "in"))
    assert isinstance(error, ArchiveUnreadable)
    assert "is damaged" in str(error)
    assert "archive" not in json.dumps(output.states)


# Names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hour", "part"),
    [
        ("187520_2020-01-25_17#1.json.gz", 17, 1),
        ("p/187520/187520_2020-01-25_9#627.json.gz", 9, 627),
        ("187520_2020-01-25_0.json", 0, 0),
        ("b.zip/187520/187520_2020-01-25_23#12.json.gz", 23, 12),
    ],
)
def test_hour_and_part_are_read_from_the_name(name, hour, part):
    january = MONDAY.replace(year=2020, day=25)
    assert hour_and_part(name) == (january + timedelta(hours=hour), part)


@pytest.mark.parametrize("name", ["events.json.gz", "187520_2020-13-45_1#1.json.gz", "2020/1.json"])
def test_other_names_tell_no_hour(name):
    assert hour_and_part(name) == (UNDATED, 0)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("187520/187520_2020-01-25_17#1.json.gz", True),
        ("EXPORT.JSON", True),
        ("-99/-99_2020-01-25_17.json.gz", False),
        ("99/-99_2020-01-25_17.json.gz", False),
        ("187520/complete", False),
        ("187520/.hidden.json", False),
        ("__MACOSX/187520/187520_2020-01-25_17#1.json.gz", False),
        ("readme.md", False),
    ],
)
def test_files_with_events_are_told_by_their_names(name, is_read):
    assert (left_aside(name) is None) is is_read


def test_files_order_by_number_and_not_by_letter(tmp_path):
    for hour, part in ((10, 1), (9, 70), (9, 627)):
        put(tmp_path, name_of(MONDAY + hour * HOUR, part), b"{}")
    found = [(file.hour.hour, file.part) for file in Archive(str(tmp_path)).files()]
    assert found == [(9, 70), (9, 627), (10, 1)]


@pytest.mark.parametrize("odd", [7, [], {"days": 7}, {"files": [1]}, {"day": 7, "days": "x"}])
def test_a_state_of_something_else_is_a_sentence_or_read_anew(sandbox, tree, odd):
    state = {"bookmarks": {"events": {"archive": odd, "bad_lines": None}}}
    output, error = sandbox.try_run(archive_path=str(tree), state=state)
    if error is None:
        assert output.uuids == EVERYTHING
    else:
        assert isinstance(error, StateUnreadable)
        assert output.records == []


@pytest.mark.parametrize(("before", "after"), [(None, 1), ("2", 1), (2, 3)])
def test_broken_lines_count_on_whatever_the_state_says(sandbox, tree, before, after):
    put(tree, name_of(TUESDAY + HOUR), packed([b"{cut", *rows_of(TUESDAY + HOUR)]))
    state = {"bookmarks": {"events": {"bad_lines": before}}}
    output = sandbox.run(archive_path=str(tree), state=state)
    assert output.bookmark["bad_lines"] == after
