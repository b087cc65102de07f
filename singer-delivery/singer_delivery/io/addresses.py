"""Addresses of services, as people write them in settings. Pure."""

from __future__ import annotations

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
