"""The address of the Export API, and the keys of a project."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from singer_delivery.io.secrets import blotted

HOSTS = {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}
"""Amplitude docs, Export API. `analytics.amplitude.com` is the web app and has no such API."""


@dataclass(frozen=True)
class Account:
    """The address of the Export API, and the keys of a project."""

    base_url: str
    region: str
    api_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Account({self.base_url!r})"  # keys never reach a log

    def without_keys(self, text: str) -> str:
        """Return `text` with `…` for both keys: a service may quote them."""
        return blotted(text, (self.secret_key, self.api_key))


def has_login(base_url: str) -> bool:
    """Tell whether an address contains a user name or a password."""
    parts = _split(base_url)
    return parts is not None and "@" in parts.netloc


def is_open_to_others(base_url: str) -> bool:
    """Tell whether keys and data travel unencrypted: over http to another machine."""
    parts = _split(base_url)
    return parts is not None and parts.scheme == "http" and not _is_this_machine(parts.hostname)


def _is_this_machine(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
