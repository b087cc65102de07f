"""What is wrong with settings, in sentences that name them. Pure.

No value of a secret is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from singer_sdk.plugin_base import JSONSchemaValidator

KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "an object of names and values",
}
"""JSON's types, for people."""

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
MAY_BE_BLANK = frozenset({"report_path", "reports_path", "status_path"})
"""Settings that say something when they are blank: no such file is written."""

OF_THE_SDK = frozenset({"LOGLEVEL"})
"""Ends of variables that the SDK reads besides settings."""

FIRST_NAME = re.compile(r"`(\w+)`|^(\w+)\b")

Schema = Mapping[str, Any]


def sentences(schema: Schema, config: dict[str, Any], prefix: str) -> list[str]:
    """Return a sentence for each setting that is not what the schema says; fill in defaults.

    Args:
        schema: of the settings, as JSON Schema.
        config: the settings.
        prefix: of environment variables.
    """
    errors = JSONSchemaValidator(_sound(schema)).iter_errors(config)
    found = [_sentence(error, schema, prefix) for error in errors]
    return found + [
        f"{_named(name, prefix)} is empty: give it a value, or leave it out."
        for name, of in schema["properties"].items()
        if isinstance(of.get("default"), str) and name not in MAY_BE_BLANK
        if isinstance(config.get(name), str) and not config[name].strip() and "enum" not in of
    ]


def read_environment(
    schema: Schema, prefix: str, variables: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that stand in variables, and a sentence for each that is wrong."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, of in schema["properties"].items():
        text = variables.get(_variable(name, prefix))
        if text is None:
            continue
        try:
            values[name] = _parsed(text, _types(of))
        except ValueError as error:
            wrong.append(f"{_named(name, prefix)} {error}{_not_this(text, of)}.")
    return values, wrong


def misspelt(schema: Schema, prefix: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that begins as the plugin's and is no setting.

    Meltano sets variables of its own: two underscores before their names, and names within the
    objects that settings are.
    """
    properties = schema["properties"]
    known = {_variable(name, ""): name for name in properties}
    objects = tuple(
        f"{_variable(name, '')}_" for name, of in properties.items() if "object" in _types(of)
    )
    for name in variables:
        rest = name.removeprefix(prefix)
        is_ours = name.startswith(prefix) and rest not in OF_THE_SDK
        if is_ours and rest not in known and not rest.startswith(("_", *objects)):
            near = get_close_matches(rest, known, n=1, cutoff=0.5)
            hint = f" Did you mean {prefix}{near[0]}?" if near else ""
            yield f"The environment variable {name} is no setting and is not read.{hint}"


def with_variable(sentence: str, schema: Schema, prefix: str) -> str:
    """Return a sentence with the variable of the setting that it names first, or begins with."""
    for found in FIRST_NAME.finditer(sentence):
        name = found[1] or found[2]
        if name in schema["properties"]:
            variable = f" ({_variable(name, prefix)})"
            return sentence[: found.end()] + variable + sentence[found.end() :]
    return sentence


def _sound(part: Any) -> Any:
    """Return a schema in which `"null"` is none: the SDK's own of `stream_maps` holds such."""
    if isinstance(part, list):
        return [_sound(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: [{"type": each} if isinstance(each, str) else _sound(each) for each in of]
        if name in {"anyOf", "oneOf"}
        else _sound(of)
        for name, of in part.items()
    }


def _sentence(error: Any, schema: Schema, prefix: str) -> str:
    path = [str(part) for part in error.path]
    of = schema["properties"].get(path[0], {}) if path else {}
    named = _named(".".join(path), prefix) if len(path) == 1 else f"`{'.'.join(path)}`"
    if error.validator == "additionalProperties":
        return _unknown(error, path)
    shown = _not_this(error.instance, of)
    if error.validator == "type":
        return f"{named} must be {_kinds(error.validator_value)}{shown}."
    if error.validator == "enum":
        allowed = [str(each) for each in error.validator_value if each is not None]
        return (
            f"{named} must be one of {', '.join(allowed)}{shown}.{_hint(error.instance, allowed)}"
        )
    if error.validator in ("minimum", "maximum"):
        bound = "at least" if error.validator == "minimum" else "at most"
        return f"{named} must be {bound} {error.validator_value}{shown}."
    if error.validator == "required":
        missing = [each for each in error.validator_value if each not in error.instance]
        return f"{named} lacks {', '.join(f'`{each}`' for each in missing)}."
    return f"{named} cannot be read{'' if of.get('secret') else f': {error.message}'}."


def _unknown(error: Any, path: list[str]) -> str:
    """Return what to say of names that the schema does not have."""
    known = list(error.schema.get("properties", {}))
    where = f" in `{'.'.join(path)}`" if path else ""
    unknown = [name for name in error.instance if name not in known]
    said = [f"There is no setting `{name}`{where}.{_hint(name, known)}" for name in unknown]
    return " ".join(said)


def _hint(given: Any, known: list[str]) -> str:
    near = get_close_matches(str(given).lower(), known, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def _parsed(text: str, types: list[str]) -> Any:
    """Return the value in a variable, as a setting of these types has it.

    Raises:
        ValueError: it is none; the text goes on after the setting's name.
    """
    if "string" in types:
        return text
    kind = next((each for each in types if each in KINDS), "string")
    if not text.strip():
        msg = f"is empty: it must be {KINDS[kind]}, or not set at all"
        raise ValueError(msg)
    value = _as(kind, text.strip())
    if value is None:
        msg = f"must be {KINDS[kind]}{' as JSON' if kind == 'object' else ''}"
        raise ValueError(msg)
    return value


def _as(kind: str, text: str) -> Any:
    """Return what a text is of a kind, None when it is nothing of that kind."""
    if kind == "boolean":
        low = text.lower()
        return True if low in TRUE else False if low in FALSE else None
    try:
        value = int(text) if kind == "integer" else json.loads(text)
    except ValueError:
        value = None
    if kind == "array" and not text.startswith("["):  # a, b, c is as good as JSON
        return [each.strip() for each in text.split(",")]
    wanted = {"integer": int, "number": (int, float), "array": list, "object": dict}[kind]
    return value if isinstance(value, wanted) else None  # type: ignore[arg-type]


def _types(of: Schema) -> list[str]:
    types = of.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def _kinds(types: str | list[str]) -> str:
    names = [types] if isinstance(types, str) else types
    return " or ".join(KINDS[name] for name in names if name in KINDS)


def _named(name: str, prefix: str) -> str:
    return f"`{name}` ({_variable(name, prefix)})"


def _variable(name: str, prefix: str) -> str:
    return prefix + name.upper().replace("-", "_")


def _not_this(value: Any, of: Schema) -> str:
    """Quote a value that is wrong, unless it may be secret, long or nothing."""
    is_quoted = isinstance(value, (str, int, float)) and not of.get("secret") and value != ""
    return f", not {value!r}" if is_quoted and len(repr(value)) <= 40 else ""
