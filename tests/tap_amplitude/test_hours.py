"""An hour is the same however the export was cut: on every road, the same bytes in one order."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import zipfile
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.tap import sorting
from singer_delivery.tap.errors import TooManyBroken
from singer_delivery.tap.sorting import Sorter
from tap_amplitude import hours as hours_module
from tap_amplitude import streams as streams_module
from tap_amplitude.streams import EventsStream

from tests.examples import examples
from tests.fakes.amplitude import FakeAmplitude
from tests.tap_amplitude.ordering import in_order
from tests.tap_amplitude.running import HOUR, MONDAY, TUESDAY, Sandbox, row
from tests.tap_amplitude.taking import batch_config, run_and_take


def name_of(hour, part, suffix=".json.gz"):
    return f"187520_{hour:%Y-%m-%d}_{hour.hour}#{part}{suffix}"


def cut(lines, chance, parts):
    """The lines in so many parts, in any order."""
    shuffled = chance.sample(lines, len(lines))
    places = sorted(chance.choices(range(len(lines) + 1), k=parts - 1))
    return [shuffled[a:b] for a, b in zip([0, *places], [*places, len(lines)], strict=True)]


def write(folder, hour, parts, chance):
    """Part numbers are arbitrary, as Amplitude's are; files may lie anywhere in the archive."""
    for number, part in zip(chance.sample(range(1, 999), len(parts)), parts, strict=True):
        below = folder / chance.choice(["", "a", "b/c"])
        below.mkdir(parents=True, exist_ok=True)
        content = b"\n".join(part)
        packed = gzip.compress(content) if chance.random() < 0.5 else content
        if chance.random() < 0.2:
            with zipfile.ZipFile(below / f"{hour:%H}-{number}.zip", "w") as out:
                out.writestr(name_of(hour, number), packed)
        else:
            (below / name_of(hour, number)).write_bytes(packed)


def rows_of(hour, chance, count):
    """Rows with ties in all but the last column of the order key."""
    return [
        row(
            hour,
            chance.randrange(3),
            event_time=f"{hour:%Y-%m-%d %H}:00:0{chance.randrange(3)}.000000",
            event_id=chance.randrange(3),
            uuid=f"{number:04}",
        )
        for number in chance.sample(range(count), count)
    ]


