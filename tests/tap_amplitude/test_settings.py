from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from analytics_records.amplitude.columns import COLUMNS
from singer_delivery.sdk.batch_config import BatchSettings
from singer_sdk.exceptions import ConfigValidationError
from tap_amplitude.account import HOSTS
from tap_amplitude.settings import Settings
from tap_amplitude.tap import TapAmplitude

from tests.fakes.company import rows as company_rows
from tests.tap_runs import LATER, StoppedClock

GOOD = {"api_key": "key-of-api", "secret_key": "very-secret", "start_date": "2024-01-01"}
NAMES = {
    "api_key", "secret_key", "region", "base_url", "start_date", "end_date", "archive_path",
    "window_hours", "settle_hours", "spool_dir", "max_retries", "batch_config",
    "timestamps", "check", "progress_seconds", "status_path",
}  # fmt: skip
BUILT_IN = ("stream_map", "flattening", "faker")


def sentences(config):
    """What the tap says of these settings."""
    try:
        TapAmplitude(config=dict(config), clock=StoppedClock())
    except ConfigValidationError as error:
        return error.errors
    return []


def without(*names):
    return {name: value for name, value in GOOD.items() if name not in names}


def test_good_settings_are_accepted():
    assert sentences(GOOD) == []
    assert sentences({"archive_path": "/somewhere"}) == []
    assert sentences({**GOOD, "stream_maps": {}, "flattening_enabled": False}) == []


@pytest.mark.parametrize("name", ["api_key", "secret_key", "start_date"])
def test_each_missing_setting_is_one_sentence(name):
    (sentence,) = sentences(without(name))
    assert sentence.startswith(f"{name} (TAP_AMPLITUDE_{name.upper()}) is missing")
    assert sentences({**GOOD, name: " "}) == [sentence]
    assert sentences({**GOOD, name: None}) == [sentence]


