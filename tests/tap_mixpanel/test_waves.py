"""The days of an archive, in whatever way its files are cut."""

import gzip
import json
import logging
import random
import zipfile
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.errors import ArchiveUnreadable
from tap_mixpanel.archive import ExportedFiles
from tap_mixpanel.copies import Copies
from tap_mixpanel.project import FrameUnknown
from tap_mixpanel.records import Records
from tap_mixpanel.sessions import Sessions
from tap_mixpanel.settings import Settings
from tap_mixpanel.waves import Waves, opened_archive

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAYS = 6
SHIFT = timedelta(hours=-8)


def export(shift=timedelta(0), unit=1, **more):
    """Return rows of some days in a random order, as an export has them."""
    chance = random.Random(3)
    lines = []
    for number in range(300):
        moment = START + timedelta(minutes=chance.randrange(DAYS * 24 * 60))
        properties = {
            "time": round((moment + shift).timestamp() * 1000) // unit,
            "distinct_id": f"$device:d{number % 7}",
            "$device_id": f"d{number % 7}",
            "$insert_id": f"insert-{number:04}",
            "$mp_api_timestamp_ms": round(moment.timestamp() * 1000) + 3_000,
            "mp_processing_time_ms": round(moment.timestamp() * 1000) + 9_000,
            **more,
        }
        lines.append(json.dumps({"event": "Play", "properties": properties}).encode())
    chance.shuffle(lines)
    return lines


LINES = export()


def one_file(folder, lines):
    (folder / "all.jsonl").write_bytes(b"\n".join(lines))


def many_gzipped(folder, lines):
    for number in range(10):
        name = folder / "deep" / f"part{number}.json.gz"
        name.parent.mkdir(exist_ok=True)
        name.write_bytes(gzip.compress(b"\n".join(lines[number::10]) + b"\n"))


def by_day(folder, lines):
    for line in lines:
        day = json.loads(line)["properties"]["time"] // 86_400_000
        with (folder / f"{day}.txt").open("ab") as file:
            file.write(line + b"\r\n")


def odd(folder, lines):
    (folder / "bom.ndjson").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines[:50]))
    (folder / "joined.json").write_bytes(b"".join(lines[50:100]))
    (folder / "array.json").write_bytes(b"[" + b",\n".join(lines[100:150]) + b"]")
    (folder / "twice.gz").write_bytes(gzip.compress(gzip.compress(b"\n".join(lines[150:200]))))
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.writestr("in/it.json", b"\n".join(lines[200:]))
    (folder / "README.md").write_text("not an export")
    (folder / ".hidden.json").write_text("hidden")


def twice(folder, lines):
    one_file(folder, lines)
    many_gzipped(folder, lines)


def read(folder, bookmark=None, most=1_000_000, bad_lines=None, **settings):
    """Return records by day, and the bookmark after each of them."""
    made = Settings.of_config({"archive_path": str(folder), **settings})
    exported = ExportedFiles(str(folder))
    bookmark = bookmark or {}
    project = opened_archive(made, bookmark, exported.scan)
    spool = folder.parent / "spool"
    records = Records(Copies(spool), Sessions(30, project.frame.midnight_after))
    found, bookmarks = {}, []
    with closing(BadLines(spool, logging.getLogger("test"))) as kept:
        for portion in Waves(exported, project, made, kept, most=most).from_archive(bookmark):
            with closing(portion.dealt):
                for day in portion.dealt.days():
                    blocks = records.of(day, portion.dealt.identity_merge)
                    found[day.day] = [json.loads(row) for rows in blocks for row in rows]
                    bookmarks.append(portion.finish_day(day))
            bookmarks.append(portion.finish())
    if bad_lines is not None:
        bad_lines.append(kept.count)
    return found, bookmarks


def expected(lines, shift=timedelta(0)):
    """Work out, from what the export says, which rows each day has and in which order."""
    days = {}
    for line in lines:
        row = json.loads(line)
        time = row["properties"]["time"]
        moment = datetime.fromtimestamp(time / 1000, timezone.utc)
        days.setdefault(f"{moment:%Y-%m-%d}", []).append((time, row))
    return {
        day: [row for _, row in sorted(rows, key=lambda r: r[0])]
        for day, rows in sorted(days.items())
    }


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "archive"
    made.mkdir()
    return made


def ids(found):
    return {day: [row["properties"]["$insert_id"] for row in rows] for day, rows in found.items()}


@pytest.mark.parametrize("cut", [one_file, many_gzipped, by_day, odd, twice])
@pytest.mark.parametrize("most", [1_000_000, 1, 30_000])
def test_an_archive_in_any_cut_gives_the_same_days(folder, cut, most):
    cut(folder, LINES)
    found, bookmarks = read(folder, most=most)
    truth = expected(LINES)
    assert list(found) == list(truth)
    for rows in found.values():
        times = [row["properties"]["time"] for row in rows]
        assert times == sorted(times)
        assert sorted(row["uuid"] for row in rows) == sorted({row["uuid"] for row in rows})
    assert {day: sorted(rows) for day, rows in ids(found).items()} == {
        day: sorted(rows) for day, rows in ids(truth).items()
    }
    assert list(bookmarks[-1]["archive"]["days"]) == list(truth)


def test_every_cut_gives_the_same_records_in_the_same_order(tmp_path):
    results = []
    for cut in (one_file, many_gzipped, by_day, odd, twice):
        folder = tmp_path / cut.__name__ / "archive"
        folder.mkdir(parents=True)
        cut(folder, LINES)
        results.append(read(folder)[0])
    assert all(result == results[0] for result in results)


