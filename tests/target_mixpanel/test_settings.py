"""Settings: every wrong one gets its sentence before anything is sent, and no secret is quoted."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from singer_sdk.exceptions import ConfigValidationError
from target_mixpanel.target import TargetMixpanel

from tests.target_mixpanel.running import run_executable

TOKEN = {"project_token": "token-0123456789"}
ACCOUNT = {
    "project_id": "2195193",
    "service_account_username": "importer.mp-service-account",
    "service_account_secret": "secret-0123456789",
}
NO_UPDATES = {"profiles": False, "groups": False}
TABLE = {"lookup_table": "1a2b"}


def errors(**config):
    with pytest.raises(ConfigValidationError) as caught:
        TargetMixpanel(config=config)
    return caught.value.errors


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Set `project_token`, the token of the Mixpanel project"),
        ({"project_token": "  "}, "Set `project_token`, the token of the Mixpanel project"),
        (NO_UPDATES, "Set `project_token`, the token of the Mixpanel project"),
        (ACCOUNT, "profiles and groups need it even with a service account"),
        ({**ACCOUNT, "profiles": False}, "profiles and groups need it even with a service account"),
        ({**TOKEN, "service_account_username": "importer"}, "set all three, or none"),
        ({**TOKEN, "service_account_secret": "secret-0123456789"}, "set all three, or none"),
        ({**TOKEN, **ACCOUNT, "project_id": " "}, "set all three, or none"),
        ({**TOKEN, "base_url": "api.mixpanel.com"}, "base_url must be an address such as"),
        ({**TOKEN, "base_url": "http://[::1"}, "base_url must be an address such as"),
        ({**TOKEN, "region": "de"}, "'de' is not one of ['us', 'eu', 'in'"),
        ({**TOKEN, "identity_merge": "old"}, "'old' is not one of ['simplified', 'original'"),
        ({**TOKEN, "retention_years": 0}, "less than the minimum of 1"),
        ({**TOKEN, "max_batch_events": 2_001}, "greater than the maximum of 2000"),
        ({**TOKEN, "max_batch_bytes": 10 * 1024 * 1024}, "greater than the maximum of"),
        ({**TOKEN, "max_in_flight": 0}, "less than the minimum of 1"),
        ({**TOKEN, "max_events_per_second": -1}, "less than the minimum of 0"),
        ({**TOKEN, "proyect_id": "1"}, "'proyect_id' was unexpected"),
        ({"project_token": 1234567}, "`project_token` must be a text"),
        ({**TOKEN, "service_account_secret": 1234567}, "`service_account_secret` must be a text"),
        ({**TOKEN, "group_keys": {"company": "distinct_id"}}, "which is no group key in Mixpanel"),
        ({**TOKEN, "rename_events": {"a": "$identify"}}, "which is no event for Mixpanel"),
        ({**TOKEN, "streams": {"orders": {"evnt": "x"}}}, "neither an Amplitude export nor"),
        ({**TOKEN, "streams": {"orders": {"event": "x"}}}, "lacks `distinct_id`, `timestamp`"),
        ({**TOKEN, "streams": {"songs": {"lookup_table": "a/b"}}}, "{lookup_table: <id>} alone"),
        ({**TOKEN, "streams": {"songs": TABLE}}, "Stream 'songs' replaces a lookup table"),
        ({**TOKEN, "streams": {"songs": TABLE, "hits": TABLE}}, "name the same lookup table 1a2b"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(config, sentence):
    said = errors(**config)
    (found,) = [each for each in said if sentence in each]
    for secret in ("token-0123456789", "secret-0123456789", "1234567"):
        assert secret not in str(said)
    assert found


def test_all_that_is_wrong_is_told_at_once():
    said = errors(base_url="x", streams={"songs": {"lookup_table": ""}})
    assert len(said) == 2


@pytest.mark.parametrize(
    "config",
    [
        TOKEN,
        {**TOKEN, **ACCOUNT},
        {**ACCOUNT, **NO_UPDATES},
        {**TOKEN, **ACCOUNT, "project_id": 2195193},
        {**TOKEN, "project_id": "2195193"},
        {"dry_run": True},
        {"dry_run": True, "streams": {"songs": TABLE}},
        {**TOKEN, **ACCOUNT, "streams": {"songs": TABLE, "hits": {"lookup_table": "3c4d"}}},
        {**TOKEN, "base_url": ""},
    ],
)
def test_settings_that_will_do_are_taken(config):
    assert TargetMixpanel(config=dict(config)).config["max_batch_events"] == 2_000


def test_what_mixpanel_asks_of_importers_is_the_default():
    target = TargetMixpanel(config=dict(TOKEN))
    assert target.config["max_events_per_second"] == 30_000
    assert target.config["max_in_flight"] == 12
    assert target.config["retention_years"] == 2


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
    return TargetMixpanel(config=config)._scope


def test_the_ledger_knows_a_project_by_what_is_no_secret_any_more():
    assert "token-0123456789" not in scope(**TOKEN)
    assert scope(**TOKEN) == scope(**TOKEN, **ACCOUNT)  # a service account may be set later
    assert scope(**TOKEN) != scope(project_token="another")
    assert scope(**TOKEN) != scope(**TOKEN, region="eu")
    assert scope(**ACCOUNT, **NO_UPDATES) != scope(**{**ACCOUNT, "project_id": "7"}, **NO_UPDATES)


def test_about_lists_every_setting_that_is_documented():
    done = CliRunner().invoke(TargetMixpanel.cli, ["--about", "--format", "json"])
    assert done.exit_code == 0, done.output
    about = json.loads(done.output)
    listed = about["settings"]["properties"]
    assert about["name"] == "target-mixpanel"
    assert listed.keys() >= {
        "project_token", "project_id", "service_account_username", "service_account_secret",
        "region", "base_url", "identity_merge", "user_properties_on_events", "profiles", "groups",
        "group_keys", "geolocate_ip", "retention_years", "skip_expired", "include_events",
        "exclude_events", "rename_events", "streams", "max_in_flight", "max_events_per_second",
        "max_batch_events", "max_batch_bytes", "max_retries", "ledger_url", "dead_letter_path",
        "report_path", "dry_run", "output_path",
    }  # fmt: skip
    assert {name for name, of in listed.items() if of.get("secret")} == {
        "project_token", "service_account_secret", "ledger_url",
    }  # fmt: skip


def test_a_user_sees_the_sentence_and_no_traceback(tmp_path):
    ended = run_executable(tmp_path, {**ACCOUNT})
    assert ended.code == 1
    assert "Set `project_token`: profiles and groups need it" in ended.log
    assert "Traceback" not in ended.log
    assert "secret-0123456789" not in ended.log
    assert not (tmp_path / "ledger.sqlite3").exists()
