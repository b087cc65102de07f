"""Files of days in place of records: the same rows, in the same order, with STATE behind them."""

from __future__ import annotations

import json

import pytest
from tap_mixpanel import streams as streams_module

from tests.fakes.mixpanel_export.faults import EndsEarly
from tests.tap_amplitude.taking import batch_config, run_and_take
from tests.tap_mixpanel.running import Recorded, Sandbox, days_of_rows, fake

ROWS = days_of_rows(30, 0, 50, 20, 40)


@pytest.fixture
def mixpanel():
    with fake(ROWS) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel):
    return Sandbox(tmp_path, mixpanel)


def rows_of(taken):
    return [line for content in taken.contents for line in content.decode().split("\n") if line]


def test_files_hold_what_records_would(tmp_path, sandbox):
    taken, error = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"))
    assert error is None
    assert rows_of(taken) == sandbox.run().raw_records
    assert Recorded("".join(taken.lines)).events == []


def test_each_day_has_a_file_and_state_follows_it(tmp_path, sandbox):
    taken, _ = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"))
    assert [name.split("events-")[1] for name in taken.names] == [
        f"2024-01-0{day}.jsonl" for day in (1, 3, 4, 5)
    ]
    for files, bookmark in taken.moves:
        days = [json.loads(content.split(b"\n")[0])["day"] for content in taken.contents[:files]]
        until = bookmark["replication_key_value"]
        assert days[-1] <= until
        assert all(
            day > until
            for content in taken.contents[files:]
            for day in [json.loads(content.split(b"\n")[0])["day"]]
        )
    assert taken.moves[-1][1]["replication_key_value"] == "2024-01-05"


def test_a_large_day_has_several_files(tmp_path, sandbox, monkeypatch):
    monkeypatch.setattr(streams_module, "FILE_BYTES", 2_000)
    taken, _ = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"))
    assert len(taken.names) >= 4
    assert rows_of(taken) == sandbox.run().raw_records


def test_a_window_that_fails_is_in_no_file(tmp_path, mixpanel, sandbox):
    mixpanel.misbehave(EndsEarly(), when=lambda each: each.query.get("from_date") == "2024-01-02")
    taken, error = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"))
    assert error is None
    assert rows_of(taken) == sandbox.run().raw_records


def test_the_folder_is_gone_at_the_end(tmp_path, sandbox):
    run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"))
    assert [path.name for path in (tmp_path / "root").rglob("*")] == [".tap-mixpanel", "lock"]


def test_records_are_written_where_stdout_is_no_pipe(tmp_path, sandbox, caplog):
    output = sandbox.run(batch_config=batch_config(tmp_path / "root"))
    assert len(output.events) == len(ROWS)
    assert any("stdout is no pipe" in message for message in caplog.messages)
