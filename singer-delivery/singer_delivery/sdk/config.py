"""Reads settings of plugins. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from singer_delivery.io.addresses import has_login


def text_of(config: Mapping[str, Any], name: str) -> str | None:
    """Return a setting as text without spaces around it; None when it is not set or empty."""
    value = config.get(name)
    return str(value).strip() or None if value is not None else None


def path_of(config: Mapping[str, Any], name: str) -> Path | None:
    """Return a setting that is a path; None where it is not set or empty."""
    text = text_of(config, name)
    return Path(text) if text else None


def number_of(config: Mapping[str, Any], name: str, default: int) -> int:
    """Return a setting that is a whole number."""
    value = config.get(name)
    return default if value is None else int(value)


def address_problems(config: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield a sentence for each problem of an address of a service."""
    address = text_of(config, name)
    if address and not address.startswith(("https://", "http://")):
        yield f"{name} must begin with https:// (or http://)."
    if address and has_login(address):
        yield f"{name} must hold no user name or password: other settings are the login."