def test_seconds_and_milliseconds_give_the_same_ids(tmp_path):
    found = []
    for unit in (1, 1000):
        folder = tmp_path / str(unit) / "archive"
        folder.mkdir(parents=True)
        one_file(folder, export(unit=unit))
        found.append({row["uuid"] for rows in read(folder)[0].values() for row in rows})
    assert found[0] == found[1]
    assert len(found[0]) == len(LINES)


def test_a_day_that_is_done_is_left_out_and_one_that_changed_is_read_again(folder):
    by_day(folder, LINES)
    first, bookmarks = read(folder)
    assert read(folder, bookmarks[-1])[0] == {}
    assert list(read(folder, bookmarks[2])[0]) == list(first)[3:]
    late = json.loads(LINES[0])
    late["properties"]["$insert_id"] = "late"
    (folder / "late.json").write_bytes(json.dumps(late).encode())
    (day,) = expected([LINES[0]])
    found, _ = read(folder, bookmarks[-1])
    assert list(found) == [day]
    assert len(found[day]) == len(first[day]) + 1


def test_start_and_end_are_days_of_the_project(folder):
    one_file(folder, LINES)
    found, _ = read(folder, start_date="2026-03-02", end_date="2026-03-04")
    assert list(found) == ["2026-03-02", "2026-03-03"]


def test_the_frame_of_an_archive_is_found_by_its_rows(folder):
    one_file(folder, export(SHIFT))
    with pytest.raises(FrameUnknown, match="8 h behind UTC"):
        read(folder)
    found, _ = read(folder, project_timezone="US/Pacific")
    for rows in found.values():
        for row in rows:
            moment = datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
            receipt = row["properties"]["$mp_api_timestamp_ms"] / 1000
            assert receipt - moment.timestamp() == 3


def test_an_archive_of_imported_rows_asks_for_its_frame(folder):
    one_file(folder, export(**{"$import": True}))
    with pytest.raises(FrameUnknown, match="time_frame"):
        read(folder)
    assert len(read(folder, time_frame="utc")[0]) == DAYS


def test_rows_without_a_time_come_last_and_have_none(folder):
    one_file(folder, [*LINES, b'{"event":"Odd","properties":{"distinct_id":"x"}}'])
    found, bookmarks = read(folder)
    assert list(found)[-1] is None
    (row,) = found[None]
    assert (row["time"], row["day"], row["event"]) == (None, None, "Odd")
    assert "undated" in bookmarks[-1]["archive"]["days"]
    assert read(folder, bookmarks[-1])[0] == {}


@pytest.mark.parametrize("most", [1_000_000, 1])
def test_broken_lines_are_kept_once_with_their_file(folder, most):
    one_file(
        folder, [*LINES[:10], b'{"cut', b'{"a":1}', b'{"event":"x","properties":7}', *LINES[10:]]
    )
    count = []
    assert sum(map(len, read(folder, most=most, bad_lines=count)[0].values())) == len(LINES)
    assert count == [3]
    text = (folder.parent / "spool" / "bad_lines.jsonl").read_text()
    kept = [json.loads(line) for line in text.splitlines()]
    assert [(line["file"], line["line"]) for line in kept][:2] == [
        ("all.jsonl", 11),
        ("all.jsonl", 12),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "x".encode("utf-16"), "UTF-16"),
        ("a.json.gz", gzip.compress(b"x" * 9_999)[:-9], "damaged"),
        ("a.csv", b"x", "no exported files"),
    ],
)
def test_a_file_that_is_something_else_is_a_sentence(folder, name, content, says):
    (folder / name).write_bytes(content)
    with pytest.raises(ArchiveUnreadable, match=says):
        read(folder)


def test_profiles_leave_with_the_time_of_their_file(folder, tmp_path):
    one_file(folder, [*LINES, b'{"$distinct_id":17,"$properties":{"n":1.0}}'])
    (folder / "people.gz").write_bytes(
        gzip.compress(b'{"$distinct_id":"a","$properties":{}}\n{"$distinct_id":null}\n')
    )
    exported = ExportedFiles(str(folder))
    with closing(BadLines(tmp_path / "spool", logging.getLogger("test"))) as bad_lines:
        rows = [row for rows in exported.profiles(0, bad_lines) for row in rows]
    assert bad_lines.count == 1
    by_id = {json.loads(row)["distinct_id"]: row for row in rows}
    assert sorted(by_id) == ["17", "a"]
    assert by_id["17"].endswith(b'"properties":{"n":1.0}}')
    age = datetime.now(timezone.utc) - datetime.fromisoformat(
        json.loads(by_id["a"])["read_at"].replace("Z", "+00:00")
    )
    assert timedelta(0) <= age < timedelta(minutes=5)
    assert read(folder)[0].keys() == expected(LINES).keys()


def test_a_mixed_archive_of_data_pipelines_is_read_too(folder):
    flat = []
    for line in LINES:
        row = json.loads(line)
        properties = row["properties"]
        flat.append(
            {
                "event_name": row["event"],
                "distinct_id": properties.pop("distinct_id"),
                "device_id": properties.pop("$device_id"),
                "insert_id": properties.pop("$insert_id"),
                "time": properties.pop("time"),
                "properties": properties,
            }
        )
    one_file(folder, [json.dumps(row).encode() for row in flat])
    found, _ = read(folder)
    assert {day: sorted(rows) for day, rows in ids(found).items()} == {
        day: sorted(rows) for day, rows in ids(expected(LINES)).items()
    }
