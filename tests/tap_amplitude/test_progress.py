"""How far the tap is: what STATE says is covered, and the line that says what it waits for."""

from __future__ import annotations

import gzip
import json
import re
import signal

import pytest

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exchanges import Hold, Reply
from tests.tap_amplitude.running import HOUR, MONDAY, TUESDAY, Sandbox, hours_of_rows, row

SECONDS = 60
GAP = ["2023-12-01T00", "2023-12-05T00"]


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, *[3] * 48)) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, amplitude):
    return Sandbox(tmp_path, amplitude)


def said(output):
    """Return what each STATE says of coverage."""
    bookmarks = [state["bookmarks"]["events"] for state in output.states]
    return [(each["covered"], each["done"], each["total"]) for each in bookmarks if "done" in each]


def test_a_state_says_the_hours_that_are_covered_and_their_share(sandbox):
    assert said(sandbox.run(window_hours=12)) == [
        ([["2024-01-01T00", f"2024-01-0{day}T{hour}"]], {"hours": done}, {"hours": 48})
        for day, hour, done in ((1, 12, 12), (2, "00", 24), (2, 12, 36), (3, "00", 48))
    ]


def test_what_is_covered_outlasts_runs_and_shows_gaps(sandbox):
    first = sandbox.run(end_date="2024-01-02").states[-1]
    assert said(sandbox.run(end_date="2024-01-02"))[-1][1:] == ({"hours": 24},) * 2
    first["bookmarks"]["events"]["covered"].insert(0, GAP)
    second = sandbox.run(state=first, window_hours=12)
    covered, done, total = said(second)[-2]
    assert covered == [GAP, ["2024-01-01T00", "2024-01-02T12"]]
    assert (done, total) == ({"hours": 36}, {"hours": 48}), "of all that is asked for"
    assert said(second)[-1][0] == [GAP, ["2024-01-01T00", "2024-01-03T00"]]


def test_the_share_of_the_last_run_is_forgotten_until_hours_are_read(sandbox):
    state = sandbox.run(end_date="2024-01-02").states[-1]
    output = sandbox.run(state=state)
    assert "done" not in output.states[0]["bookmarks"]["events"]
    assert said(output)[0][1] == {"hours": 48}
    again = sandbox.run(state=output.states[-1])
    assert again.records == []
    assert again.states[-1] == output.states[-1], "nothing new is all that was asked for"


def test_a_start_before_what_earlier_runs_read_is_said(sandbox, caplog):
    state = sandbox.run(start_date="2024-01-01T15", end_date="2024-01-02").states[-1]
    assert "is not read" not in caplog.text
    output = sandbox.run(state=state)
    assert "began with 2024-01-01T15:00:00Z" in caplog.text
    assert said(output)[-1][0] == [["2024-01-01T15", "2024-01-03T00"]]


@pytest.mark.parametrize("total", [None, "odd", 48, {"hours": "odd"}])
def test_a_state_without_a_total_is_no_error_where_nothing_is_new(sandbox, total):
    state = sandbox.run().states[-1]
    state["bookmarks"]["events"]["total"] = total
    assert sandbox.run(state=state).records == []
    del state["bookmarks"]["events"]["total"]
    assert sandbox.run(state=state).records == []


def test_a_state_that_says_something_else_there_is_no_error(sandbox):
    state = sandbox.run(end_date="2024-01-02").states[-1]
    state["bookmarks"]["events"]["covered"] = {"odd": [1]}
    assert said(sandbox.run(state=state))[-1][0] == [["2024-01-02T00", "2024-01-03T00"]]


def put(folder, name, *hours):
    folder.mkdir(exist_ok=True)
    lines = b"\n".join(row(hour, number) for number, hour in enumerate(hours))
    path = folder / f"{name}.json.gz"
    path.write_bytes(gzip.compress(lines))
    return path.stat().st_size


def named(folder, hour):
    return put(folder, f"1_{hour:%Y-%m-%d}_{hour.hour}#1", hour)


def test_of_an_archive_days_are_covered_up_to_its_first_and_last_hour(tmp_path):
    folder = tmp_path / "archive"
    friday = MONDAY + 96 * HOUR
    hours = [MONDAY + 5 * HOUR, MONDAY + 7 * HOUR, TUESDAY + 3 * HOUR, friday, friday + 2 * HOUR]
    sizes = [named(folder, hour) for hour in hours]
    sizes.append(put(folder, "a-file-without-an-hour", friday))
    sandbox = Sandbox(tmp_path)
    output = sandbox.run(archive_path=str(folder))
    found = said(output)
    monday, tuesday = ["2024-01-01T05", "2024-01-02T00"], ["2024-01-01T05", "2024-01-03T00"]
    last = ["2024-01-05T00", "2024-01-05T03"]
    assert [covered for covered, _, _ in found] == [
        [monday],
        [tuesday],
        [tuesday, last],
        [tuesday, last, ["a-file-without-an-hour.json.gz"] * 2],
    ]
    done = [sum(sizes[:number]) for number in (2, 3, 5, 6)]
    assert [each for _, each, _ in found] == [{"bytes": each} for each in done]
    assert found[-1][2] == {"bytes": sum(sizes)}
    again = sandbox.run(archive_path=str(folder), state=output.states[1])
    assert said(again)[-1] == found[-1]


def test_a_line_says_what_the_tap_waits_for(sandbox, amplitude):
    amplitude.misbehave(Reply(429, body=b"Slow down", headers={"Retry-After": "7"}))
    process = sandbox.start(progress_seconds=1, status_path=str(sandbox.folder / "status"))
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, log
    assert re.search(
        r"0 rows \(0/s\) · waiting: Amplitude answered 429, try 2 of 11, \d s$", log, re.MULTILINE
    ), log
    assert "144 rows" in log
    assert re.search(r"· 2 windows · complete after \d+ s$", log, re.MULTILINE)
    status = json.loads((sandbox.folder / "status").read_text())
    assert (status["state"], status["rows"], status["share"]) == ("complete", 144, 1.0)
    assert status["parts"] == {"windows": 2}


@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_the_last_line_says_how_a_run_was_stopped(sandbox, amplitude, signum):
    amplitude.misbehave_always(Hold())
    process = sandbox.start(status_path=str(sandbox.folder / "status"))
    amplitude.wait_until_held()
    process.send_signal(signal.SIGUSR1)
    process.send_signal(signum)
    _, log = process.communicate(timeout=SECONDS)
    amplitude.behave()
    assert process.returncode == 128 + signum
    assert re.search(rf"0 rows.* · interrupted after \d s: signal {signum}$", log, re.MULTILINE), (
        log
    )
    assert json.loads((sandbox.folder / "status").read_text())["state"] == "interrupted"


def test_a_run_that_fails_says_so_without_keys(sandbox, amplitude):
    amplitude.misbehave_always(Reply(403))
    process = sandbox.start()
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert re.search(r"0 rows.* · failed after \d s: Amplitude refused api_key", log)
    assert amplitude.secret_key not in log


def test_a_run_that_is_refused_at_once_leaves_no_status_of_another_one(sandbox):
    status = sandbox.folder / "status.json"
    status.write_text('{"state": "complete"}')
    process = sandbox.start(status_path=str(status), secret_key="wrong")
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, log
    assert json.loads(status.read_text())["state"] == "failed"


def test_no_status_file_is_written_unless_it_is_asked_for(sandbox):
    process = sandbox.start(progress_seconds=0)
    _, log = process.communicate(timeout=SECONDS)
    assert " complete after" not in log
    assert sorted(path.name for path in sandbox.folder.iterdir()) == ["config.json", "spool"]