def lines_in(taken):
    contents = [
        gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        for content in taken.contents
    ]
    return [line for content in contents for line in content.split(b"\n") if line]


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(), st.integers(1, 9))
def test_any_cutting_gives_the_same_bytes_in_the_same_order_on_every_road(seed, parts):
    chance = random.Random(seed)
    hours = {MONDAY + n * HOUR: rows_of(MONDAY + n * HOUR, chance, 40) for n in range(2)}
    expected = [line for hour in hours for line in in_order(hours[hour])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for hour, lines in hours.items():
            write(folder / "in", hour, cut(lines, chance, parts), chance)
        sandbox = Sandbox(folder)
        records = sandbox.run(archive_path=str(folder / "in")).raw_records
        batches = batch_config(folder / "root")
        taken, _ = run_and_take(sandbox, archive_path=str(folder / "in"), batch_config=batches)
    shuffled = {hour: chance.sample(lines, len(lines)) for hour, lines in hours.items()}
    with FakeAmplitude(shuffled) as amplitude, tempfile.TemporaryDirectory() as name:
        asked = Sandbox(Path(name), amplitude).run(end_date="2024-01-01T02").raw_records
    assert [line.encode() for line in records] == expected
    assert [line.encode() for line in asked] == expected
    assert lines_in(taken) == expected


@pytest.fixture
def on_disk(monkeypatch):
    """A tap with room for a few rows only, and small files."""
    monkeypatch.setattr(
        hours_module, "Sorter", lambda keys_of, folder: Sorter(keys_of, folder, 5_000)
    )
    monkeypatch.setattr(sorting, "BLOCK_LINES", 10)
    monkeypatch.setattr(hours_module, "FILE_BYTES", 20_000)


@pytest.mark.usefixtures("on_disk")
def test_an_hour_beyond_memory_is_the_same_and_leaves_nothing(sandbox, tmp_path):
    chance = random.Random(5)
    lines = rows_of(MONDAY, chance, 300)
    write(tmp_path / "in", MONDAY, cut(lines, chance, 8), chance)
    output = sandbox.run(archive_path=str(tmp_path / "in"))
    batches = batch_config(tmp_path / "root")
    taken, _ = run_and_take(sandbox, archive_path=str(tmp_path / "in"), batch_config=batches)
    assert [line.encode() for line in output.raw_records] == in_order(lines) == lines_in(taken)
    assert len(taken.names) > 10
    assert set(taken.compressions) == {"none"}
    assert sandbox.leftovers == []


def test_undated_files_are_put_in_order_together(sandbox, tmp_path):
    (tmp_path / "in").mkdir()
    lines = rows_of(MONDAY, random.Random(6), 30)
    for number, suffix in enumerate([".json", ".jsonl", ".ndjson"]):
        content = b"\n".join(lines[number::3])
        (tmp_path / "in" / f"part-{number}{suffix}").write_bytes(content)
    records = sandbox.run(archive_path=str(tmp_path / "in")).raw_records
    assert [line.encode() for line in records] == in_order(lines)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"])
def test_names_that_other_tools_give_are_read(sandbox, tmp_path, suffix):
    (tmp_path / name_of(MONDAY, 1, suffix)).write_bytes(row(MONDAY, 1))
    assert len(sandbox.run(archive_path=str(tmp_path)).records) == 1


def test_rows_without_a_key_keep_their_place_before_all_others(sandbox, tmp_path):
    lines = [row(MONDAY, 1), b'{"z":1}', b'{"a":2}', b'{"z":1,"event_id":null}']
    (tmp_path / name_of(MONDAY, 1)).write_bytes(b"\n".join(lines))
    records = sandbox.run(archive_path=str(tmp_path)).raw_records
    assert [line.encode() for line in records] == [*lines[1:], lines[0]]


def test_one_ordered_part_of_a_batch_is_the_file_itself(sandbox, tmp_path):
    path = tmp_path / "in" / name_of(MONDAY, 1)
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"\n".join([row(MONDAY, n) for n in range(9)])))
    same = []
    batches = batch_config(tmp_path / "root")
    run_and_take(
        sandbox,
        lambda each: same.append(each.samefile(path)),
        archive_path=str(path.parent),
        batch_config=batches,
    )
    assert same == [True]


def test_a_bucket_is_in_order_too(sandbox, tmp_path):
    chance = random.Random(7)
    lines = rows_of(MONDAY, chance, 30)
    url = f"memory://{tmp_path.name}/hours"
    for number, part in enumerate(cut(lines, chance, 4)):
        fsspec.filesystem("memory").pipe(f"{url}/{name_of(MONDAY, number)}", b"\n".join(part))
    batches = batch_config(tmp_path / "root")
    taken, _ = run_and_take(sandbox, archive_path=url, batch_config=batches)
    assert lines_in(taken) == in_order(lines)


