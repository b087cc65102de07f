"""What Meltano makes of settings, and of a run that fails: the real one, in projects of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.pipe import BIN
from tests.examples import first_of
from tools.connectors import ROOT, plugins

MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))
pytestmark = pytest.mark.skipif(MELTANO is None, reason="`make test` installs Meltano.")

PLUGINS = {each.name: each for each in plugins()}
LONG = 8_000

RECORDER = """\
#!{python}
import shutil, sys
shutil.copy(sys.argv[sys.argv.index("--config") + 1], "{given}")
"""
TAP = """\
#!{python}
import json
def write(**message): print(json.dumps(message), flush=True)
write(type="SCHEMA", stream="public.orders", key_properties=["id"],
      schema={{"properties": {{"id": {{}}, "customer": {{}}, "at": {{}}}}}})
for number in range({records}):
    write(type="RECORD", stream="public.orders",
          record={{"id": number, "customer": "ann", "at": "2026-03-01T10:00:00Z"}})
write(type="STATE", value={{"seen": {records}}})
"""
ORDERS = {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"}


def executable(path: Path, text: str, **names: Any) -> str:
    path.write_text(text.format(python=sys.executable, **names))
    path.chmod(0o755)
    return str(path)


def project(folder: Path, name: str, config: dict[str, Any], command: str) -> None:
    """Write a project with one of our plugins, as the hub defines it, and a tap of orders."""
    plugin = yaml.safe_load(PLUGINS[name].hub_file.read_text("utf-8"))
    del plugin["pip_url"]
    plugin |= {"executable": command, "config": config}
    tap = executable(folder / "orders", TAP, records=LONG)
    described: dict[str, Any] = {
        "default_environment": "dev",
        "environments": [{"name": "dev"}],
        "project_id": "035087cd-c294-5b16-8ab8-a8bb8e0ec160",
        "plugins": {
            "extractors": [
                {"name": "tap-orders", "namespace": "orders", "executable": tap, "capabilities": []}
            ]
        },
    }
    described["plugins"].setdefault(PLUGINS[name].meltano_type, []).append(plugin)
    (folder / "meltano.yml").write_text(yaml.safe_dump(described, sort_keys=False))


def meltano(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "NO_COLOR": "1",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MELTANO")}
    return subprocess.run(
        [str(MELTANO), *arguments],
        cwd=folder,
        env={**inherited, **known, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


TEXTS = {"checkout.completed": "Done", "a": "b", "x.y.z": "c", "q..r": "d", ".s": "e"}
MAPS = {
    "public.orders": {"id": "str(id)", "ship.city": "'x'"},
    "private.audit": "__NULL__",
    "log.*": {"__alias__": "logs"},
    "plain": {"id": "md5(id)"},
}
WRITTEN: dict[str, dict[str, Any]] = {
    "tap-amplitude": {"archive_path": "somewhere"},
    "tap-mixpanel": {"archive_path": "somewhere", "data_group_ids": {"org.unit": "7", "b": "8"}},
    "target-posthog": {
        "rename_events": TEXTS,
        "group_keys": {"org.unit": "unit", "b": "b"},
        "revenue": {"revenue": "order.total", "currency": "c"},
    },
    "target-mixpanel": {"rename_events": TEXTS, "group_keys": {"org.unit": "unit", "b": "b"}},
    "target-amplitude": {
        "rename_events": TEXTS,
        "group_keys": {"org.unit": "unit", "b": "b"},
        "revenue": {"revenue": "order.total", "currency": "c"},
    },
}
STREAMS = {"public.orders": ORDERS, "plain": {"person": "id"}, "a.event": {"person": "id"}}
OF_TARGETS = {"dry_run": True, "streams": STREAMS}


@pytest.mark.parametrize("name", first_of(PLUGINS))
def test_names_with_dots_are_those_that_the_user_wrote(tmp_path, name):
    """Every object setting with keys of the user's own, of every plugin."""
    of_kind = OF_TARGETS if PLUGINS[name].kind == "target" else {}
    written = {**of_kind, **WRITTEN[name], "stream_maps": MAPS, "stream_map_config": {"a.b": "c"}}
    given = tmp_path / "given.json"
    project(tmp_path, name, written, executable(tmp_path / "record", RECORDER, given=given))

    done = meltano(tmp_path, "invoke", name)

    assert given.exists(), done.stdout
    as_given = json.loads(given.read_text())
    assert "public.orders" not in as_given["stream_maps"], "Meltano takes names apart no more"
    config = PLUGINS[name].plugin_class()(config=as_given).config
    for setting, value in written.items():
        if setting == "stream_map_config":
            assert config[setting].items() >= value.items()
        elif setting == "stream_maps":
            assert {stream: config[setting][stream] for stream in value} == value
        else:
            assert config[setting] == value


def test_every_object_setting_with_free_keys_is_among_them():
    for name, plugin in PLUGINS.items():
        free = {
            setting
            for setting, of in plugin.plugin_class().config_jsonschema["properties"].items()
            if of.get("additionalProperties") and "object" in of["type"]
        }
        assert free - {"stream_maps", "stream_map_config", "faker_config", "streams"} == {
            setting for setting, value in WRITTEN[name].items() if isinstance(value, dict)
        }


@pytest.mark.slow
def test_a_stream_with_a_dot_in_its_name_is_loaded_under_meltano(tmp_path):
    config = {"dry_run": True, "streams": {"public.orders": ORDERS}}
    project(tmp_path, "target-posthog", config, str(BIN / "target-posthog"))

    done = meltano(tmp_path, "run", "tap-orders", "target-posthog")

    assert done.returncode == 0, done.stdout
    assert re.search(rf"public\.orders +{LONG:,} +{LONG:,} +0 +0 +\d", done.stdout), done.stdout
    assert "The run report is in target-posthog.report.json" in done.stdout
    assert "no setting" not in done.stdout, "Meltano's own variables are no misspelt ones"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Set `api_key` (TARGET_POSTHOG_API_KEY)"),
        pytest.param(
            {"dry_run": True},
            "Stream 'public.orders' is no Amplitude export",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["a missing key", "an unknown stream"],
)
def test_the_sentence_is_the_last_thing_said(tmp_path, config, sentence):
    """The tap is not broken off, so that Meltano prints no traceback of its own after it."""
    project(tmp_path, "target-posthog", config, str(BIN / "target-posthog"))

    done = meltano(tmp_path, "run", "tap-orders", "target-posthog")

    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert "BrokenPipe" not in done.stdout
    said = [line for line in done.stdout.splitlines() if line.strip()]
    of_ours = [number for number, line in enumerate(said) if "target-posthog" in line]
    assert sentence in said[of_ours[-1]]
    assert len(said) - of_ours[-1] <= 5, "what Meltano says of the failed block follows, no more"


@pytest.mark.slow
def test_the_plugins_are_added_as_the_readme_says(tmp_path):
    """To an empty project somewhere else; our packages are on no index."""
    readme = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"    export ANALYTICS_CONNECTORS=.*?\n\n", readme, re.DOTALL)
    assert block is not None
    commands = re.sub(r"^    ", "", block[0], flags=re.MULTILINE)
    assert "/path/to/your/project" in commands
    (tmp_path / "meltano.yml").write_text(
        "default_environment: dev\nenvironments:\n- name: dev\nsend_anonymous_usage_stats: false\n"
    )
    done = subprocess.run(
        ["bash", "-euxc", commands.replace("/path/to/your/project", str(tmp_path))],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{Path(str(MELTANO)).parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for name in PLUGINS:
        assert f"{name} v" in meltano(tmp_path, "invoke", name, "--version").stdout
