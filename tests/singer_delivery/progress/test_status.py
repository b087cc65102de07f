"""The status file: whose it is, whether it is stale, whether its process is gone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time

from singer_delivery.errors import ServiceRefused
from singer_delivery.progress.figures import Figures, Wait, ending_of
from singer_delivery.progress.reporter import Reporter, Rhythm
from singer_delivery.progress.status import Process, age_of, is_gone, is_stale, iso

from tests.singer_delivery.toys import within

NOON = 1_800_000_000.0


def shown(path, look, **options):
    return Reporter(Process.this("target-toy", NOON), Rhythm(30, path), look, **options)


def test_the_file_is_there_at_once_private_and_says_all(tmp_path):
    path = tmp_path / "folder" / "status.json"
    figures = Figures("waiting", 7, waits=(Wait("the toy", 3.2),), details={"read": 9}, dead=2)
    reporter = shown(path, lambda: figures)
    reporter.start()
    status = json.loads(path.read_text())
    reporter.stop()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert status["pid"] == os.getpid()
    assert (status["plugin"], status["state"], status["started"]) == (
        "target-toy", "waiting", "2027-01-15T08:00:00.000+00:00",
    )  # fmt: skip
    assert (status["events"], status["dead"], status["read"]) == (7, 2, 9)
    assert status["waiting"] == [{"for": "the toy", "seconds": 3}]


def test_the_end_is_in_the_file(tmp_path):
    path = tmp_path / "status.json"
    reporter = shown(path, lambda: Figures("waiting", 5, waits=(Wait("the toy", 3.2),)))
    reporter.start()
    within(lambda: reporter.end(ending_of(ServiceRefused("no key"), ServiceRefused)))
    status = json.loads(path.read_text())
    assert (status["state"], status["cause"], status["events"]) == ("failed", "no key", 5)
    assert status["waiting"] == []


def test_how_a_run_ended_is_a_word_and_a_cause_that_quotes_no_record():
    assert ending_of(None, ServiceRefused) == ("complete", None)
    assert ending_of(ServiceRefused("no key"), ServiceRefused) == ("failed", "no key")
    assert ending_of(ValueError("ann@example.com"), ServiceRefused) == ("failed", "ValueError")
    assert ending_of(BrokenPipeError()) == ("failed", "the reader of the output is gone")
    assert ending_of(SystemExit(143)) == ("interrupted", "signal 15")
    assert ending_of(SystemExit(1)) == ("failed", "SystemExit")


def test_a_file_that_cannot_be_written_is_warned_of_once_and_ends_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    reporter = shown(tmp_path / "file" / "status.json", Figures)
    reporter.start()
    within(lambda: reporter.end(ending_of(None)))
    said = [each for each in caplog.messages if "status_path" in each]
    assert len(said) == 1


def test_what_fails_while_it_looks_is_said_once_and_it_looks_on(caplog):
    """A run in a pause goes on by this thread alone."""

    def look():
        if looks and len(looks) < 4:
            looks.append("failed")
            secret = "ann@example.com"
            raise ZeroDivisionError(secret)
        looks.append("looked")
        return Figures()

    looks, beats = list[str](), list[str]()
    reporter = shown(None, look, beat=lambda: beats.append("beat"))
    reporter.start()
    for _ in range(5):
        reporter.ask()
    within(lambda: until(lambda: looks[-2:] == ["looked", "looked"]))
    within(reporter.stop)
    assert looks[:4] == ["looked", "failed", "failed", "failed"]
    assert len(beats) >= 5
    assert caplog.text.count("cannot be said: ZeroDivisionError.") == 1
    assert "ann@example.com" not in caplog.text


def until(is_so):
    while not is_so():
        time.sleep(0.01)


def test_a_status_is_stale_after_three_intervals():
    status = {"state": "running", "every": 30, "updated": iso(NOON)}
    assert not is_stale(status, NOON + 89)
    assert is_stale(status, NOON + 91)
    assert age_of(status, NOON + 91) == 91
    assert not is_stale({**status, "every": 1}, NOON + 9), "a busy machine is no dead one"


def test_a_process_is_gone_when_it_is():
    here = Process.this("target-toy", NOON).as_dict()
    assert not is_gone(here)
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    assert is_gone({**here, "pid": over.pid})
    assert not is_gone({**here, "pid": over.pid, "host": "elsewhere"}), "nobody knows"
    assert not is_gone({**here, "pid": 0}), "0 would be a group of processes"
    assert not is_gone({})


def test_to_and_fro_between_waiting_and_running_is_not_said_each_time(caplog):
    caplog.set_level("INFO")
    states = iter(["waiting", "running"] * 50)
    reporter = shown(None, lambda: Figures(next(states)))
    for _ in range(50):
        reporter._look_around(is_asked=False)
    assert len(caplog.messages) == 0, "within five seconds of the start"
    reporter._said_at = time.monotonic() - 6
    for _ in range(20):
        reporter._look_around(is_asked=False)
    assert len(caplog.messages) == 1
