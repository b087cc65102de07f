"""The address of the Export API, and the keys of a project."""

from __future__ import annotations

from dataclasses import dataclass

from singer_delivery.io.secrets import blotted, login_of

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
        login = login_of(self.api_key, self.secret_key)
        return blotted(text, (login, self.secret_key, self.api_key))
