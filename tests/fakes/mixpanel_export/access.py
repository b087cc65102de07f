"""Who is let in. Pure.

Sources: Mixpanel docs, "Service Accounts" (Basic, with `project_id`), "Project Secret" (its user
name, no password, no project; off from 3 March 2027); public reports of the wrong region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.fakes.http.exchanges import Exchange, Reply, basic_login
from tests.fakes.mixpanel_export.refusals import (
    CANNOT_AUTHENTICATE,
    FORBIDDEN,
    HTML,
    UNAUTHORIZED,
    WRONG_CLUSTER,
    as_json,
    plain,
)

Region = Literal["us", "eu", "in"]


@dataclass(frozen=True)
class Access:
    """To one project at the hosts of one region.

    Attributes:
        project_id: Goes with the service account.
        username: Of a service account with a role in the project.
        secret: Of the service account.
        project_secret: User name of the other, older way in; None: there is none.
        region: Of the hosts.
        project_region: Where the project lies; elsewhere it is not found.
        lost_project: What the wrong region answers: a 400 that names the cluster, or a page.
        refusal: What a wrong account gets.
    """

    project_id: int
    username: str
    secret: str
    project_secret: str | None
    region: Region
    project_region: Region
    lost_project: Literal["cluster", "page"]
    refusal: Literal[401, 400]

    def refused(self, exchange: Exchange) -> Reply | None:
        """Answer who is not let in, as the export host does; None: come in."""
        known = basic_login(exchange.headers)
        query = exchange.query
        by_secret = self.project_secret is not None and known == (self.project_secret, "")
        by_account = known == (self.username, self.secret) and query.get("project_id", "")
        if not by_secret and not by_account:
            return UNAUTHORIZED if self.refusal == 401 else CANNOT_AUTHENTICATE
        if by_secret and "project_id" in query:
            return plain("A project secret goes without project_id")  # the stand-in's own
        if by_account and query["project_id"] != str(self.project_id):
            return FORBIDDEN
        if self.region != self.project_region:
            return plain(WRONG_CLUSTER) if self.lost_project == "cluster" else HTML
        return None

    def knows_account(self, headers: Mapping[str, str]) -> bool:
        """Whether the login is the service account's, whatever the project."""
        return basic_login(headers) == (self.username, self.secret)


def for_query_host(path: str, reply: Reply) -> Reply:
    """Say in JSON what the export host says in plain text."""
    return reply if reply is HTML else as_json(path, reply.body.decode(), reply.status)
