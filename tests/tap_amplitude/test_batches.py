"""Whole files, handed over in BATCH messages; and when records are written all the same."""

from __future__ import annotations

import gzip
import json
import logging
import signal
import socket
import stat
import subprocess
import sys
import zipfile

import fsspec
import pytest
from singer_delivery.tap.errors import AccessRefused, ArchiveUnreadable
from tap_amplitude import streams as streams_module
from tap_amplitude.archive import Archive

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.server import Reply
from tests.tap_amplitude import taking
from tests.tap_amplitude.running import (
    EXECUTABLE,
    HOUR,
    MONDAY,
    TUESDAY,
    Recorded,
    Sandbox,
    hours_of_rows,
    row,
)
from tests.tap_amplitude.taking import Taken, batch_config, paths_of, run_and_take

SECONDS = 30
MOST_FILES = 64  # restated on purpose
HOURS = [MONDAY + n * HOUR for n in (0, 2, 10)] + [TUESDAY]


def name_of(hour, suffix=".json.gz", part=1):
    return f"187520_{hour:%Y-%m-%d}_{hour.hour}#{part}{suffix}"


def plain(hour):
    return b"\n".join(row(hour, number) for number in range(3))


CONTENTS = [gzip.compress(plain(hour), mtime=0) for hour in HOURS]
BROKEN = b"\x1f\x8b no gzip"


def put(folder, hour, content, **name):
    folder.mkdir(exist_ok=True)
    path = folder / name_of(hour, **name)
    path.write_bytes(content)
    return path


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def sandbox(tmp_path, root):
    sandbox = Sandbox(tmp_path)
    sandbox.config["batch_config"] = batch_config(root)
    return sandbox


@pytest.fixture
def tree(tmp_path):
    """Three hours of Monday and one of Tuesday."""
    for hour, content in zip(HOURS, CONTENTS, strict=True):
        put(tmp_path / "export", hour, content)
    return tmp_path / "export"


@pytest.fixture
def many(tmp_path):
    """Days of more files than may wait."""
    for number in range(MOST_FILES + 4):
        put(tmp_path / "export", MONDAY + number * HOUR, CONTENTS[0])
    return tmp_path / "export"


def left_in(root):
    return sorted(path.name for path in root.rglob("*") if path.name != ".tap-amplitude")


def take_to_the_end(process):
    """Take all files of a run that ends well; return them and the log."""
    taken = Taken()
    with process:
        taken.take(process.stdout)
        log = process.stderr.read()
    assert process.returncode == 0, log
    return taken, log


# What is handed over ------------------------------------------------------------------------------


def test_files_arrive_byte_for_byte_and_in_order_of_their_hours(sandbox, tree, root):
    taken, log = take_to_the_end(sandbox.start(archive_path=str(tree)))

    assert taken.contents == CONTENTS
    assert [name[:6] for name in taken.names] == ["000001", "000002", "000003", "000004"]
    assert taken.names[0] == "000001-187520_2024-01-01_0-1.json.gz"
    assert left_in(root) == ["lock"]
    assert "2024-01-01: 3 files, 0.0 MB, 0 broken lines." in log
    assert "ERROR" not in log


def test_a_message_is_as_the_sdk_spells_it(sandbox, tree):
    seen = []
    taken, _ = run_and_take(sandbox, seen.append, archive_path=str(tree))

    first = taken.output.of_type("BATCH")[0]

    assert first == {
        "type": "BATCH",
        "stream": "events",
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "manifest": [f"file://{seen[0].parent}/000001-187520_2024-01-01_0-1.json.gz"],
    }


def test_state_follows_the_files_of_a_day_and_says_what_it_says_of_records(sandbox, tree):
    taken, _ = run_and_take(sandbox, archive_path=str(tree))
    kinds = [message["type"] for message in taken.output.messages]

    records = sandbox.run(archive_path=str(tree), batch_config=None)

    assert kinds == ["SCHEMA", *["BATCH"] * 3, "STATE", "BATCH", "STATE"]
    assert taken.output.states == records.states


def test_a_run_from_the_last_state_hands_nothing_over(sandbox, tree):
    first, _ = run_and_take(sandbox, archive_path=str(tree))

    second, _ = run_and_take(sandbox, archive_path=str(tree), state=first.output.states[-1])

    assert second.names == []
    assert second.output.states[-1] == first.output.states[-1]


