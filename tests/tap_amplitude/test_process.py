"""The executable as a process: signals, a reader that leaves, exit codes, memory."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from singer_delivery.sdk.messages import LineWriter

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.server import Hold
from tests.tap_amplitude.running import EXECUTABLE, MONDAY, Recorded, Sandbox, hours_of_rows, row

SECONDS = 30


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, *[3] * 48)) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, amplitude):
    return Sandbox(tmp_path, amplitude)


def test_a_run_to_the_end_exits_with_0(sandbox):
    out, log = sandbox.start().communicate(timeout=SECONDS)
    assert len(Recorded(out).records) == 48 * 3
    assert "Traceback" not in log


AT_EXIT = """
import atexit, signal, sys
from tap_amplitude.command import main
numbers = (signal.SIGINT, signal.SIGTERM)
atexit.register(lambda: sys.stderr.write(repr([signal.getsignal(n).name for n in numbers])))
main()
"""


def test_a_signal_that_comes_when_all_is_written_leaves_no_traceback():
    """No handler of ours runs while Python shuts down: one that raises would print it there."""
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("['SIG_DFL', 'SIG_DFL']")


def test_the_same_run_in_a_process_says_the_same(sandbox):
    out, _ = sandbox.start().communicate(timeout=SECONDS)
    assert Recorded(out).raw_records == sandbox.run().raw_records


def read_until(process, kind):
    """Read the messages up to the first of a kind."""
    lines = []
    while not lines or f'"type":"{kind}"' not in lines[-1][:20]:
        lines.append(process.stdout.readline())
        assert lines[-1], "the process ended"
    return "".join(lines)


def read_on(process):
    """Read what is left of output and log, and wait for the end."""
    with process.stdout, process.stderr:
        out, log = process.stdout.read(), process.stderr.read()
    process.wait(SECONDS)
    return out, log


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_waiting_ends_the_run_and_never_with_0(amplitude, sandbox, signum):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    process = sandbox.start()
    written = read_until(process, "STATE")
    amplitude.wait_until_held()
    process.send_signal(signum)
    out, log = read_on(process)
    assert process.returncode == 128 + signum
    assert len(Recorded(written).records) == 72
    assert Recorded(written).bookmarks == ["2024-01-02T00:00:00Z"]
    assert out == ""
    assert "Stopped by a signal" in log
    assert "Traceback" not in log
    assert sandbox.leftovers == []


def test_the_run_after_a_signal_asks_again_for_one_window_at_most(amplitude, sandbox):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    process = sandbox.start()
    written = Recorded(read_until(process, "STATE"))
    amplitude.wait_until_held()
    process.terminate()
    read_on(process)
    amplitude.release()
    rest = sandbox.run(state=written.states[-1])
    assert len(amplitude.asked) == 3
    assert amplitude.asked[1] == amplitude.asked[2]
    assert_exactly_once([*written.uuids, *rest.uuids], sandbox.run().uuids)


@pytest.fixture(params=["buffered", "unbuffered"])
def stuck(request, tmp_path, monkeypatch):
    """A run with more rows than a pipe holds, whose reader read the first lines only."""
    if request.param == "buffered":
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    else:
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    process, written = start_with_a_reader_that_stops(tmp_path)
    wait_until_blocked(process)
    yield process, written
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def wait_until_blocked(process):
    """Wait until the pipe holds much and gains nothing: the process is asleep in a write."""
    held = [0]
    while held[-1] < 30_000 or held[-10:] != [held[-1]] * 10:
        assert len(held) < 2000, "the process never blocked"
        select.select([], [], [], 0.005)
        count = fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4)
        held.append(int.from_bytes(count, sys.byteorder))


def start_with_a_reader_that_stops(tmp_path):
    """Start on more rows than a pipe holds, and read the first lines only."""
    content = b"\n".join(row(MONDAY, number) for number in range(2000))
    (tmp_path / "1_2024-01-01_0#1.json").write_bytes(content)
    process = Sandbox(tmp_path).start(archive_path=str(tmp_path / "1_2024-01-01_0#1.json"))
    return process, read_until(process, "RECORD")


def test_a_signal_in_the_middle_of_writing_tears_no_line(stuck):
    process, written = stuck
    process.terminate()
    wait_until_blocked(process)  # the signal has been taken, and the write goes on
    out, _ = read_on(process)
    assert process.returncode == 128 + signal.SIGTERM
    output = Recorded(written + out)  # each line is whole, or this fails
    assert 1 < len(output.records) < 2000
    assert out.endswith("\n")
    assert output.states == []


def test_a_second_signal_stops_a_run_that_cannot_write(stuck):
    process, _ = stuck
    process.terminate()
    wait_until_blocked(process)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=SECONDS) == 128 + signal.SIGTERM


def test_a_reader_that_leaves_ends_the_run_with_one_sentence(stuck):
    process, _ = stuck
    process.stdout.close()
    log = process.stderr.read()
    assert process.wait(timeout=SECONDS) == 1
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "reader of this tap's output is gone" in errors[0]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def test_a_full_disk_behind_the_output_ends_the_run_with_one_sentence(sandbox):
    config = sandbox.folder / "config.json"
    config.write_text(json.dumps(sandbox.config))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [EXECUTABLE, "--config", config], stdout=full, stderr=subprocess.PIPE, text=True,
            cwd=sandbox.folder, check=False, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "output cannot be written (No space left on device). Make room" in errors[0]
    assert "Traceback" not in done.stderr


def test_a_run_that_fails_waits_for_no_download_under_way(tmp_path):
    with FakeAmplitude(hours_of_rows(MONDAY, *[100] * 48)) as amplitude:
        amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
        process = Sandbox(tmp_path, amplitude).start()
        read_until(process, "RECORD")  # the pipe takes no more than a part of the first window
        amplitude.wait_until_held()
        process.stdout.close()
        assert process.wait(timeout=SECONDS) == 1
        amplitude.release()
    with process.stderr:
        assert process.stderr.read().count("ERROR") == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_left_before_a_few_bytes_is_as_quiet(tmp_path, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with FakeAmplitude(hours_of_rows(MONDAY, 1)) as amplitude:
        amplitude.misbehave(Hold())
        process = Sandbox(tmp_path, amplitude).start()
        amplitude.wait_until_held()
        process.stdout.close()
        amplitude.release()
        log = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=SECONDS) == 1
    assert log.count("ERROR") == 1
    assert "BrokenPipe" not in log


def test_an_error_is_one_sentence_and_exit_code_1(amplitude, sandbox):
    process = sandbox.start(secret_key="wrong-secret")
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert Recorded(out).records == []
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "Amplitude refused api_key and secret_key (403" in errors[0]
    assert "Traceback" not in log
    assert "wrong-secret" not in log


def test_a_missing_key_is_said_before_any_request(amplitude, sandbox):
    process = sandbox.start(api_key=None)
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "TAP_AMPLITUDE_API_KEY) is missing" in log
    assert "Traceback" not in log
    assert amplitude.journal == []


def test_the_connection_test_writes_one_record(amplitude, sandbox):
    process = sandbox.start("--test")
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert len(Recorded(out).records) == 1
    assert "ERROR" not in log


def test_the_connection_test_fails_in_a_sentence(sandbox):
    process = sandbox.start("--test", secret_key="wrong-secret")
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Amplitude refused api_key" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("arguments", ["--about --format json", "--discover", "--version"])
def test_it_describes_itself_without_settings(arguments, tmp_path):
    done = subprocess.run(
        [EXECUTABLE, *arguments.split()], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    if "json" in arguments:
        about = json.loads(done.stdout)
        assert about["name"] == "tap-amplitude"
        assert "Export API" in about["description"]
    assert "could not be detected" not in done.stdout


COMMAND = """
import contextlib, gc, sys
from tap_amplitude.command import main
sys.argv = ["tap-amplitude", "--version"]
with contextlib.suppress(SystemExit):
    main()
print(gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def test_garbage_is_collected_again_once_the_command_has_started():
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["True", "True"]


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


@pytest.mark.slow
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


def test_a_signal_is_told_also_when_it_ended_the_reader_a_little_sooner(monkeypatch):
    """A Ctrl-C goes to both ends of a pipe; lines still wait for a reader that is gone."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        lines = LineWriter()
        lines.write_lines(b"{}\n")
        os.close(reader)
        with pytest.raises(SystemExit):
            lines.stop(signal.SIGINT)

        with pytest.raises(SystemExit) as ended:
            lines.flush()

    assert ended.value.code == 128 + signal.SIGINT
