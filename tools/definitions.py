"""Write the settings in meltano.yml and hub/ anew from the code: `python -m tools.definitions`.

Only the lists under `settings:` are written; all else in these files is kept as it stands.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_amplitude.tap import TapAmplitude
from target_mixpanel.target import TargetMixpanel
from target_posthog.target import TargetPostHog

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = {
    "tap-amplitude": TapAmplitude,
    "target-posthog": TargetPostHog,
    "target-mixpanel": TargetMixpanel,
}
FILES = (
    ROOT / "meltano.yml",
    ROOT / "hub" / "extractors" / "tap-amplitude.yml",
    ROOT / "hub" / "loaders" / "target-posthog.yml",
    ROOT / "hub" / "loaders" / "target-mixpanel.yml",
)
# The SDK adds these to every plugin's settings when it is made; Meltano knows them by itself. One
# that a plugin describes in words of its own is nevertheless shown as a setting of that plugin.
BUILT_IN = {
    "add_record_metadata",
    "batch_config",
    "batch_size_rows",
    "emit_activate_version_messages",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "load_method",
    "process_activate_version_messages",
    "stream_map_config",
    "stream_maps",
    "validate_records",
}
IN_OWN_WORDS = {("tap-amplitude", "batch_config")}
LABELS = {
    "us": "United States",
    "eu": "European Union",
    "in": "India",
    "alias": "$create_alias",
    "identify": "$identify",
    "none": "None",
    "set": "Newer values win",
    "set_once": "Existing values win",
    "always": "Always",
    "identified_only": "Identified users only",
    "simplified": "Simplified ID Merge",
    "original": "Original ID Merge",
}
LIST = re.compile(r"^(?P<indent> *)settings:\n(?:(?P=indent)[- ] .*\n)*", re.MULTILINE)
NAME = re.compile(r"^ *(?:- )?name: (tap-[a-z]+|target-[a-z]+)\n *namespace:", re.MULTILINE)


def main() -> None:
    """Write all files."""
    for path in FILES:
        path.write_text(rendered(path.read_text("utf-8")), "utf-8")


def rendered(text: str) -> str:
    """Return a file's text with the settings of each plugin in it as the code has them."""

    def settings_of_plugin(found: re.Match[str]) -> str:
        name = NAME.findall(text, 0, found.start())[-1]
        lines = ["settings:", *(line for item in _settings(name) for line in item)]
        return "".join(f"{found['indent']}{line}\n" for line in lines)

    return LIST.sub(settings_of_plugin, text)


def properties(name: str) -> dict[str, dict[str, Any]]:
    """Return the settings that a plugin's code declares, as JSON schemas."""
    declared = PLUGINS[name].config_jsonschema["properties"]
    return {
        key: schema
        for key, schema in declared.items()
        if key not in BUILT_IN or (name, key) in IN_OWN_WORDS
    }


def _settings(name: str) -> Iterator[list[str]]:
    for key, schema in properties(name).items():
        yield [*_head(key, schema), *_options(schema), *_description(schema)]


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
