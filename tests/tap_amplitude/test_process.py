"""The executable as a process: signals, a reader that leaves, exit codes, memory."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.server import Hold
from tests.tap_amplitude.running import (
    EXECUTABLE,
    HOUR,
    MONDAY,
    Output,
    Sandbox,
    hours_of_rows,
    row,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
SECONDS = 30
PIPE_BYTES = 65_536


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, *[3] * 48)) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, amplitude):
    return Sandbox(tmp_path, amplitude)


def test_a_run_to_the_end_exits_with_0(sandbox):
    out, log = sandbox.start().communicate(timeout=SECONDS)
    assert len(Output(out).records) == 48 * 3
    assert "Traceback" not in log


def test_the_same_run_in_a_process_says_the_same(sandbox):
    out, _ = sandbox.start().communicate(timeout=SECONDS)
    assert Output(out).raw_records == sandbox.run().raw_records


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_waiting_ends_the_run_and_never_with_0(amplitude, sandbox, signum):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    process = sandbox.start()
    amplitude.wait_until_held()
    process.send_signal(signum)
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signum
    assert len(Output(out).records) == 72
    assert Output(out).bookmarks == ["2024-01-02T00:00:00Z"]
    assert "Stopped by a signal" in log
    assert "Traceback" not in log
    assert sandbox.leftovers == []


def test_the_run_after_a_signal_asks_again_for_one_window_at_most(amplitude, sandbox):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    process = sandbox.start()
    amplitude.wait_until_held()
    process.terminate()
    out, _ = process.communicate(timeout=SECONDS)
    amplitude.release()
    rest = sandbox.run(state=Output(out).states[-1])
    assert len(amplitude.asked) == 3
    assert amplitude.asked[1] == amplitude.asked[2]
    assert sorted([*Output(out).uuids, *rest.uuids]) == sorted(set(sandbox.run().uuids))


def start_with_a_reader_that_stops(tmp_path):
    """Start on more rows than a pipe holds, and read the first lines only."""
    content = b"\n".join(row(MONDAY, number) for number in range(2000))
    (tmp_path / "1_2024-01-01_0#1.json").write_bytes(content)
    process = Sandbox(tmp_path).start(archive_path=str(tmp_path / "1_2024-01-01_0#1.json"))
    assert process.stdout is not None
    assert '"SCHEMA"' in process.stdout.readline()
    assert '"RECORD"' in process.stdout.readline()
    return process


def test_a_signal_in_the_middle_of_writing_tears_no_line(tmp_path):
    process = start_with_a_reader_that_stops(tmp_path)
    process.terminate()
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
    output = Output(out)  # each line is whole, or this fails
    assert 0 < len(output.records) < 2000 - 1
    assert out.endswith("\n")
    assert output.states == []


def test_a_second_signal_stops_a_run_that_cannot_write(tmp_path):
    process = start_with_a_reader_that_stops(tmp_path)
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):  # its reader is stuck, so it waits
        process.wait(timeout=0.3)
    process.terminate()
    assert process.wait(timeout=SECONDS) == 128 + signal.SIGTERM
    process.communicate()


def test_a_reader_that_leaves_ends_the_run_with_one_sentence(tmp_path):
    process = start_with_a_reader_that_stops(tmp_path)
    process.stdout.close()
    log = process.stderr.read()
    assert process.wait(timeout=SECONDS) == 1
    process.stderr.close()
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "reader of this tap's output is gone" in errors[0]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def test_an_error_is_one_sentence_and_exit_code_1(amplitude, sandbox):
    process = sandbox.start(secret_key="wrong-secret")
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert Output(out).records == []
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "Amplitude refused api_key and secret_key (403" in errors[0]
    assert "Traceback" not in log
    assert "wrong-secret" not in log


def test_a_missing_key_is_said_before_any_request(amplitude, sandbox):
    process = sandbox.start(api_key=None)
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "api_key is missing" in log
    assert "Traceback" not in log
    assert amplitude.journal == []


def test_the_connection_test_writes_one_record(amplitude, sandbox):
    process = sandbox.start("--test")
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert len(Output(out).records) == 1
    assert "ERROR" not in log


def test_the_connection_test_fails_in_a_sentence(sandbox):
    process = sandbox.start("--test", secret_key="wrong-secret")
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Amplitude refused api_key" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    "arguments", [["--about", "--format", "json"], ["--discover"], ["--version"]]
)
def test_it_describes_itself_without_settings(arguments, tmp_path):
    done = subprocess.run(
        [EXECUTABLE, *arguments.split()], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    if "json" in arguments:
        about = json.loads(done.stdout)
        assert about["name"] == "tap-amplitude"
        assert "Export API" in about["description"]
    assert "could not be detected" not in done.stdout


MEMORY = """
import resource, sys
from tap_amplitude.tap import TapAmplitude
TapAmplitude(config={"archive_path": sys.argv[1], "spool_dir": sys.argv[2]}).sync_all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def peak_memory(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path, tmp_path / "spool"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stderr.split()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux")
def test_memory_does_not_grow_with_the_export(tmp_path):
    peaks = []
    for count in (1_000, 100_000):
        path = tmp_path / f"1_2024-01-01_0#{count}.json.gz"
        with gzip.open(path, "wb", 1) as file:
            line = row(MONDAY, 1) + b"\n"
            for _ in range(count // 1000):
                file.write(line * 1000)
        peaks.append(peak_memory(path, tmp_path))
    small, large = peaks
    assert large - small < 20_000  # kB; the lines are 130 MB
    assert HOUR.total_seconds() * count > 130e3
