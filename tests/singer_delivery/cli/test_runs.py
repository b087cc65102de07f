"""`singer-delivery runs`, of reports that the test wrote down."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli

STREAMS = {"events": {"read": 7, "delivered": 5, "skipped": {"a": 1}, "dead": {"b": 1}}}


@pytest.fixture
def folder(tmp_path):
    for day, more in ((17, {}), (18, {"plan": {"events": 5}})):
        report = {
            "started": f"2024-03-{day}T09:00:00.000+00:00",
            "seconds": 60.0,
            "outcome": "complete",
            "streams": STREAMS,
            **more,
        }
        (tmp_path / f"202403{day}T090000Z-7.json").write_text(json.dumps(report))
    return tmp_path


def run(*words):
    return CliRunner().invoke(cli, ["runs", *map(str, words)], catch_exceptions=False)


def test_a_dry_run_is_named_as_one(folder):
    real, dry = run(folder).output.splitlines()[1:]
    assert "dry run" not in real
    assert "dry run, complete" in dry
    lines = map(json.loads, run(folder, "--json").output.splitlines())
    assert [each["dry_run"] for each in lines] == [False, True]


def test_what_became_of_the_records_of_all_streams_is_counted(folder):
    first, _ = map(json.loads, run(folder, "--json").output.splitlines())
    counts = {name: first[name] for name in ("read", "delivered", "skipped", "dead", "undecided")}
    assert counts == {"read": 7, "delivered": 5, "skipped": 1, "dead": 1, "undecided": 0}
