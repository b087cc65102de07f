"""The addresses of Mixpanel's hosts, and the login to a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from singer_delivery.io.secrets import blotted, login_of


class Hosts(NamedTuple):
    """The hosts of a region: one gives out raw events, one answers queries."""

    export: str
    query: str


HOSTS = {
    "us": Hosts("https://data.mixpanel.com", "https://mixpanel.com"),
    "eu": Hosts("https://data-eu.mixpanel.com", "https://eu.mixpanel.com"),
    "in": Hosts("https://data-in.mixpanel.com", "https://in.mixpanel.com"),
}
"""Mixpanel docs, Raw Event Export and Query API, "Servers"."""


@dataclass(frozen=True)
class Account:
    """Addresses, and a login: a service account with a project, or a project secret alone."""

    base_url: str
    query_base_url: str
    region: str
    project_id: str
    username: str
    secret: str
    project_secret: str

    def __repr__(self) -> str:
        return f"Account({self.base_url!r})"  # secrets never reach a log

    @property
    def login(self) -> tuple[bytes, bytes]:
        """User name and password of HTTP Basic authentication.

        A project secret is a user name without a password (Mixpanel docs, Project Secret).
        """
        if self.project_secret:
            return self.project_secret.encode(), b""
        return self.username.encode(), self.secret.encode()

    @property
    def parameters(self) -> dict[str, str]:
        """What each request says of the project: nothing with a project secret, which is one's."""
        return {} if self.project_secret else {"project_id": self.project_id}

    @property
    def name(self) -> str:
        """The login and the project, in a sentence."""
        if self.project_secret:
            return "The project secret was refused"
        return f"The service account {self.username} was refused for project {self.project_id}"

    @property
    def project(self) -> str:
        """The project, in a sentence."""
        return f"Project {self.project_id}" if self.project_id else "The project"

    def without_secrets(self, text: str) -> str:
        """Return `text` with `…` for each secret: a service may quote them."""
        name, password = (each.decode() for each in self.login)
        return blotted(text, (login_of(name, password), self.secret, self.project_secret))