def test_all_missing_settings_are_named_at_once():
    assert len(sentences({})) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start_date": "soon"}, "start_date (TAP_AMPLITUDE_START_DATE) is no date"),
        ({"end_date": "01.02.2024"}, "end_date (TAP_AMPLITUDE_END_DATE) is no date"),
        ({"end_date": "2023-12-31"}, "must be later than start_date"),
        ({"end_date": "2024-01-01"}, "must be later than start_date"),
        (
            {"start_date": f"{LATER + timedelta(days=1):%Y-%m-%d}"},
            "(TAP_AMPLITUDE_START_DATE) lies in the future",
        ),
        (
            {"base_url": "amplitude.com"},
            "base_url (TAP_AMPLITUDE_BASE_URL) must begin with https://",
        ),
        ({"region": "asia"}, "`region` (TAP_AMPLITUDE_REGION) must be one of us, eu, not 'asia'."),
        ({"window_hours": 0}, "must be at least 1, not 0."),
        (
            {"window_hours": 8761},
            "`window_hours` (TAP_AMPLITUDE_WINDOW_HOURS) must be at most 8760",
        ),
        ({"settle_hours": -1}, "must be at least 0, not -1."),
        ({"max_retries": "many"}, "must be a whole number, not 'many'."),
        ({"secrit_key": "x"}, "There is no setting `secrit_key`. Did you mean `secret_key`?"),
        ({"batch_config": "file:///x"}, "must be an object of names and values, not 'file:///x'."),
        ({"batch_config": {"bach_size": 1}}, "There is no setting `bach_size` in `batch_config`."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(change, says):
    (sentence,) = sentences({**GOOD, **change})
    assert says in sentence


FILES = {"format": "jsonl", "compression": "gzip"}
STORAGE = {"root": "file:///some/folder"}


def batches(encoding=FILES, storage=STORAGE, **more):
    given = {"encoding": encoding, "storage": storage}
    batch_config = {name: part for name, part in given.items() if part is not None}
    return {**GOOD, **more, "batch_config": batch_config}


@pytest.mark.parametrize("compression", ["gzip", "none", None])
@pytest.mark.parametrize("host", ["", "localhost"])
def test_batches_of_json_lines_through_a_folder_are_accepted(compression, host):
    storage = {"root": f"file://{host}/a%20b/%23c", "prefix": "p-"}
    config = batches({"format": "jsonl", "compression": compression}, storage)
    assert sentences(config) == []
    assert Settings.of_config(config).batches == BatchSettings(Path("/a b/#c"), "p-")


@pytest.mark.parametrize("unset", [None, {}])
def test_batches_are_only_made_when_they_are_asked_for(unset):
    assert sentences({**GOOD, "batch_config": unset}) == []
    assert Settings.of_config({**GOOD, "batch_config": unset}).batches is None


@pytest.mark.parametrize(
    "encoding",
    [
        {"format": "parquet", "compression": "gzip"},
        {"format": "jsonl", "compression": "zstd"},
        {"compression": "gzip"},
        {},
        None,
    ],
)
def test_other_encodings_than_amplitudes_are_refused(encoding):
    (sentence,) = sentences(batches(encoding))
    assert "must have the format jsonl, and the compression gzip or none" in sentence


@pytest.mark.parametrize(
    "root",
    [
        "s3://bucket/folder",
        "/some/folder",
        "file://some/folder",
        "file:folder",
        "file:///folder?query",
        "file:///folder#part",
        "file://[broken",
        "",
        None,
    ],
)
def test_a_folder_that_is_none_of_this_machine_is_refused(root):
    (sentence,) = sentences(batches(storage={"root": root}))
    assert "needs as its root a folder of this machine, written as file:///some/" in sentence


@pytest.mark.parametrize("storage", [{}, None])
def test_a_missing_folder_is_asked_for(storage):
    (sentence,) = sentences(batches(storage=storage))
    assert "file:///some/folder" in sentence


def test_batches_can_be_asked_for_in_the_environment(monkeypatch):
    for name, value in GOOD.items():
        monkeypatch.setenv(f"TAP_AMPLITUDE_{name.upper()}", value)
    monkeypatch.setenv("TAP_AMPLITUDE_BATCH_CONFIG", json.dumps(batches()["batch_config"]))
    tap = TapAmplitude(parse_env_config=True, clock=StoppedClock())
    assert Settings.of_config(tap.config).batches == BatchSettings(Path("/some/folder"), "")


def test_keys_are_never_quoted():
    complaint = " ".join(sentences({**GOOD, "api_key": 8008135, "secret_key": ["very-secret"]}))
    assert "`api_key` (TAP_AMPLITUDE_API_KEY) must be text." in complaint
    assert "8008135" not in complaint
    assert "very-secret" not in complaint


def test_a_start_within_the_settling_time_is_no_mistake():
    assert sentences({**GOOD, "start_date": f"{LATER:%Y-%m-%dT%H:%M}"}) == []


def test_the_settings_are_those_that_were_promised():
    names = set(TapAmplitude.config_jsonschema["properties"])
    assert {name for name in names if not name.startswith(BUILT_IN)} == NAMES
    for name in NAMES:
        setting = TapAmplitude.config_jsonschema["properties"][name]
        assert setting["title"]
        assert setting["description"].endswith(".")
        assert setting.get("secret", False) is (name in ("api_key", "secret_key"))


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_region_decides_the_address(region):
    assert Settings.of_config({**GOOD, "region": region}).account.base_url == HOSTS[region]


def test_base_url_overrides_the_region():
    settings = Settings.of_config({**GOOD, "region": "eu", "base_url": "https://a.example/"})
    assert settings.account.base_url == "https://a.example"


def test_the_hosts_are_amplitudes():
    # Amplitude docs, Export API; restated on purpose.
    assert HOSTS == {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}


def test_numbers_left_empty_take_their_defaults():
    settings = Settings.of_config({**GOOD, "settle_hours": None})
    assert (settings.window_hours, settings.settle_hours, settings.max_retries) == (24, 2, 10)
    assert Settings.of_config({**GOOD, "settle_hours": 0}).settle_hours == 0


def test_keys_are_trimmed():
    account = Settings.of_config({**GOOD, "api_key": " key\n"}).account
    assert account.api_key == "key"


def test_settings_show_no_keys():
    shown = repr(Settings.of_config(GOOD))
    assert "key-of-api" not in shown
    assert "very-secret" not in shown


def test_discovery_needs_no_settings(capsys):
    TapAmplitude(config={}, validate_config=False, setup_mapper=False).run_discovery()
    (stream,) = json.loads(capsys.readouterr().out)["streams"]
    assert (stream["tap_stream_id"], stream["key_properties"]) == ("events", ["uuid"])
    assert stream["replication_key"] == "server_upload_time"
    assert stream["replication_method"] == "INCREMENTAL"
    assert stream["schema"]["additionalProperties"] is True


def test_the_capabilities_are_those_that_are_kept():
    assert {capability.value for capability in TapAmplitude.capabilities} == {
        "catalog", "state", "discover", "about", "stream-maps", "schema-flattening", "batch",
        "structured-logging",
    }  # fmt: skip


def test_the_schema_has_the_55_columns_of_an_exported_row():
    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names)) == 55
    assert set(names) == set(company_rows.COLUMNS)


def test_any_column_may_be_null_and_none_is_required():
    schema = TapAmplitude(config=GOOD).streams["events"].schema
    assert all("null" in column["type"] for column in schema["properties"].values())
    assert "required" not in schema
