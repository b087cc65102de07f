"""Each setting that is missing or wrong has a sentence that names it."""

from __future__ import annotations

from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from tap_mixpanel.account import HOSTS
from tap_mixpanel.settings import Settings, problems

from tools.definitions import properties

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
RIGHT = {
    "service_account_username": "exporter.mp-service-account",
    "service_account_secret": "s3cret-of-the-account",
    "project_id": "2195193",
    "start_date": "2024-01-31",
}
BY_SECRET = {"project_secret": "s3cret-of-the-project", "start_date": "2024-01-31"}
# Restated on purpose.
NUMBER_OF_SETTINGS = 28


def test_right_settings_have_no_problem():
    assert problems(RIGHT, NOW) == problems(BY_SECRET, NOW) == []
    assert problems({"archive_path": "exports"}, NOW) == []


@pytest.mark.parametrize("name", RIGHT)
def test_a_setting_that_is_missing_is_named(name):
    (said,) = problems({key: value for key, value in RIGHT.items() if key != name}, NOW)
    assert said.startswith(f"{name} is missing: ")
    assert "archive_path" in said


WRONG = {
    "a project that is no number": ({"project_id": "my project"}, "project_id must be a number"),
    "a date": ({"start_date": "soon"}, "start_date is no date"),
    "an end before the start": ({"end_date": "2024-01-31"}, "end_date must be later"),
    "a start in the future": ({"start_date": "2026-06-05"}, "start_date lies in the future"),
    "an end in the future": ({"end_date": "2026-07-01"}, "end_date lies in the future"),
    "a start before Mixpanel": ({"start_date": "1999-12-31"}, "before 2000"),
    "identities before Mixpanel": ({"identities_start_date": "1990-01-01"}, "before 2000"),
    "a zone": ({"project_timezone": "California"}, "project_timezone is no time zone"),
    "a path as a zone": ({"project_timezone": "../etc/passwd"}, "project_timezone is no time zone"),
    "a frame without a zone": ({"time_frame": "project"}, "project_timezone is needed"),
    "a group id": ({"data_group_ids": {"company": "acme"}}, "data_group_ids must hold a number"),
    "an address": ({"base_url": "data.mixpanel.com"}, "base_url must begin with https://"),
    "a login": ({"query_base_url": "https://a:b@c"}, "query_base_url must hold no user name"),
    "names of events in files": (
        {"archive_path": "exports", "event_names": ["Play"]},
        "event_names is what Mixpanel is asked for",
    ),
    "two logins": ({"project_secret": "x"}, "leave project_secret out"),
    "a batch": ({"batch_config": {"encoding": {"format": "csv"}}}, "batch_config"),
}


@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
def test_a_setting_that_is_wrong_is_named(wrong, words):
    found = problems({**RIGHT, **wrong}, NOW)
    assert any(words in said for said in found)


def test_a_project_secret_ends_on_its_day():
    before, on = (
        datetime(2027, 3, 2, 23, tzinfo=timezone.utc),
        datetime(2027, 3, 3, tzinfo=timezone.utc),
    )
    assert problems(BY_SECRET, before) == []
    (said,) = problems(BY_SECRET, on)
    assert "3 March 2027" in said
    assert "service_account_username" in said


@pytest.mark.parametrize("region", HOSTS)
def test_each_region_has_its_hosts(region):
    account = Settings.of_config({**RIGHT, "region": region}).account
    mark = "" if region == "us" else f"-{region}"
    assert account.base_url == f"https://data{mark}.mixpanel.com"
    lead = "" if region == "us" else f"{region}."
    assert account.query_base_url == f"https://{lead}mixpanel.com"


def test_a_project_secret_is_a_user_name_and_goes_without_a_project():
    account = Settings.of_config({**BY_SECRET, "project_id": "7"}).account
    assert account.login == (b"s3cret-of-the-project", b"")
    assert account.parameters == {}


def test_secrets_are_in_no_text():
    account = Settings.of_config({**RIGHT, "project_secret": "s3cret-of-the-project"}).account
    assert "s3cret" not in repr(account)
    assert account.without_secrets("a s3cret-of-the-account b") == "a … b"


def test_dates_are_days_as_they_are_written():
    settings = Settings.of_config(
        {**RIGHT, "start_date": "2024-01-31T23:00:00-08:00", "end_date": "2024-03-01T00:00:00Z"}
    )
    assert (settings.start, settings.end) == (date(2024, 1, 31), date(2024, 3, 1))
    assert settings.identities_start == date(2019, 1, 31)


def test_a_zone_is_read():
    assert Settings.of_config({**RIGHT, "project_timezone": "US/Pacific"}).zone == ZoneInfo(
        "US/Pacific"
    )


def test_every_setting_is_described():
    described = properties("tap-mixpanel")  # without those that the SDK adds
    assert len(described) == NUMBER_OF_SETTINGS
    for setting in described.values():
        assert setting["title"]
        assert setting["description"].endswith(".")
