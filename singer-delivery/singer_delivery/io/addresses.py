"""Addresses of services, as people write them in settings. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def http_address(address: str) -> SplitResult | None:
    """Return the parts of an http(s) address with a host; None when it is no such address."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # read late by urlsplit, and refused late
    except ValueError:
        return None
    is_one = parts.scheme in {"http", "https"} and parts.hostname and " " not in address
    return parts if is_one else None


def host_of(address: str) -> str:
    """Return the host and port of an address, for messages: a login in it stays unsaid."""
    return urlsplit(address).netloc.rpartition("@")[2]


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
