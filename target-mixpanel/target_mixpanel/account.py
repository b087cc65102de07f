"""Where a Mixpanel project lives, and in whose name it is written to. Pure.

Sources: Mixpanel docs, "Ingestion API" and "Query API" (servers), "Import Events" (authentication),
"401 Unauthorized", as of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from singer_delivery.io.addresses import base_address, host_of
from singer_delivery.io.secrets import login_of

HOSTS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}
"""By the region where a project's data lives."""

QUERY_HOSTS = {
    "us": ("https://mixpanel.com", "https://data.mixpanel.com"),
    "eu": ("https://eu.mixpanel.com", "https://data-eu.mixpanel.com"),
    "in": ("https://in.mixpanel.com", "https://data-in.mixpanel.com"),
}
"""By region: the host of queries, and that of the raw export."""


@dataclass(frozen=True, repr=False)
class Account:
    """In whose name events are imported: a service account of a project, or the project's token.

    Attributes:
        base_url: the address that takes events, without a trailing slash.
        token: of the project; profiles and groups always need it.
        project_id: goes with the service account.
        username: of the service account; empty where the token imports.
        secret: of the service account.
    """

    base_url: str
    token: str
    project_id: str = ""
    username: str = ""
    secret: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Account:
        """Return the account that the settings name.

        Raises:
            SettingsError: their address is none.
        """
        names = ("project_token", "project_id", "service_account_username")
        token, project_id, username = (str(config.get(name) or "").strip() for name in names)
        secret = str(config.get("service_account_secret") or "").strip()
        address = base_address(HOSTS, config["region"], config.get("base_url"))
        return cls(address, token, project_id, username, secret)

    def __repr__(self) -> str:
        return f"Account({self.host!r})"  # secrets never reach a log

    @property
    def host(self) -> str:
        """The host alone, for messages."""
        return host_of(self.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a message or a file."""
        return tuple(each for each in (self._login, self.token, self.secret) if each)

    @property
    def authorization(self) -> str:
        """The header of HTTP Basic authentication."""
        return f"Basic {self._login}"

    @property
    def _login(self) -> str:
        name, password = (self.username, self.secret) if self.username else (self.token, "")
        return login_of(name, password)

    @property
    def what_to_check(self) -> str:
        """What may be wrong when the credentials are refused."""
        if not self.username:
            return "`project_token`, and that `region` is where the project lives"
        return (
            "`service_account_username` and its secret, that the service account is Owner or Admin "
            "of the project, that `project_id` is the project's and `region` is where it lives"
        )

    def missing(self, *, updates_profiles: bool) -> list[str]:
        """Return a sentence for each credential that is missing, or does not go with the others.

        Args:
            updates_profiles: whether profiles of people or groups are updated.
        """
        errors = []
        service_account = (self.username, self.secret)
        if any(service_account) and not (all(service_account) and self.project_id):
            errors.append(
                "A service account needs `service_account_username`, `service_account_secret` and "
                "`project_id`: set all three, or none to import by `project_token` alone."
            )
        if not self.token and not self.username:
            errors.append(
                "Set `project_token`, the token of the Mixpanel project (Settings > Project)."
            )
        elif not self.token and updates_profiles:
            errors.append(
                "Set `project_token`: profiles and groups need it even with a service account (or "
                "set `profiles` and `groups` to false)."
            )
        return errors

    def address(self, path: str, **query: str) -> str:
        """Return the URL of a path, with the project where a service account must name it."""
        if self.username:
            query["project_id"] = self.project_id
        return f"{self.base_url}{path}" + (f"?{urlencode(query)}" if query else "")