def test_state_follows_within_a_day_when_enough_was_handed_over(sandbox, tree, monkeypatch):
    monkeypatch.setattr(streams_module, "STATE_EVERY_BYTES", len(CONTENTS[0]) + 1)

    taken, _ = run_and_take(sandbox, archive_path=str(tree))

    kinds = [message["type"] for message in taken.output.messages]
    assert kinds == ["SCHEMA", "BATCH", "BATCH", "STATE", "BATCH", "STATE", "BATCH", "STATE"]
    assert list(taken.output.states[0]["bookmarks"]["events"]["archive"]["files"]) == [
        name_of(hour) for hour in HOURS[:2]
    ]


def test_the_archive_itself_stays_as_it_was(sandbox, tree):
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in tree.iterdir()}
    same = []

    run_and_take(
        sandbox,
        lambda path: same.append([path.samefile(each) for each in sorted(before)].count(True)),
        archive_path=str(tree),
    )

    assert same == [1, 1, 1, 1]
    assert {path: (path.read_bytes(), path.stat().st_mode) for path in tree.iterdir()} == before


def test_files_on_their_way_are_not_taken_for_the_archives_own(sandbox, many):
    sandbox.config["batch_config"] = batch_config(many)
    seen = []

    taken, _ = run_and_take(
        sandbox,
        lambda path: seen.append((path.exists(), len(Archive(str(many)).files()))),
        archive_path=str(many),
    )

    assert set(seen) == {(True, MOST_FILES + 4)}
    assert len(taken.names) == MOST_FILES + 4


def test_the_content_tells_how_a_file_is_packed_and_not_its_name(sandbox, tmp_path):
    put(tmp_path / "in", MONDAY, plain(MONDAY), suffix=".json.gz")
    put(tmp_path / "in", TUESDAY, CONTENTS[3], suffix=".json")
    put(tmp_path / "in", TUESDAY + HOUR, b"")

    taken, _ = run_and_take(sandbox, archive_path=str(tmp_path / "in"))

    assert taken.compressions == ["none", "gzip", "none"]
    assert taken.contents == [plain(MONDAY), CONTENTS[3], b""]


def test_a_damaged_file_is_named_and_what_came_before_is_taken(sandbox, tmp_path):
    put(tmp_path / "in", MONDAY, CONTENTS[0])
    put(tmp_path / "in", TUESDAY, BROKEN)

    taken, error = run_and_take(sandbox, archive_path=str(tmp_path / "in"))

    assert isinstance(error, ArchiveUnreadable)
    assert f"{name_of(TUESDAY)} in " in str(error)
    assert taken.contents == [CONTENTS[0]]
    assert list(taken.output.bookmark["archive"]["days"]) == ["2024-01-01"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_a_zip_are_taken_out_and_stay_gzipped(sandbox, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "export.zip", "w", method) as out:
        for hour, content in zip(HOURS, CONTENTS, strict=True):
            out.writestr("../" + name_of(hour), content)
    modes = []

    taken, _ = run_and_take(
        sandbox,
        lambda path: modes.append(stat.S_IMODE(path.stat().st_mode)),
        archive_path=str(tmp_path / "export.zip"),
    )

    assert taken.contents == CONTENTS
    assert taken.compressions == ["gzip"] * 4
    assert modes == [0o600] * 4


def test_a_damaged_member_ends_the_run_when_the_files_before_it_are_taken(sandbox, tmp_path, root):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as out:
        for hour, content in zip(HOURS, CONTENTS, strict=True):
            out.writestr(name_of(hour), content)
    path = tmp_path / "export.zip"
    path.write_bytes(path.read_bytes().replace(CONTENTS[2], b"\x00" * len(CONTENTS[2])))

    taken, error = run_and_take(sandbox, archive_path=str(path))

    assert isinstance(error, ArchiveUnreadable)
    assert f"{name_of(HOURS[2])} in " in str(error)
    assert "is damaged" in str(error)
    assert taken.contents == CONTENTS[:2]
    assert left_in(root) == ["lock"]


def test_a_bucket_is_copied_from(sandbox, tmp_path):
    url = f"memory://{tmp_path.name}/prefix"
    fsspec.filesystem("memory").pipe(f"{url}/{name_of(MONDAY)}", CONTENTS[0])

    taken, _ = run_and_take(sandbox, archive_path=url)

    assert taken.contents == CONTENTS[:1]


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, *[3] * 48)) as server:
        yield server


@pytest.fixture
def asking(tmp_path, amplitude, root):
    sandbox = Sandbox(tmp_path, amplitude)
    sandbox.config["batch_config"] = batch_config(root)
    return sandbox


