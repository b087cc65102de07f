"""Write what the code knows of plugins into meltano.yml and hub/: `python -m tools.definitions`.

Only `pip_url`, `commands:` and the lists under `settings:` are written; all else in these files is
kept as it stands.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from singer_delivery.cli.command import COMMANDS as DELIVERY
from singer_sdk import Tap, Target

from tools.connectors import ROOT, plugins

PLUGINS = {each.name: each for each in plugins()}
FILES = (ROOT / "meltano.yml", *(each.hub_file for each in PLUGINS.values()))
SDK_CLASSES = {"tap": Tap, "target": Target}
LABELS = {
    "us": "United States",
    "eu": "European Union",
    "in": "India",
    "alias": "$create_alias",
    "identify": "$identify",
    "date-time": "Declared as date-time",
    "rfc3339": "Written as RFC 3339",
    "text": "Text",
    "none": "None",
    "utc": "UTC",
    "project": "Wall clock of the project's time zone",
    "set": "Newer values win",
    "set_once": "Existing values win",
    "always": "Always",
    "identified_only": "Identified users only",
    "simplified": "Simplified ID Merge",
    "original": "Original ID Merge",
    "auto": "Automatic",
    "user": "A user's",
    "device": "A device's",
    "dead_letter": "Dead letters",
    "skip": "Left out",
    "own_device": "A device each",
    "keep": "Kept",
    "v1": "Each event acknowledged (v1)",
    "v0": "Requests acknowledged (v0)",
}
SETTINGS = re.compile(r"^(?P<indent> *)settings:\n(?:(?P=indent)[- ] .*\n)*", re.MULTILINE)
COMMANDS = re.compile(r"^(?P<indent> *)commands:\n(?:(?P=indent) .*\n)*", re.MULTILINE)
BEFORE_SETTINGS = re.compile(r"^(?=(?P<indent> *)settings:\n)", re.MULTILINE)
OF_KIND = {
    "tap": ("check",),
    "target": (
        *("check", "verify", "report", "runs", "watch", "explain"),
        *("dead-letters summary", "dead-letters retry"),
    ),
}
"""Of `singer-delivery`, for each kind of plugin: `meltano invoke target-posthog:verify`. A command
of two words has a hyphen between them there."""

WATCH = "watch ${prefix}_STATUS_PATH"
"""It takes the file that a setting names; Meltano says so when that is not set."""

PIP_URL = re.compile(r"^(?P<indent> *)pip_url: >-\n(?:(?P=indent)  .*\n)*", re.MULTILINE)
NAME = re.compile(r"^ *(?:- )?name: (tap-[a-z-]+|target-[a-z-]+)\n *namespace:", re.MULTILINE)


def main() -> None:
    """Write all files."""
    for path in FILES:
        path.write_text(rendered(path.read_text("utf-8")), "utf-8")


def rendered(text: str) -> str:
    """Return a file's text with what the code knows of each plugin in it."""

    def indented(found: re.Match[str], lines: Iterator[str]) -> str:
        return "".join(f"{found['indent']}{line}\n" for line in lines)

    with_urls = PIP_URL.sub(
        lambda found: indented(found, _pip_url(_named_before(found), _root(found))), text
    )
    with_commands = BEFORE_SETTINGS.sub(
        lambda found: indented(found, _commands(_named_before(found))), COMMANDS.sub("", with_urls)
    )
    return SETTINGS.sub(
        lambda found: indented(found, _settings(_named_before(found))), with_commands
    )


def _root(found: re.Match[str]) -> str:
    """Return the variable that says where our folders are: in our project, or in another one.

    A plugin of a project is indented, and one of hub/ is not.
    """
    return "MELTANO_PROJECT_ROOT" if found["indent"] else "ANALYTICS_CONNECTORS"


def _named_before(found: re.Match[str]) -> str:
    """Return the name of the plugin whose definition this is a part of."""
    return NAME.findall(found.string, 0, found.start())[-1]


def properties(name: str) -> dict[str, dict[str, Any]]:
    """Return the settings that a plugin's code declares, as JSON schemas.

    The SDK adds settings of its own, which Meltano knows by itself. One of these is a setting of
    the plugin only if the plugin describes it in words of its own.
    """
    added: dict[str, Any] = {"properties": {}}
    SDK_CLASSES[PLUGINS[name].kind].append_builtin_config(added)
    of_sdk = added["properties"]
    declared = PLUGINS[name].plugin_class().config_jsonschema["properties"]
    return {
        key: schema
        for key, schema in declared.items()
        if key not in of_sdk or schema.get("description") != of_sdk[key].get("description")
    }


def _pip_url(name: str, root: str) -> Iterator[str]:
    yield "pip_url: >-"
    for folder in (*PLUGINS[name].needs, name):
        yield f"  -e '${{{root}}}/{folder}'"
    yield f"  --constraint '${{{root}}}/constraints.txt'"


def commands_of(kind: str) -> list[str]:
    """Return the commands that plugins of a kind have, in order."""
    return [each for each in OF_KIND[kind] if each.partition(" ")[0] in DELIVERY]


def _commands(name: str) -> Iterator[str]:
    kind, prefix = PLUGINS[name].kind, name.upper().replace("-", "_")
    commands = commands_of(kind)
    if commands:
        yield "commands:"
    for command in commands:
        first = command.partition(" ")[0]
        args = f"{command} --{kind} {name} --config ENV"
        yield f"  {command.replace(' ', '-')}:"
        yield "    executable: singer-delivery"
        yield f"    args: {WATCH.format(prefix=prefix) if first == 'watch' else args}"
        yield f"    description: '{DELIVERY[first][1]}'"


def _settings(name: str) -> Iterator[str]:
    yield "settings:"
    for key, schema in properties(name).items():
        yield from (*_head(key, schema), *_options(schema), *_description(schema))


def _head(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"- name: {name}"
    yield f"  label: {schema['title']}"
    yield f"  kind: {_kind(schema)}"
    if schema.get("secret"):
        yield "  sensitive: true"
    if schema.get("default") is not None:
        value = schema["default"]
        yield f"  value: {str(value).lower() if isinstance(value, bool) else value}"


def _kind(schema: dict[str, Any]) -> str:
    """Return Meltano's kind: only those that it also reads well from the environment."""
    if "enum" in schema:
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return next(kind for kind in types if kind != "null")


def _options(schema: dict[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        yield "  options:"
        for value in (value for value in schema["enum"] if value is not None):
            yield f"  - label: {LABELS[value]}"
            yield f"    value: {value}"


def _description(schema: dict[str, Any]) -> Iterator[str]:
    yield "  description: >-"
    text = textwrap.wrap(schema["description"], 90, break_long_words=False, break_on_hyphens=False)
    yield from (f"    {line}" for line in text)


if __name__ == "__main__":
    main()
