"""The executable as a process: signals, kills, a reader that leaves, exit codes, memory."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.server import Hold, Reply
from tests.tap_mixpanel.running import (
    EXECUTABLE,
    Recorded,
    Sandbox,
    at,
    days_of_rows,
    fake,
    row,
)

SECONDS = 30
TODAY = datetime.now(timezone.utc)
"""The clock of a process is the machine's."""

ROWS = days_of_rows(40, 50, 60, 20, 30)
NUMBERS = [each.properties["n"] for each in ROWS]


@pytest.fixture
def mixpanel():
    with fake(ROWS, now=TODAY) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel):
    return Sandbox(tmp_path, mixpanel)


def of_second_window(exchange):
    return exchange.query.get("from_date") == "2024-01-02" and "limit" not in exchange.query


def read_until(process, kind):
    """Read the messages up to the first of a kind, but for the STATE that opens a run."""
    lines = []
    while not lines or f'"type":"{kind}"' not in lines[-1][:20]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return "".join(lines)


def read_on(process):
    """Read what is left of output and log, and wait for the end."""
    with process.stdout, process.stderr:
        out, log = process.stdout.read(), process.stderr.read()
    process.wait(SECONDS)
    return out, log


def test_a_run_to_the_end_exits_with_0(sandbox):
    process = sandbox.start()
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert Recorded(out).numbers == NUMBERS
    assert "Traceback" not in log


def test_a_run_that_fails_exits_with_1_and_a_sentence(mixpanel, sandbox):
    mixpanel.misbehave_always(Reply(401))
    process = sandbox.start()
    out, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "was refused for project 2195193" in log
    assert "Traceback" not in log
    assert Recorded(out).events == []


def test_the_test_option_fetches_a_row_or_names_the_problem(mixpanel, sandbox):
    process = sandbox.start("--test", service_account_secret="another")
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "was refused" in log
    assert "another" not in log


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_waiting_ends_the_run_and_never_with_0(mixpanel, sandbox, signum):
    mixpanel.misbehave(Hold(), when=of_second_window)
    process = sandbox.start()
    written = Recorded(read_until(process, "STATE"))
    mixpanel.wait_until_held()
    process.send_signal(signum)
    out, log = read_on(process)
    assert process.returncode == 128 + signum
    assert written.numbers == NUMBERS[:40]
    assert written.days[-1] == "2024-01-01"
    assert Recorded(out).events == []
    assert "Stopped by a signal" in log
    assert "Traceback" not in log
    assert sandbox.leftovers == []


def test_a_reader_that_leaves_ends_the_run_with_1(tmp_path):
    with fake([row(at(1) + n, n, text="x" * 500) for n in range(3_000)], now=TODAY) as mixpanel:
        process = Sandbox(tmp_path, mixpanel).start()
        process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read()
        process.stderr.close()
        assert process.wait(SECONDS) == 1
    assert "The reader of this tap's output is gone" in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_nothing_is_lost(tmp_path, mixpanel):
    """State as a target gives it back: the last line that was read whole."""
    rng = random.Random(17)
    sandbox = Sandbox(tmp_path, mixpanel)
    expected = sandbox.run().uuids
    seen, state = [], None
    for attempt in range(12):
        arguments = []
        if state is not None:
            (tmp_path / "state.json").write_text(state)
            arguments = ["--state", str(tmp_path / "state.json")]
        process = sandbox.start(*arguments, lookback_days=0, window_days=2)
        keep = rng.randrange(250) if attempt < 11 else 10**9
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) >= keep:
                process.kill()
                break
        process.stdout.close()
        process.stderr.close()
        process.wait(SECONDS)
        output = Recorded("".join(lines))
        seen += output.uuids
        if output.states and output.days:
            state = [line for line in lines if '"STATE"' in line[:20]][-1]
            state = state[state.index('"value":') + 8 : state.rindex("}")]
    assert set(seen) == set(expected)
    last = Recorded("".join(lines))
    assert last.days[-1] == "2024-01-05"


def test_a_killed_run_leaves_its_folder_to_the_next_one(mixpanel, sandbox):
    mixpanel.misbehave(Hold(), when=of_second_window)
    process = sandbox.start()
    read_until(process, "STATE")
    mixpanel.wait_until_held()
    process.kill()
    read_on(process)
    assert sandbox.leftovers != []
    mixpanel.release()
    assert_exactly_once(sandbox.run().numbers, NUMBERS)
    assert sandbox.leftovers == []


# Not `ru_maxrss`, which a child inherits from the process that starts it.
MEASURED = """
import re, sys
from pathlib import Path
sys.argv = ["tap-mixpanel", *sys.argv[1:]]
from tap_mixpanel.command import main
try:
    main()
finally:
    status = Path("/proc/self/status").read_text()
    sys.stderr.write("\\nPEAK " + re.search(r"VmHWM:\\s+(\\d+)", status)[1] + "\\n")
"""


def peak_of(tmp_path, count):
    """The most memory, in KiB, of a run over a day of so many rows, on one second or on many."""
    folder = tmp_path / str(count)
    folder.mkdir()
    line = b'{"event":"x","properties":{"time":%d,"distinct_id":"p-%d","$insert_id":"%d","x":"%s"}}'
    lines = [
        line % (at(1) + (n % 2) * 1_000 * n // 50, n % 500, n, b"x" * 200) for n in range(count)
    ]
    random.Random(3).shuffle(lines)
    with fake(now=TODAY) as mixpanel:
        mixpanel.publish_lines(ROWS[0].day, lines)
        sandbox = Sandbox(folder, mixpanel)
        sandbox.start("--version").communicate(timeout=SECONDS)
        command = [sys.executable, "-c", MEASURED]
        files = ["--config", folder / "config.json", "--catalog", folder / "catalog.json"]
        with (folder / "out").open("wb") as out:
            done = subprocess.run(
                [*command, *files], stdout=out, stderr=subprocess.PIPE, check=True, cwd=folder
            )
    with (folder / "out").open("rb") as out:
        assert sum(b'"RECORD"' in line[:20] for line in out) == count
    return int(done.stderr.rpartition(b"PEAK ")[2])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_of_a_day(tmp_path):
    """The larger day is sorted on disk, and half of its rows lie on one second."""
    small, large = peak_of(tmp_path, 70_000), peak_of(tmp_path, 200_000)
    assert large < small + 25 * 1024, (small, large)


def test_the_executable_says_its_version():
    done = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True, check=True)
    assert "tap-mixpanel v" in done.stdout
    assert os.access(EXECUTABLE, os.X_OK)