def test_windows_of_the_api_are_handed_over_file_by_file(asking, amplitude, root):
    taken, _ = take_to_the_end(asking.start())

    assert [files for files, _ in taken.moves] == [24, 48]
    bookmarks = [bookmark["replication_key_value"] for _, bookmark in taken.moves]
    assert bookmarks == ["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]
    lines = [line for content in taken.contents for line in gzip.decompress(content).split(b"\n")]
    assert [line.decode() for line in lines] == asking.run(batch_config=None).raw_records
    assert left_in(root) == ["lock"]
    assert asking.leftovers == []


def test_when_amplitude_refuses_what_was_handed_over_before_is_taken(asking, amplitude):
    amplitude.misbehave(Reply(403), when=lambda exchange: exchange.number == 2)

    taken, error = run_and_take(asking)

    assert isinstance(error, AccessRefused)
    assert len(taken.contents) == 24
    ((files, bookmark),) = taken.moves
    assert (files, bookmark["replication_key_value"]) == (24, "2024-01-02T00:00:00Z")


MEMORY = """
import sys
from tap_amplitude.tap import TapAmplitude
from tests.tap_amplitude.taking import batch_config
from pathlib import Path
TapAmplitude(config={"archive_path": sys.argv[1], "spool_dir": sys.argv[2] + "/spool",
    "batch_config": batch_config(Path(sys.argv[2]) / "root")}).sync_all()
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_member_of_any_size_takes_no_memory(tmp_path):
    member = b"\n".join([row(MONDAY, 1, user_properties={"fill": "x" * 1000})] * 90_000)
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as out:
        out.writestr(name_of(MONDAY), member)
    process = subprocess.Popen(
        [sys.executable, "-c", MEMORY, tmp_path / "export.zip", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    taken, log = take_to_the_end(process)

    assert [len(content) for content in taken.contents] == [len(member)]
    assert int(log.split()[-1]) < 110_000  # kB


# Waiting ------------------------------------------------------------------------------------------


def read_until_it_waits(process):
    """Read until as many files wait as may; return their paths."""
    paths = []
    for line in process.stdout:
        message = json.loads(line)
        paths += paths_of(message) if message["type"] == "BATCH" else []
        if len(paths) == MOST_FILES:
            return paths
    pytest.fail(f"the tap ended: {process.stderr.read()}")


@pytest.fixture
def waiting(sandbox, many):
    """A run whose reader takes no file, and the files that wait."""
    with sandbox.start(archive_path=str(many)) as process:
        yield process, read_until_it_waits(process)
        process.kill()


def test_it_goes_on_when_files_are_taken_and_ends_when_all_are(waiting, root):
    process, paths = waiting
    assert len(paths) == MOST_FILES
    assert all(path.exists() for path in paths)

    paths[0].unlink()
    messages = map(json.loads, process.stdout)
    (ninth,) = paths_of(next(each for each in messages if each["type"] == "BATCH"))
    on_disk = {path for path in root.rglob("*") if path.name != "lock" and path.is_file()}
    assert on_disk == {*paths[1:], ninth}

    for path in (*paths[1:], ninth):
        path.unlink()
    Taken().take(process.stdout)
    assert process.wait(SECONDS) == 0
    assert left_in(root) == ["lock"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_and_leaves_nothing_behind(waiting, root, signum):
    process, _ = waiting
    process.send_signal(signum)
    log = process.stderr.read()
    assert process.wait(SECONDS) == 128 + signum
    assert "Stopped by a signal" in log
    assert "Traceback" not in log
    assert left_in(root) == ["lock"]


def test_a_reader_that_leaves_ends_the_waiting_with_one_sentence(waiting, root):
    process, _ = waiting
    process.stdout.close()
    log = process.stderr.read()
    assert process.wait(SECONDS) == 1
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "reader of this tap's output is gone" in errors[0]
    assert "Traceback" not in log
    assert left_in(root) == ["lock"]


def test_a_killed_run_leaves_a_folder_that_the_next_run_clears(waiting, sandbox, tree, root):
    process, paths = waiting
    process.kill()
    process.wait()
    assert all(path.exists() for path in paths)

    run_and_take(sandbox, archive_path=str(tree))

    assert left_in(root) == ["lock"]


def test_a_live_run_beside_it_is_left_alone(waiting, sandbox, tree):
    _, paths = waiting
    run_and_take(sandbox, archive_path=str(tree))
    assert all(path.exists() for path in paths)


def test_a_reader_by_socket_is_a_reader(sandbox, tree, root):
    ours, theirs = socket.socketpair()
    config = sandbox.folder / "config.json"
    config.write_text(json.dumps({**sandbox.config, "archive_path": str(tree)}))
    with ours, theirs:
        process = subprocess.Popen(
            [EXECUTABLE, "--config", config], stdout=theirs, stderr=subprocess.PIPE, text=True
        )
        theirs.close()
        with ours.makefile() as messages:
            assert '"SCHEMA"' in messages.readline()
            assert '"BATCH"' in messages.readline()
        ours.close()
        with process:
            log = process.stderr.read()
    assert process.returncode == 1
    assert "reader of this tap's output is gone" in log
    assert left_in(root) == ["lock"]


class NeverDeletes(Taken):
    """Reads files and leaves them."""

    def take(self, lines, look=lambda _: None):
        for line in lines:
            self.lines.append(line)
            message = json.loads(line)
            for path in paths_of(message) if message["type"] == "BATCH" else ():
                self.names.append(path.name)
                self.contents.append(path.read_bytes())


def test_a_target_that_deletes_nothing_gets_records_and_keeps_the_files(
    sandbox, many, root, caplog, monkeypatch
):
    monkeypatch.setattr(taking, "Taken", NeverDeletes)
    taken, error = run_and_take(sandbox, archive_path=str(many))
    assert error is None
    assert len(taken.names) == MOST_FILES
    assert len(taken.output.records) == 4 * 3
    assert len(taken.output.bookmark["archive"]["days"]) == 3
    assert sum(sandbox.clock.waits) < 120
    assert "RECORD messages follow from here on." in caplog.text
    assert len([*root.rglob("*.json.gz")]) == MOST_FILES

    monkeypatch.undo()
    run_and_take(sandbox, archive_path=str(many), state=taken.output.states[-1])
    assert left_in(root) == ["lock"]


# When records are written all the same ------------------------------------------------------------


def deselected(sandbox):
    catalog = sandbox.tap(archive_path="x").catalog_dict
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] == ["user_id"] or entry["breadcrumb"][-1:] == ("user_id",):
            entry["metadata"]["selected"] = False
    return catalog


def warnings_of_batches(caplog):
    """Return what is said, once: the SDK sets up its logger anew for each tap in a process.

    Other tests leave it at its lowest level, where it writes down the settings.
    """
    warnings = (each for each in caplog.records if each.levelno >= logging.WARNING)
    return {each.getMessage() for each in warnings if "batch_config" in each.getMessage()}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"stream_maps": {"events": {"user_id": "md5(user_id)"}}}, "stream maps are configured"),
        ({"stream_maps": {"events": {"__alias__": "e"}}}, "stream maps are configured"),
        ({"flattening_enabled": True, "flattening_max_depth": 1}, "flattening is configured"),
        ({"catalog": deselected}, "columns are deselected"),
    ],
)
def test_what_files_would_bypass_makes_them_records(sandbox, tree, caplog, settings, why):
    if "catalog" in settings:
        settings = {"catalog": deselected(sandbox)}

    taken, error = run_and_take(sandbox, archive_path=str(tree), **settings)

    assert error is None
    assert taken.names == []
    assert len(taken.output.records) == 4 * 3
    (said,) = warnings_of_batches(caplog)
    assert said.startswith("RECORD messages are written, in spite of batch_config: ")
    assert said.endswith(f": {why}, and whole files would bypass that.")


def test_with_all_columns_selected_files_stay_files(sandbox, tree):
    catalog = sandbox.tap(archive_path="x").catalog_dict
    taken, _ = run_and_take(sandbox, archive_path=str(tree), catalog=catalog)
    assert taken.contents == CONTENTS


def test_a_stdout_that_is_read_later_gets_records(sandbox, tree, tmp_path, root):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**sandbox.config, "archive_path": str(tree)}))
    with (tmp_path / "out.singer").open("w") as out:
        done = subprocess.run(
            [EXECUTABLE, "--config", config],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert len(Recorded((tmp_path / "out.singer").read_text()).records) == 4 * 3
    assert "stdout is no pipe, and files are gone when this run has ended" in done.stderr
    assert not root.exists()


def test_a_stdout_without_a_descriptor_gets_records(sandbox, tree):
    assert len(sandbox.run(archive_path=str(tree)).records) == 4 * 3


def test_a_dry_run_gets_a_record(sandbox, tree, root):
    process = sandbox.start("--test", archive_path=str(tree))
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert len(Recorded(out).records) == 1
    assert "this run is to end after a few records" in log
    assert not root.exists()


def test_without_the_setting_nothing_is_said(sandbox, tree, caplog):
    for unset in (None, {}):
        taken, _ = run_and_take(sandbox, archive_path=str(tree), batch_config=unset)
        assert len(taken.output.records) == 4 * 3
    assert warnings_of_batches(caplog) == set()
