"""Whom to ask for the export, and in whose name."""

from __future__ import annotations

from dataclasses import dataclass

HOSTS = {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}
"""Amplitude docs, Export API. `analytics.amplitude.com` is the web app and has no such API."""


@dataclass(frozen=True)
class Account:
    """Whom to ask, and in whose name."""

    base_url: str
    region: str
    api_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Account({self.base_url!r})"  # keys never reach a log

    def without_keys(self, text: str) -> str:
        """Return `text` with both keys blotted out, for a service may quote them."""
        for key in (self.secret_key, self.api_key):
            text = text.replace(key, "…")
        return text
