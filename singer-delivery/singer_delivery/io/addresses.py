"""Addresses of services, as people write them in settings. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from singer_delivery.errors import SettingsError


def http_address(address: str) -> SplitResult | None:
    """Return the parts of an http(s) address with a host; None when it is no such address."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # read late by urlsplit, and refused late
    except ValueError:
        return None
    is_one = parts.scheme in {"http", "https"} and parts.hostname and " " not in address
    return parts if is_one else None


def base_address(hosts: Mapping[str, str], region: str, base_url: str | None) -> str:
    """Return the address that the settings `region` and `base_url` name, without a trailing slash.

    Args:
        hosts: the service's own address, by region.
        region: one of them.
        base_url: an address to use instead.

    Raises:
        SettingsError: `base_url` is no http(s) address, or has a query of its own.
    """
    address = (base_url or hosts[region]).strip().rstrip("/")
    parts = http_address(address)
    if parts is None or parts.query or parts.fragment:
        msg = f"base_url must be an address such as {next(iter(hosts.values()))}"
        raise SettingsError(msg)
    return address


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
