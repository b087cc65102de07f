"""What Mixpanel is asked on request: login, project, plan.

A run asks none of it: it begins with the same requests by itself (see `opening` and `query`), each
of which counts among the 60 of an hour.

- One row of yesterday, by the raw export (`limit=1`): who is refused there is refused in the run.
- `GET /api/app/me`: the projects that a service account sees, with their time zones
  (mixpanel/mixpanel-headless). Undocumented, and megabytes long at times.
- The first page of profiles, where profiles are selected: 402 where the plan does not have them.

No secret is sent to another region than the one that the settings name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from singer_delivery.endpoint import Reply, Request, Sender
from singer_delivery.io.secrets import login_of
from singer_delivery.proof.questions import Answer, Question, document_of, no, not_answered, yes
from singer_delivery.tap.errors import AccessRefused
from singer_delivery.tap.http import Refusal, text_of

from tap_mixpanel.account import Account
from tap_mixpanel.client import PATH as EXPORT
from tap_mixpanel.client import Asked, meaning, other_region
from tap_mixpanel.engage import PATH as PROFILES
from tap_mixpanel.query import PlanLacksQueries
from tap_mixpanel.query import meaning as meaning_of_query

ME = "/api/app/me"
SMALL = {"output_properties": '["$last_seen"]'}
"""The form of a query for profiles that brings next to nothing of them."""

OK, UNAUTHORIZED = 200, 401


@dataclass(frozen=True)
class Questions:
    """What can be asked of a project.

    Attributes:
        account: addresses and login.
        today: the day that is not over, in UTC.
        now: seconds since 1970.
        needs_queries: whether profiles are selected, which come from the Query API.
    """

    account: Account
    today: date
    now: float
    needs_queries: bool

    def all(self) -> list[Question]:
        """Return them."""
        found = [Question("login", self._login, is_of_runs=False)]
        if not self.account.project_secret:
            found.append(Question("project", self._project, is_of_runs=False))
        if self.needs_queries:
            found.append(Question("plan", self._plan, is_of_runs=False))
        return found

    def _login(self, sender: Sender) -> Answer:
        account, day = self.account, self.today - timedelta(days=1)
        parameters = {**account.parameters, **Asked(day, day, limit=1).parameters}
        reply = self._send(sender, "GET", f"{account.base_url}{EXPORT}", parameters)
        whom = f"Mixpanel at {account.base_url}"
        if reply.status == OK:
            return self._rows(reply, whom)
        refused = reply.status and meaning(_refusal(reply), account, self.now)
        return no(str(refused)) if isinstance(refused, AccessRefused) else not_answered(reply, whom)

    def _rows(self, reply: Reply, whom: str) -> Answer:
        first = reply.body.lstrip()[:1]
        if first == b"<":
            return no(other_region(self.account))  # a page to log in with
        if first and b'"event"' not in reply.body:
            return not_answered(reply, whom)
        return yes(f"{whom} takes the login, and gives out raw events.")

    def _project(self, sender: Sender) -> Answer:
        account = self.account
        reply = self._send(sender, "GET", account.query_base_url + ME, {})
        whom = f"Mixpanel at {account.query_base_url}"
        if reply.status == UNAUTHORIZED:
            return no(f"{account.name} (401). Check its name and its secret, and region.")
        projects = _projects(reply)
        if projects is None:
            return not_answered(reply, whom)
        project = projects.get(account.project_id)
        if not isinstance(project, Mapping):
            return no(
                f"The service account sees no project {account.project_id}. Give it a role in the "
                "project, or check project_id and region."
            )
        zone = f", in the time zone {project['timezone']}" if project.get("timezone") else ""
        return yes(f"The service account sees project {account.project_id}{zone}.")

    def _plan(self, sender: Sender) -> Answer:
        account = self.account
        address = account.query_base_url + PROFILES
        reply = self._send(sender, "POST", address, account.parameters, SMALL)
        whom = f"Mixpanel at {account.query_base_url}"
        document = document_of(reply)
        if reply.status == OK and isinstance(document, Mapping) and "results" in document:
            return yes("The project gives out profiles.")
        if reply.status in (0, OK):
            return not_answered(reply, whom)
        refused = meaning_of_query(_refusal(reply), account, 0, self.now)
        is_no = isinstance(refused, (PlanLacksQueries, AccessRefused))
        return no(str(refused)) if is_no else not_answered(reply, whom)

    def _send(
        self,
        sender: Sender,
        method: str,
        address: str,
        parameters: Mapping[str, str],
        form: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        name, password = (each.decode() for each in self.account.login)
        headers = {"Authorization": f"Basic {login_of(name, password)}"}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        query = f"?{urlencode(parameters)}" if parameters else ""
        body = urlencode(form).encode()
        return sender.send(Request(address + query, body, headers, method=method))


def _refusal(reply: Reply) -> Refusal:
    return Refusal(reply.status, text_of(reply.body), reply.headers)


def _projects(reply: Reply) -> Mapping[str, Any] | None:
    """Return the projects of an account by their ids; None where the reply has none."""
    document = document_of(reply)
    results = document.get("results", document) if isinstance(document, Mapping) else None
    projects = results.get("projects") if isinstance(results, Mapping) else None
    is_one = reply.status == OK and isinstance(projects, Mapping)
    return projects if is_one else None
