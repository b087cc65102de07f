"""Sessions across the midnight of UTC, in projects whose own midnight is another."""

from __future__ import annotations

from functools import partial

import pytest

from tests.tap_mixpanel.running import Sandbox, at, fake, row

ROWS = [row(at(2, 20) + 600_000 * number, number, distinct_id="$device:d") for number in range(40)]
"""From 20:00 of 2 January on, every ten minutes; New York's midnight is at 05:00 UTC."""


def bookmark(output):
    return {**output.states[-1]["bookmarks"]["events"], "started_at": None}


def starts(output):
    return {record["uuid"]: record["session_start"] for record in output.events}


@pytest.mark.parametrize(
    ("settings", "sessions"),
    [
        ({"project_timezone": "America/New_York"}, ["2024-01-02T20:00:00.000Z"]),
        ({}, ["2024-01-02T20:00:00.000Z", "2024-01-03T00:00:00.000Z"]),
        ({"project_timezone": "America/New_York", "session_timeout_minutes": 0}, [None]),
    ],
)
def test_a_run_that_begins_within_a_session_knows_its_start(tmp_path, settings, sessions):
    with fake(ROWS) as mixpanel:
        first = Sandbox(tmp_path, mixpanel).run(**settings)
        state = first.states[-1]
        state["bookmarks"]["events"]["replication_key_value"] = "2024-01-02"
        asked = len(mixpanel.asked)
        again = Sandbox(tmp_path, mixpanel).run(state=state, lookback_days=0, **settings)
        days = [begin.day for begin, _ in mixpanel.asked[asked + 1 :]]
    assert list(dict.fromkeys(starts(first).values())) == sessions
    assert {record["day"] for record in again.events} == {"2024-01-03"}
    assert starts(again).items() <= starts(first).items()
    assert again.days[0] >= "2024-01-02"
    assert min(days) == (2 if len(sessions) == 1 and sessions[0] else 3)


def test_the_first_day_of_all_is_not_preceded_by_another(tmp_path):
    with fake(ROWS) as mixpanel:
        run = Sandbox(tmp_path, mixpanel).run
        run(start_date="2024-01-03", project_timezone="America/New_York")
        assert min(begin.day for begin, _ in mixpanel.asked[1:]) == 3


def test_a_new_day_of_an_archive_knows_of_sessions_that_go_on(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    for each in ROWS:
        with (folder / f"{each.day}.jsonl").open("ab") as file:
            file.write(each.line(1, in_ms=True) + b"\n")
    broken = folder / "2024-01-02.jsonl"
    broken.write_bytes(broken.read_bytes() + b"{cut\n")
    run = partial(Sandbox(tmp_path).run, archive_path=str(folder))
    settings = {"project_timezone": "America/New_York"}
    whole = run(**settings)
    assert bookmark(whole)["bad_lines"] == 1
    new = folder / "2024-01-03.jsonl"
    lines = new.read_bytes()
    new.unlink()
    first = run(**settings)
    new.write_bytes(lines)
    again = run(state=first.states[-1], **settings)
    assert {record["day"] for record in again.events} == {"2024-01-03"}
    assert starts(again).items() <= starts(whole).items()
    assert set(starts(again).values()) == {"2024-01-02T20:00:00.000Z"}
    assert bookmark(again) == bookmark(whole)
    assert run(state=again.states[-1], **settings).events == []
