"""`singer-delivery verify` where nothing is asked. The rest is in `tests/end_to_end`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli
from singer_delivery.ledger.ledger import Ledger


@pytest.fixture
def folder(tmp_path):
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    Ledger(ledger, "nobody").close()
    settings = {
        "api_key": "phc_0123456789",
        "host": "http://127.0.0.1:9",
        "project_id": 1,
        "personal_api_key": "phx_0123456789",
        "ledger_url": ledger,
        "reports_path": str(tmp_path / "reports"),
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    tap = {"api_key": "a" * 32, "secret_key": "b" * 32, "start_date": "2024-03-01T00:00:00Z"}
    (tmp_path / "tap.json").write_text(json.dumps(tap))
    return tmp_path


def verify(folder, *words):
    config = ["--target", "target-posthog", "--config", str(folder / "config.json")]
    return CliRunner().invoke(cli, ["verify", *config, *words], catch_exceptions=False)


def test_empty_books_are_a_result_that_is_kept(folder):
    ended = verify(folder)
    assert ended.exit_code == 2
    assert "The books hold no events" in ended.stdout
    assert len([*(folder / "reports").glob("verify-*.json")]) == 1


def test_who_asks_for_the_cost_alone_leaves_no_result(folder):
    ended = verify(folder, "--cost")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "The books hold no events" in ended.stderr
    assert not (folder / "reports").exists()


def test_empty_books_are_compared_with_no_source(folder):
    settings = ["--source-config", str(folder / "tap.json"), "--source-timezone", "UTC"]
    ended = verify(folder, "--source", "tap-amplitude", *settings)
    assert ended.exit_code == 2
    assert "The source was not asked: the books hold no events" in ended.stderr


@pytest.mark.parametrize("option", ["--interval", "--wait"])
def test_no_time_is_less_than_none(folder, option):
    ended = verify(folder, option, "-1")
    assert ended.exit_code == 2
    assert "is not in the range" in ended.stderr
