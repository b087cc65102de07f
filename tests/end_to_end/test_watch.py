"""`singer-delivery watch`: draws the status file of a run, in a terminal and elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from singer_delivery.progress.status import Process, iso

from tests.destinations import POSTHOG
from tests.end_to_end.attempts import Attempt
from tests.end_to_end.pipe import BIN, TIMEOUT, all_hours, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Delay

WATCH = [str(BIN / "singer-delivery"), "watch"]
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def pipe(tmp_path):
    company = Company(seed=5, events=600, hours=24)
    with FakeAmplitude(company.hours()) as amplitude, POSTHOG.open(company) as service:
        service.misbehave_always(Delay(0.1))
        pipe = make_pipe(
            tmp_path, amplitude, POSTHOG, service,
            max_batch_events=10, max_in_flight=1, progress_seconds=1,
        )  # fmt: skip
        yield all_hours(pipe, company)


def in_a_terminal(path):
    """Start the command in a pseudo terminal; return it and the terminal's other end."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [*WATCH, str(path)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    return process, ours


def screen_of(ours):
    shown = b""
    try:
        while piece := os.read(ours, 65_536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return ANSI.sub("", shown.decode())


def plain(path, **options):
    return subprocess.Popen(
        [*WATCH, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def test_it_follows_a_run_to_its_end_in_both_ways(pipe):
    status = pipe.folder / "status.json"
    printed, (drawn, ours) = plain(status), in_a_terminal(status)
    ended = Attempt(pipe).end()
    screen = screen_of(ours)
    lines = printed.communicate(timeout=TIMEOUT)[0].splitlines()

    assert ended.target_code == 0
    assert (printed.returncode, drawn.wait(TIMEOUT)) == (0, 0), lines
    assert "no status" in lines[0], "it was there before the run"
    assert lines[-1].startswith("target-posthog: 6")
    assert "complete after" in lines[-1]
    assert len(lines) > 3
    assert "\x1b" not in "".join(lines)
    assert "target-posthog · complete" in screen
    assert "target-posthog · running" in screen
    assert re.search(r"range +100 %", screen)
    assert f"pid {json.loads(status.read_text())['pid']}" in screen


def test_a_process_that_is_gone_is_told(pipe):
    status = pipe.folder / "status.json"
    attempt = Attempt(pipe)
    while not status.exists():
        attempt.pass_time(0.02, "target")
    process, (drawn, ours) = plain(status), in_a_terminal(status)
    time.sleep(1.0)
    attempt.send(signal.SIGKILL)
    attempt.end()
    screen = screen_of(ours)
    lines = process.communicate(timeout=TIMEOUT)[0].splitlines()
    assert (process.returncode, drawn.wait(TIMEOUT)) == (1, 1)
    assert "is gone without an end: it was killed" in lines[-1]
    assert "is gone without an end" in screen


def test_a_stale_file_is_told_once_and_its_words_are_no_markup(tmp_path):
    path = tmp_path / "status.json"
    status = {
        **Process.this("target-toy", time.time() - 600).as_dict(),
        "updated": iso(time.time() - 300),
        "every": 30,
        "state": "running",
        "line": "5 events [bold]ann[/bold]",
        "events": 5,
        "waiting": [{"for": "[red]a toy[/red]", "seconds": 4}],
    }
    path.write_text(json.dumps(status))
    process, (drawn, ours) = plain(path), in_a_terminal(path)
    time.sleep(3.0)
    path.write_text(json.dumps({**status, "state": "failed", "cause": "No key."}))
    lines = process.communicate(timeout=TIMEOUT)[0].splitlines()
    screen = screen_of(ours)
    assert (process.returncode, drawn.wait(TIMEOUT)) == (1, 1)
    assert len([line for line in lines if "stale: last written 5 min" in line]) == 1
    assert "stale: last written 5 min" in screen
    assert "[red]a toy[/red]" in screen


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"outcome": "complete"}'])
def test_a_file_that_is_no_status_is_told_and_a_run_may_still_replace_it(tmp_path, text):
    path = tmp_path / "status.json"
    path.write_text(text)
    process, (drawn, ours) = plain(path), in_a_terminal(path)
    said, shown = process.stdout.readline(), b""
    while b"name" not in shown and b"yet" not in shown:  # the end of what it may say
        shown += os.read(ours, 65_536)
    status = {**Process.this("target-toy", 0).as_dict(), "state": "complete", "line": "5 events"}
    (tmp_path / "new").write_text(json.dumps(status))
    (tmp_path / "new").replace(path)
    rest = process.communicate(timeout=TIMEOUT)[0]
    screen = ANSI.sub("", shown.decode()) + screen_of(ours)
    assert (process.returncode, drawn.wait(TIMEOUT)) == (0, 0)
    assert said.startswith(f"{path} is no status file")
    assert "is no status file" in " ".join(screen.split())  # the terminal breaks lines
    assert "target-toy · complete" in screen
    assert rest == "target-toy: 5 events\n"


@pytest.mark.slow
def test_the_plugins_do_not_load_what_draws():
    code = (
        "import sys, target_posthog.target, tap_amplitude.tap, singer_delivery.pipeline.run;"
        "print([name for name in ('rich.live', 'singer_delivery.cli') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
