"""Sentences about settings: each names the setting and its variable, and no secret's value."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.sdk.checks import misspelt, read_environment, sentences, with_variable
from singer_sdk import typing as th

SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property("api_key", th.StringType, secret=True),
    th.Property("host", th.StringType, default="https://a.example"),
    th.Property("region", th.StringType, default="us", allowed_values=["us", "eu"]),
    th.Property("max_retries", th.IntegerType(minimum=0, maximum=9), default=3),
    th.Property("share", th.NumberType),
    th.Property("dry_run", th.BooleanType, default=False),
    th.Property("names", th.ArrayType(th.StringType)),
    th.Property("rename_events", th.ObjectType(additional_properties=th.StringType)),
    th.Property("report_path", th.StringType, default="report.json"),
    th.Property("project_id", th.CustomType({"type": ["string", "integer", "null"]})),
    additional_properties=False,
).to_dict()
PREFIX = "TARGET_X_"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"max_retries": "many"}, "(TARGET_X_MAX_RETRIES) must be a whole number, not 'many'."),
        ({"max_retries": 10}, "`max_retries` (TARGET_X_MAX_RETRIES) must be at most 9, not 10."),
        ({"max_retries": -1}, "`max_retries` (TARGET_X_MAX_RETRIES) must be at least 0, not -1."),
        ({"dry_run": "yes"}, "`dry_run` (TARGET_X_DRY_RUN) must be true or false, not 'yes'."),
        ({"names": "a"}, "`names` (TARGET_X_NAMES) must be a list, not 'a'."),
        ({"names": [1]}, "`names.0` must be text, not 1."),
        ({"rename_events": ["a"]}, "must be an object of names and values."),
        ({"rename_events": {"a": 1}}, "`rename_events.a` must be text, not 1."),
        ({"region": "EU"}, "(TARGET_X_REGION) must be one of us, eu, not 'EU'. Did you mean `eu`?"),
        ({"hots": "x"}, "There is no setting `hots`. Did you mean `host`?"),
        ({"zzz": "SECRET"}, "There is no setting `zzz`."),
        ({"host": " "}, "`host` (TARGET_X_HOST) is empty: give it a value, or leave it out."),
        ({"api_key": 12345}, "`api_key` (TARGET_X_API_KEY) must be text."),
        ({"project_id": []}, "`project_id` (TARGET_X_PROJECT_ID) must be text or a whole number."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(config, said):
    name = next(iter(config))  # the others get their defaults
    (sentence,) = sentences(SCHEMA, config, PREFIX)
    assert sentence.endswith(said)
    assert sentence.startswith((f"`{name}", f"There is no setting `{name}`"))


def test_what_is_right_gets_none_and_defaults_are_filled_in():
    config: dict[str, Any] = {"api_key": "", "report_path": "", "project_id": 5}
    assert sentences(SCHEMA, config, PREFIX) == []
    assert (config["max_retries"], config["region"]) == (3, "us")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MAX_RETRIES", " 5 ", 5),
        ("SHARE", "0.5", 0.5),
        ("DRY_RUN", "Yes", True),
        ("DRY_RUN", "off", False),
        ("NAMES", '["a","b,c"]', ["a", "b,c"]),
        ("NAMES", "a, b", ["a", "b"]),
        ("RENAME_EVENTS", '{"a":"b"}', {"a": "b"}),
        ("API_KEY", "", ""),
        ("PROJECT_ID", "5", "5"),
    ],
)
def test_a_variable_is_read_as_its_setting_has_it(name, text, value):
    read, wrong = read_environment(SCHEMA, PREFIX, {PREFIX + name: text, "OTHER": "x"})
    assert (list(read.values()), wrong) == ([value], [])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MAX_RETRIES", "many", "must be a whole number, not 'many'."),
        ("MAX_RETRIES", "1.5", "must be a whole number, not '1.5'."),
        ("MAX_RETRIES", "", "is empty: it must be a whole number, or not set at all."),
        ("SHARE", "x", "must be a number, not 'x'."),
        ("DRY_RUN", "ture", "must be true or false, not 'ture'."),
        ("DRY_RUN", " ", "is empty: it must be true or false, or not set at all, not ' '."),
        ("NAMES", "", "is empty: it must be a list, or not set at all."),
        ("NAMES", '["a"', "must be a list, not '[\"a\"'."),
        ("RENAME_EVENTS", "a=b", "must be an object of names and values as JSON, not 'a=b'."),
        ("RENAME_EVENTS", "[1]", "must be an object of names and values as JSON, not '[1]'."),
    ],
)
def test_a_variable_that_holds_something_else_is_named(name, text, said):
    read, wrong = read_environment(SCHEMA, PREFIX, {PREFIX + name: text})
    assert read == {}
    assert wrong == [f"`{name.lower()}` ({PREFIX}{name}) {said}"]


def test_a_misspelt_variable_is_named_with_the_closest_one():
    set_by_meltano = ("_DIALECT", "RENAME_EVENTS_CHECKOUT", "LOGLEVEL", "API_KEY")
    variables = dict.fromkeys([PREFIX + name for name in set_by_meltano], "SECRET")
    assert list(misspelt(SCHEMA, PREFIX, {**variables, "TARGET_Y_HOTS": ""})) == []
    wrong = {"TARGET_X_API_KEYY": "SECRET", "TARGET_X_RETRIES": "", "TARGET_X_QQ": ""}
    said = "The environment variable {} is no setting and is not read."
    assert list(misspelt(SCHEMA, PREFIX, wrong)) == [
        f"{said.format('TARGET_X_API_KEYY')} Did you mean TARGET_X_API_KEY?",
        f"{said.format('TARGET_X_RETRIES')} Did you mean TARGET_X_MAX_RETRIES?",
        said.format("TARGET_X_QQ"),
    ]


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Set `api_key`: now.", "Set `api_key` (TARGET_X_API_KEY): now."),
        ("host must be one.", "host (TARGET_X_HOST) must be one."),
        ("`orders` under `names`", "`orders` under `names` (TARGET_X_NAMES)"),
        ("A service account.", "A service account."),
    ],
)
def test_the_variable_of_the_setting_that_comes_first_is_added(sentence, named):
    assert with_variable(sentence, SCHEMA, PREFIX) == named
