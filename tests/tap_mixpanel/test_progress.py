"""How far the tap is: what STATE says is covered, and the line that says what it waits for."""

from __future__ import annotations

import gzip
import re
import signal
from datetime import datetime, timezone

import pytest

from tests.tap_mixpanel.running import Sandbox, days_of_rows, fake

SECONDS = 60
ROWS = days_of_rows(3, 4, 5, 6, 7)


@pytest.fixture
def mixpanel():
    with fake(ROWS) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel):
    return Sandbox(tmp_path, mixpanel)


def said(output, stream="events"):
    """Return what each STATE says of coverage."""
    bookmarks = [state["bookmarks"].get(stream, {}) for state in output.states]
    return [(each["covered"], each["done"], each["total"]) for each in bookmarks if "done" in each]


def test_a_state_says_the_days_that_are_covered_and_their_share(sandbox):
    found = said(sandbox.run())
    distinct = [each for n, each in enumerate(found) if each not in found[:n]]
    assert distinct == [
        ([["2024-01-01T00", f"2024-01-0{day + 1}T00"]], {"days": day}, {"days": 5})
        for day in range(1, 6)
    ]


def test_what_is_covered_outlasts_runs_and_the_look_back_takes_nothing_of_it(sandbox):
    state = sandbox.run().states[-1]
    output = sandbox.run(state=state, lookback_days=2, end_date="2024-01-08")
    covered, done, total = said(output)[-1]
    assert covered == [["2024-01-01T00", "2024-01-08T00"]]
    assert done == total == {"days": 7}
    days = [done["days"] for _, done, _ in said(output)]
    assert days == sorted(days)
    assert days[0] == 4


def test_a_start_before_what_earlier_runs_read_is_said(sandbox, caplog):
    state = sandbox.run(start_date="2024-01-03").states[-1]
    sandbox.run(start_date="2024-01-04", state=state)
    assert "is not read" not in caplog.text
    assert said(sandbox.run(state=state))[-1][0] == [["2024-01-01T00", "2024-01-06T00"]]
    assert "is not read" not in caplog.text, "the look-back reads it"
    output = sandbox.run(state=state, lookback_days=1)
    assert "began with 2024-01-03T00:00:00Z" in caplog.text
    assert said(output)[-1][0] == [["2024-01-03T00", "2024-01-06T00"]]


def test_today_is_not_covered(tmp_path):
    now = datetime(2024, 1, 3, 12, tzinfo=timezone.utc)
    with fake(days_of_rows(2, 2, 2), now=now) as mixpanel:
        covered, done, total = said(Sandbox(tmp_path, mixpanel, now).run(end_date=None))[-1]
    assert covered == [["2024-01-01T00", "2024-01-03T00"]]
    assert done == total == {"days": 3}


def test_streams_that_come_before_the_events_do_not_show_the_share_of_the_last_run(sandbox):
    streams = ("identities", "profiles", "events")
    state = sandbox.run(streams=streams).states[-1]
    assert state["bookmarks"]["events"]["done"] == {"days": 5}
    output = sandbox.run(streams=streams, state=state)
    assert "done" not in output.states[0]["bookmarks"]["events"]
    assert said(output, "identities") == []
    assert output.states[-1]["bookmarks"]["events"]["done"] == {"days": 5}


def test_of_an_archive_the_days_of_its_rows_are_covered(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    rows = days_of_rows(4, 0, 6, 5)
    lines = [each.line(1, in_ms=True) for each in rows]
    for number in range(2):
        part = b"\n".join(lines[number::2])
        (folder / f"{number}.json.gz").write_bytes(gzip.compress(part))
    sandbox = Sandbox(tmp_path)
    output = sandbox.run(archive_path=str(folder))
    first, rest = ["2024-01-01T00", "2024-01-02T00"], ["2024-01-03T00", "2024-01-05T00"]
    size = dict.fromkeys(("2024-01-01", "2024-01-03", "2024-01-04"), 0)
    for each, line in zip(rows, lines, strict=True):
        size[str(each.day)] += len(line)
    total = sum(size.values())
    found = said(output)
    assert found[0] == ([first], {"bytes": size["2024-01-01"]}, {"bytes": total})
    assert found[-1] == ([first, rest], {"bytes": total}, {"bytes": total})
    again = sandbox.run(archive_path=str(folder), state=output.states[-1])
    assert again.events == []
    assert said(again)[-1] == found[-1]


def test_a_line_says_that_the_budget_of_the_hour_is_waited_for(sandbox):
    process = sandbox.start(progress_seconds=1, max_requests_per_hour=1)
    log = ""
    while "1 requests an hour" not in log.rpartition("waiting: ")[2]:
        log += process.stderr.readline()
        assert process.poll() is None, log
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)
    assert re.search(
        r"0 rows \(0/s\) · waiting: 1 requests an hour, max_requests_per_hour, \d+ s$",
        log,
        re.MULTILINE,
    ), log
