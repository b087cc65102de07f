"""Settings that only Mixpanel's target has; those of all are in `tests/targets`."""

from __future__ import annotations

import pytest
from singer_sdk.exceptions import ConfigValidationError
from target_mixpanel.target import TargetMixpanel

from tests.target_mixpanel.running import run_executable
from tests.targets.settings import ACCOUNT, NO_UPDATES, TOKEN


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(ConfigValidationError) as caught:
        TargetMixpanel(config={"base_url": "x", "streams": {"songs": {"lookup_table": ""}}})
    assert len(caught.value.errors) == 2


def test_the_pace_and_the_first_wait_reach_the_lanes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = TargetMixpanel(config=dict(TOKEN)).open_run()
    try:
        requests = run._dispatch._requests
        assert requests._pace._per_second == 30_000
        assert (requests._backoff.first, requests._backoff.cap) == (4.0, 60.0)
        assert len(run._dispatch._threads) == 12
    finally:
        run.abandon(KeyboardInterrupt())


def scope(**config):
    return TargetMixpanel(config=config).scope


def test_the_ledger_knows_a_project_by_what_is_no_secret_any_more():
    assert "token-0123456789" not in scope(**TOKEN)
    assert scope(**TOKEN) == scope(**TOKEN, **ACCOUNT)  # a service account may be set later
    assert scope(**TOKEN) != scope(project_token="another")
    assert scope(**TOKEN) != scope(**TOKEN, region="eu")
    assert scope(**ACCOUNT, **NO_UPDATES) != scope(**{**ACCOUNT, "project_id": "7"}, **NO_UPDATES)


def test_a_user_sees_the_sentence_and_no_traceback(tmp_path):
    ended = run_executable(tmp_path, {**ACCOUNT})
    assert ended.code == 1
    assert "(TARGET_MIXPANEL_PROJECT_TOKEN): profiles and groups need it" in ended.log
    assert "Traceback" not in ended.log
    assert "secret-0123456789" not in ended.log
    assert not (tmp_path / "ledger.sqlite3").exists()
