from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from singer_delivery.tap.errors import SpoolUnwritable
from singer_delivery.tap.spool import run_folder

HOLDER = """
import sys, time
from pathlib import Path
from singer_delivery.tap.spool import run_folder
with run_folder(Path(sys.argv[1])) as folder:
    (folder / "window.zip").write_bytes(b"data")
    print(folder, flush=True)
    sys.stdin.read()
"""


def other_run(spool):
    """Start a process with a run folder of its own; return it and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, spool],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, Path(process.stdout.readline().strip())


def test_a_run_folder_is_removed_at_the_end(tmp_path):
    with run_folder(tmp_path / "spool") as folder:
        (folder / "window.zip").write_bytes(b"data")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


@pytest.mark.parametrize("_attempt", range(5))  # each has an even chance to meet the instant
def test_a_run_folder_is_removed_though_a_download_under_way_writes_into_it(tmp_path, _attempt):
    begun = threading.Event()

    def download(folder):
        with suppress(OSError):  # until the folder is gone
            for number in range(2_000):
                (folder / f"{number}.zip").write_bytes(b"data")
                begun.set()

    with run_folder(tmp_path) as folder:
        thread = threading.Thread(target=download, args=(folder,))
        thread.start()
        begun.wait()
    thread.join(10)

    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


@pytest.mark.skipif(os.name == "nt", reason="needs locks of POSIX")
def test_leftovers_of_a_killed_run_are_cleared_and_a_live_run_is_left_alone(tmp_path):
    killed, dead_folder = other_run(tmp_path)
    live, live_folder = other_run(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (dead_folder / "window.zip").exists()
    with run_folder(tmp_path):
        assert not dead_folder.exists()
        assert (live_folder / "window.zip").exists()
    live.communicate("")
    assert not live_folder.exists()


def test_what_cannot_be_deleted_at_the_end_is_deleted_by_the_next_run(tmp_path):
    with run_folder(tmp_path) as folder:
        (folder / "stuck").mkdir()  # `unlink` refuses it, as Windows does an open file
    (left,) = tmp_path.glob("run-*")
    (left / "stuck").rmdir()

    with run_folder(tmp_path):
        assert not left.exists()


def test_other_files_of_the_folder_are_left_alone(tmp_path):
    (tmp_path / "bad_lines.jsonl").write_text("{}\n")
    for name in ("mine", "run-of-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_text("")
    with run_folder(tmp_path):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"bad_lines.jsonl", "mine", "run-of-mine", "lock"}
    assert (tmp_path / "run-of-mine" / "data").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SpoolUnwritable, match=r"file/spool.*spool_dir"),
        run_folder(tmp_path / "file/spool"),
    ):
        pass
