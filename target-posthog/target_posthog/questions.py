"""What PostHog is asked before a run: whether it knows the project's key.

Capture answers 200 to any key of a likely form and drops the events of an unknown one (PostHog,
rust/capture, docs/token-validation.md: TOKEN_VALIDATION_MODE is off), so others are asked:

- `POST /flags/?v=2`: 401 for an unknown key, 200 for a known one. With `disable_flags` no flag is
  looked at, so that nothing is billed (rust/feature-flags, src/handler: authentication, mod).
- `GET /array/{key}/config`: 404 for an unknown key (rust/hypercache-server, tests; posthog-js asks
  it first). Asked where the first says no, or does not exist, as with a PostHog of one's own.

- `POST /api/projects/{id}/query/` in the name of a personal key, where the settings have one for
  `verify`: 401 for a key that the region does not know, 403 for one without the scope, 404 for a
  project that it does not see (posthog/api/query.py). The groups that it counts tell how many group
  types there are. It counts among the queries of the project, so no run asks it.

A project's key is public: every browser that sends events shows it. So the other region may be
asked for it, too; a personal key is sent nowhere else. Nobody tells the plan, nor whether both keys
are of one project.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from singer_delivery.endpoint import Reply, Request, Sender, answer_of
from singer_delivery.io.addresses import host_of
from singer_delivery.proof.counting import CannotAsk
from singer_delivery.proof.questions import (
    Answer,
    Known,
    Question,
    no,
    not_answered,
    yes,
)

from target_posthog.queries import GROUPS
from target_posthog.settings import MAX_GROUP_TYPES

if TYPE_CHECKING:
    from target_posthog.asking import Account

CLOUD = {"US": "us.i.posthog.com", "EU": "eu.i.posthog.com"}
"""The hosts of PostHog Cloud, by region (PostHog docs, "API")."""

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404

ABOUT_KEY = re.compile(rb"api[ _-]?key|token", re.IGNORECASE)
"""Stands in the 401 of `/flags`, and not in that of a proxy that asks for a password."""


def questions(address: str, api_key: str) -> list[Question]:
    """Return what can be asked with the project's key.

    Args:
        address: that takes events, without a trailing slash.
        api_key: of the project.
    """
    return [Question("project key", _Key(address, api_key).answer)]


def about_project(account: Callable[[], Account]) -> Question:
    """Return what can be asked of the project in the name of a personal key.

    Args:
        account: returns whom to ask, or raises CannotAsk with what is wrong in the settings.
    """

    def ask(sender: Sender) -> Answer:
        try:
            return _project(account(), sender)
        except CannotAsk as error:
            return no(str(error))

    return Question("project", ask, is_of_runs=False)


def _project(account: Account, sender: Sender) -> Answer:
    """Ask which groups a project has, in the name of a personal key."""
    asked = {"kind": "HogQLQuery", "query": GROUPS.text}
    said = {"query": asked, "refresh": "force_blocking", "name": "target-posthog check"}
    headers = {"Authorization": f"Bearer {account.key}", "Content-Type": "application/json"}
    url = f"{account.address}/api/projects/{account.project_id}/query/"
    reply = sender.send(Request(url, orjson.dumps(said), headers))
    whom, project = f"PostHog at {host_of(account.address)}", f"project {account.project_id}"
    if reply.status == UNAUTHORIZED:
        return no(f"{whom} does not know `personal_api_key` (401). Check it, and `host`.")
    if reply.status == FORBIDDEN:
        return no(
            f"{whom} does not let `personal_api_key` ask {project} (403). It needs the scope "
            "query:read, and access to the project."
        )
    answer = answer_of(reply)
    if reply.status == NOT_FOUND and "code" in answer:
        return no(f"{whom} has no {project} (404). Check `project_id`, and `host`.")
    rows = answer.get("results")
    if reply.status != OK or not isinstance(rows, list):
        return not_answered(reply, whom)
    return yes(
        f"The personal key may ask {project}, as `verify` does. {len(rows)} of its "
        f"{MAX_GROUP_TYPES} group types have groups."
    )


@dataclass(frozen=True, repr=False)
class _Key:
    """Whether PostHog at an address knows a project's key."""

    address: str
    api_key: str

    def answer(self, sender: Sender) -> Answer:
        """Ask, and say what the replies mean."""
        flags = sender.send(self._flags())
        if flags.status == OK and _is_of_flags(flags):
            return self._known()
        if flags.status not in (UNAUTHORIZED, NOT_FOUND):
            return not_answered(flags, self.whom)
        config = sender.send(self._config())
        if config.status == OK and _is_config(config, self.api_key):
            is_denied = flags.status == UNAUTHORIZED
            return not_answered(flags, self.whom) if is_denied else self._known()
        if flags.status == UNAUTHORIZED:
            if config.status == NOT_FOUND or ABOUT_KEY.search(flags.body):
                return self._unknown(sender)
            return not_answered(flags, self.whom)
        return not_answered(config, self.whom)

    def _known(self) -> Answer:
        region = next((name for name, host in CLOUD.items() if host == self.host), None)
        where = f"a project in the {region} region" if region else "a project"
        return yes(f"{self.whom} knows the key: it is that of {where}.")

    def _unknown(self, sender: Sender) -> Answer:
        why = (
            f"{self.whom} knows no project with this key. Capture would answer 200 all the same, "
            "and drop every event."
        )
        other = self._elsewhere()
        if other is not None and other.answer(sender).known is Known.YES:
            return no(f"{why} The project is at {other.host}: set `host` to {other.address}.")
        return no(f"{why} Check `api_key` (Settings > Project > General) and `host`.")

    def _elsewhere(self) -> _Key | None:
        """Return the same question to the other region of PostHog Cloud; None elsewhere."""
        others = [host for host in CLOUD.values() if host != self.host]
        if len(others) == len(CLOUD):
            return None
        return _Other(self.address.replace(self.host, others[0]), self.api_key)

    def _flags(self) -> Request:
        said = {"token": self.api_key, "distinct_id": "check", "disable_flags": True}
        headers = {"Content-Type": "application/json"}
        return Request(f"{self.address}/flags/?v=2", orjson.dumps(said), headers)

    def _config(self) -> Request:
        key = quote(self.api_key, safe="")
        return Request(f"{self.address}/array/{key}/config", b"", method="GET")

    @property
    def host(self) -> str:
        """The host alone, for messages."""
        return host_of(self.address)

    @property
    def whom(self) -> str:
        """Who is asked, for messages."""
        return f"PostHog at {self.host}"


class _Other(_Key):
    """The same, at the other region: it asks no further."""

    def _elsewhere(self) -> _Key | None:
        return None


def _is_of_flags(reply: Reply) -> bool:
    """Tell `/flags` of PostHog from whatever else answers 200."""
    answer = answer_of(reply)
    return "flags" in answer or "featureFlags" in answer


def _is_config(reply: Reply, api_key: str) -> bool:
    return answer_of(reply).get("token") == api_key
