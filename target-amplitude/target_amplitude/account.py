"""Where an Amplitude project lives, and by which key it is written to. Pure.

Sources: Amplitude docs, "Batch Event Upload API" (addresses, the key in the body), as of November
2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from singer_delivery.io.addresses import base_address, host_of

HOSTS = {
    "us": "https://api2.amplitude.com",
    "eu": "https://api.eu.amplitude.com",
}
"""By the region where a project's data lives."""

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
"""A key has 32 hexadecimal digits; other services that speak the API may have others."""


@dataclass(frozen=True, repr=False)
class Account:
    """The project that is written to.

    Attributes:
        base_url: the address that takes events, without a trailing slash.
        api_key: of the project.
        region: that the settings name, for messages.
    """

    base_url: str
    api_key: str
    region: str = "us"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Account:
        """Return the project that the settings name.

        Raises:
            SettingsError: their address is none.
        """
        region = config["region"]
        address = base_address(HOSTS, region, config.get("base_url"))
        return cls(address, str(config.get("api_key") or "").strip(), region)

    def __repr__(self) -> str:
        return f"Account({self.host!r})"  # the key never reaches a log

    @property
    def host(self) -> str:
        """The host alone, for messages."""
        return host_of(self.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a message or a file."""
        return (self.api_key,) if self.api_key else ()

    def missing(self) -> list[str]:
        """Return a sentence where the key is missing, or none that Amplitude could take."""
        if not self.api_key:
            return ["Set `api_key`: the key of the Amplitude project (Settings > Projects)."]
        if not _KEY.fullmatch(self.api_key):
            return [
                "`api_key` is no key of an Amplitude project: such a key is 32 letters and digits."
            ]
        return []
