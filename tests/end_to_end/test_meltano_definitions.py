"""What meltano.yml and the hub definitions say of the plugins is what the code says of itself."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml

from tools import definitions
from tools.connectors import ROOT, plugins, projects, targets
from tools.definitions import properties

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
PLUGINS = {each.name: each for each in plugins()}
KEYS = {
    "tap-amplitude": {"api_key", "secret_key"},
    "tap-mixpanel": {"service_account_secret", "project_secret"},
    "target-posthog": {"api_key", "personal_api_key"},
    "target-mixpanel": {"project_token", "service_account_secret"},
    "target-amplitude": {"api_key"},
}
FILES = ("ledger_url", "dead_letter_path", "report_path", "status_path", "reports_path")
# Restated on purpose: the words MeltanoHub knows (meltano/hub, schemas/plugin_definitions).
HUB_CAPABILITIES = {
    "extractors": {
        "properties catalog discover state about stream-maps schema-flattening",
        "activate-version batch test log-based structured-logging",
    },
    "loaders": {
        "about stream-maps activate-version batch soft-delete hard-delete datatype-failsafe",
        "schema-flattening target-schema validate-records structured-logging",
    },
}
# Kinds that Meltano 4 takes for a JSON type; decimals from the environment crash it.
KINDS = {
    "string": {"string", "options", "date_iso8601"},
    "integer": {"integer"},
    "number": {"string"},
    "boolean": {"boolean"},
    "array": {"array"},
    "object": {"object"},
}


def inline(name: str) -> dict[str, Any]:
    """The plugin as the project's own meltano.yml defines it."""
    (plugin,) = (
        plugin
        for plugins in PROJECT["plugins"].values()
        for plugin in plugins
        if plugin["name"] == name
    )
    return plugin


def hub(name: str) -> dict[str, Any]:
    """The plugin as other projects add it."""
    return yaml.safe_load(PLUGINS[name].hub_file.read_text("utf-8"))


def fitting_kinds(schema: dict[str, Any]) -> set[str]:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return set().union(*(KINDS[name] for name in types if name != "null"))


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("path", definitions.FILES, ids=lambda path: path.name)
def test_the_settings_are_up_to_date(path):
    """If not: `python -m tools.definitions`."""
    assert path.read_text("utf-8") == definitions.rendered(path.read_text("utf-8"))


@pytest.mark.parametrize("name", PLUGINS)
def test_the_settings_are_those_of_the_code_in_its_order(name):
    assert [setting["name"] for setting in inline(name)["settings"]] == list(properties(name))


@pytest.mark.parametrize("name", PLUGINS)
def test_the_hub_definition_has_the_settings_and_capabilities_of_the_project(name):
    for part in ("settings", "settings_group_validation", "capabilities", "namespace", "label"):
        assert hub(name)[part] == inline(name)[part]


@pytest.mark.parametrize("name", PLUGINS)
def test_defaults_are_those_of_the_code(name):
    expected = {key: schema.get("default") for key, schema in properties(name).items()}
    assert {item["name"]: item.get("value") for item in inline(name)["settings"]} == expected


@pytest.mark.parametrize("name", PLUGINS)
def test_secrets_of_the_code_are_sensitive(name):
    secret = {key for key, schema in properties(name).items() if schema.get("secret")}
    assert {item["name"] for item in inline(name)["settings"] if item.get("sensitive")} == secret
    assert KEYS[name] <= secret


@pytest.mark.parametrize("name", PLUGINS)
def test_options_are_the_allowed_values_of_the_code(name):
    allowed = {
        key: [value for value in schema["enum"] if value is not None]
        for key, schema in properties(name).items()
        if "enum" in schema
    }
    options = {
        item["name"]: [option["value"] for option in item["options"]]
        for item in inline(name)["settings"]
        if item["kind"] == "options"
    }
    assert options == allowed


@pytest.mark.parametrize("name", PLUGINS)
def test_kinds_fit_the_types_of_the_code(name):
    for setting in inline(name)["settings"]:
        assert setting["kind"] in fitting_kinds(properties(name)[setting["name"]])


@pytest.mark.parametrize("name", PLUGINS)
def test_labels_and_descriptions_are_the_words_of_the_code(name):
    for setting in inline(name)["settings"]:
        schema = properties(name)[setting["name"]]
        found = (words(setting["label"]), words(setting["description"]))
        assert found == (words(schema["title"]), words(schema["description"]))


@pytest.mark.parametrize("name", PLUGINS)
def test_capabilities_are_those_of_the_code(name):
    plugin = PLUGINS[name]
    declared = set(inline(name)["capabilities"])
    assert declared == {capability.value for capability in plugin.plugin_class().capabilities}
    assert declared <= set(" ".join(HUB_CAPABILITIES[plugin.meltano_type]).split())