def test_a_row_of_a_limited_run_is_the_first_of_its_hour(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(EventsStream, "ABORT_AT_RECORD_COUNT", 3)
    lines = rows_of(MONDAY, random.Random(8), 30)
    for number in range(3):
        (tmp_path / name_of(MONDAY, number)).write_bytes(b"\n".join(lines[number::3]))
    output, _ = sandbox.try_run(archive_path=str(tmp_path))
    assert [line.encode() for line in output.raw_records] == in_order(lines)[:3]


# State ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True])
def test_state_follows_complete_hours_and_no_part_is_lost(sandbox, tmp_path, monkeypatch, batch):
    monkeypatch.setattr(EventsStream, "STATE_MSG_FREQUENCY", 1)
    monkeypatch.setattr(streams_module, "STATE_EVERY_BYTES", 1)
    folder = tmp_path / "in"
    folder.mkdir()
    hours = {MONDAY + n * HOUR: [row(MONDAY + n * HOUR, m) for m in range(9)] for n in range(3)}
    for hour, lines in hours.items():
        for number in range(3):
            (folder / name_of(hour, number)).write_bytes(b"\n".join(lines[number::3]))
    options = {"archive_path": str(folder)}
    if batch:
        options["batch_config"] = batch_config(tmp_path / "root")
        taken, _ = run_and_take(sandbox, **options)
        output = taken.output
    else:
        output = sandbox.run(**options)
    for number, state in enumerate(output.states[:2], 1):
        files = state["bookmarks"]["events"]["archive"]["files"]
        assert sorted(files) == sorted(
            name_of(hour, part) for hour in [*hours][:number] for part in range(3)
        )
        rest = sandbox.run(archive_path=str(folder), state=state).raw_records
        left = [line for hour in [*hours][number:] for line in hours[hour]]
        assert [line.encode() for line in rest] == left


# Broken lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True])
def test_broken_lines_are_kept_once_with_their_place_on_both_roads(sandbox, tmp_path, batch):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        good = [row(MONDAY, 2 * n + number) for n in range(3)]
        content = b"\n".join([good[0], b"broken %d" % number, *good[1:]])
        (folder / name_of(MONDAY, number, ".json")).write_bytes(content)
    (folder / name_of(TUESDAY, 1, ".json")).write_bytes(row(TUESDAY, 1) + b"\nbroken 2")
    options = {"archive_path": str(folder)}
    if batch:
        taken, _ = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"), **options)
        rows, bookmark = lines_in(taken), taken.output.bookmark
    else:
        output = sandbox.run(**options)
        rows, bookmark = [line.encode() for line in output.raw_records], output.bookmark
    kept = (tmp_path / "spool" / "bad_lines.jsonl").read_text().splitlines()
    entries = [(each["file"], each["line"], each["text"]) for each in map(json.loads, kept)]
    assert entries == [
        (name_of(MONDAY, 0, ".json"), 2, "broken 0"),
        (name_of(MONDAY, 1, ".json"), 2, "broken 1"),
        (name_of(TUESDAY, 1, ".json"), 2, "broken 2"),
    ]
    assert bookmark["bad_lines"] == 3
    assert rows == [row(MONDAY, n) for n in range(6)] + [row(TUESDAY, 1)]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b,c\n1,2,3\n", "none of its 2 lines is a JSON object"),
        (
            b"\n".join([row(MONDAY, 1), *[b"broken"] * 999]),
            " of the 1,000 lines read so far are broken",
        ),
    ],
)
def test_what_cannot_be_read_ends_the_run_with_state_before_it(
    sandbox, tmp_path, batch, content, says
):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name_of(MONDAY, 1)).write_bytes(row(MONDAY, 1))
    (folder / name_of(TUESDAY, 1)).write_bytes(content)
    options = {"archive_path": str(folder)}
    if batch:
        taken, error = run_and_take(
            sandbox, batch_config=batch_config(tmp_path / "root"), **options
        )
        output = taken.output
    else:
        output, error = sandbox.try_run(**options)
    assert isinstance(error, TooManyBroken)
    assert says in str(error)
    assert name_of(TUESDAY, 1) in str(error)
    assert list(output.bookmark["archive"]["days"]) == ["2024-01-01"]


@pytest.mark.parametrize("text", [rb"\u0000", rb"\ud83d", rb"\ude00"])
def test_what_few_programs_read_is_mended_in_files_as_in_records(sandbox, tmp_path, text):
    lines = [row(MONDAY, 1), row(MONDAY, 2, city="CUT").replace(b"CUT", text)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name_of(MONDAY, 1)).write_bytes(gzip.compress(b"\n".join(lines)))
    records = sandbox.run(archive_path=str(tmp_path / "in")).raw_records
    batches = batch_config(tmp_path / "root")
    taken, _ = run_and_take(sandbox, archive_path=str(tmp_path / "in"), batch_config=batches)
    expected = [lines[0], lines[1].replace(text, rb"\ufffd")]
    assert [line.encode() for line in records] == expected == lines_in(taken)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("batch", [False, True])
def test_an_array_is_read_as_its_elements(sandbox, tmp_path, batch, indent):
    rows = [json.loads(row(MONDAY, n)) for n in (2, 1, 3)]
    (tmp_path / "in").mkdir()
    content = json.dumps(rows, indent=indent, sort_keys=True).encode()
    (tmp_path / "in" / name_of(MONDAY, 1)).write_bytes(content)
    options = {"archive_path": str(tmp_path / "in")}
    if batch:
        taken, _ = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"), **options)
        found = [json.loads(line) for line in lines_in(taken)]
    else:
        found = sandbox.run(**options).records
    assert found == [rows[1], rows[0], rows[2]]