@pytest.mark.parametrize("name", PLUGINS)
def test_the_hub_installs_from_where_the_repository_is(name):
    """It needs none of our packages on an index."""
    plugin = PLUGINS[name]
    assert hub(name)["pip_url"] == inline(name)["pip_url"].replace(
        "MELTANO_PROJECT_ROOT", "ANALYTICS_CONNECTORS"
    )
    assert plugin.plugin_class().package_name == plugin.distribution
    assert hub(name)["executable"] == inline(name)["executable"] == name


@pytest.mark.parametrize("name", PLUGINS)
def test_the_definitions_name_the_plugin_as_the_list_does(name):
    plugin = PLUGINS[name]
    assert plugin.plugin_class().name == name
    assert inline(name)["namespace"] == plugin.package
    assert inline(name)["label"] == plugin.vendor
    assert name in {each["name"] for each in PROJECT["plugins"][plugin.meltano_type]}


@pytest.mark.parametrize("name", PLUGINS)
def test_the_project_installs_from_anywhere(name):
    """A path without the root would be read from the directory somebody happens to stand in.

    Quoted, since the folder of a project may have a space in its name.
    """
    assert inline(name)["pip_url"].count("'") == 8
    assert shlex.split(inline(name)["pip_url"]) == [
        "-e",
        "${MELTANO_PROJECT_ROOT}/singer-delivery[sdk]",
        "-e",
        "${MELTANO_PROJECT_ROOT}/analytics-records",
        "-e",
        f"${{MELTANO_PROJECT_ROOT}}/{name}",
        "--constraint",
        "${MELTANO_PROJECT_ROOT}/constraints.txt",
    ]


@pytest.mark.parametrize("name", PLUGINS)
def test_the_project_installs_every_folder_after_those_it_needs(name):
    parts = shlex.split(inline(name)["pip_url"])
    folders = [part.rpartition("/")[2].partition("[")[0] for part in parts[1:-2:2]]
    needs = {each.name: {need.partition("[")[0] for need in each.needs} for each in projects()}
    assert folders[-1] == name
    for number, folder in enumerate(folders):
        assert needs[folder] <= set(folders[:number])


def test_no_plugin_is_left_out():
    found = {plugin["name"] for plugins in PROJECT["plugins"].values() for plugin in plugins}
    assert found == PLUGINS.keys()
    assert set((ROOT / "hub").rglob("*.yml")) == {each.hub_file for each in plugins()}


def test_the_project_sends_nothing_to_meltano():
    assert PROJECT["send_anonymous_usage_stats"] is False


def test_the_project_asks_for_the_meltano_it_was_tried_with():
    assert PROJECT["requires_meltano"] == ">=4.0"
    assert "version" not in PROJECT


def test_environments_configure_settings_that_exist():
    assert [environment["name"] for environment in PROJECT["environments"]] == ["demo", "prod"]
    for environment in PROJECT["environments"]:
        for configured in environment["config"]["plugins"].values():
            for plugin in configured:
                assert plugin["config"].keys() <= properties(plugin["name"]).keys()


def test_no_key_stands_in_the_project():
    for environment in PROJECT["environments"]:
        for configured in environment["config"]["plugins"].values():
            for plugin in configured:
                assert KEYS[plugin["name"]].isdisjoint(plugin["config"])


def test_no_two_loaders_write_the_same_file_in_production():
    (production,) = (each for each in PROJECT["environments"] if each["name"] == "prod")
    loaders = production["config"]["plugins"]["loaders"]
    assert [plugin["name"] for plugin in loaders] == [each.name for each in targets()]
    paths = [plugin["config"][name] for plugin in loaders for name in FILES]
    assert all("${MELTANO_PROJECT_ROOT}/output/target-" in path for path in paths)
    assert len(set(paths)) == len(paths)


def test_each_job_runs_its_pipeline():
    assert PROJECT["jobs"] == [
        {"name": "amplitude-to-posthog", "tasks": ["tap-amplitude target-posthog"]},
        {"name": "amplitude-to-mixpanel", "tasks": ["tap-amplitude target-mixpanel"]},
        {"name": "amplitude-to-amplitude", "tasks": ["tap-amplitude target-amplitude"]},
        {"name": "mixpanel-to-amplitude", "tasks": ["tap-mixpanel target-amplitude"]},
        {"name": "mixpanel-to-posthog", "tasks": ["tap-mixpanel target-posthog"]},
        {"name": "mixpanel-to-mixpanel", "tasks": ["tap-mixpanel target-mixpanel"]},
    ]


@pytest.mark.parametrize("name", PLUGINS)
def test_required_settings_exist(name):
    groups = inline(name)["settings_group_validation"]
    assert {setting for group in groups for setting in group} <= properties(name).keys()
