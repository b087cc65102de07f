"""How PostHog is asked what it holds: addresses, the key, HogQL, and the meaning of its answers.

Sources: PostHog docs, "API queries" and "API overview"; PostHog's code (posthog/api/query.py,
hogql/constants.py, api/rate_limit.py, posthog/exceptions.py), as published in 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from singer_delivery.endpoint import Reply, Request, answer_of
from singer_delivery.io.addresses import host_of, http_address
from singer_delivery.io.secrets import excerpt
from singer_delivery.proof.asking import Allowed, Asker
from singer_delivery.proof.counting import CannotAsk, TooMuch

from target_posthog.queries import Query

ALLOWED = (Allowed(200, 60.0), Allowed(2_000, 3600.0))
"""A little less than the 240 a minute and 2,400 an hour of a project, which all its keys share
(docs, "API overview"; posthog/api/rate_limit.py). One query at a time keeps to the 3 at once."""

MOST_ROWS = 50_000
"""Of an answer; a query without LIMIT gets 100, and no error says so (hogql/constants.py)."""

TOO_MUCH = frozenset({504, 512})
"""Out of time or memory, and estimated to take too long: a shorter range may do."""


@dataclass(frozen=True, repr=False)
class Account:
    """Whom to ask, and in whose name.

    Attributes:
        address: of the application, without a trailing slash.
        project_id: the number of the project.
        key: a personal key with the scope `query:read`.
    """

    address: str
    project_id: str
    key: str

    def __repr__(self) -> str:
        return f"Account({host_of(self.address)!r})"  # the key never reaches a log


def account_of(config: Mapping[str, Any]) -> Account:
    """Return whom the settings name.

    Raises:
        CannotAsk: one is missing or wrong.
    """
    key = str(config.get("personal_api_key") or "").strip()
    project = str(config.get("project_id") or "").strip()
    lacks = [
        sentence
        for value, sentence in (
            (project, "`project_id`: the number in the address of the project, /project/12345"),
            (key, "`personal_api_key`: a key (phx_…) with the scope query:read, made in PostHog"),
        )
        if not value
    ]
    if lacks:
        msg = f"PostHog cannot be asked without {' and '.join(lacks)}."
        raise CannotAsk(msg)
    if key.startswith("phc_"):
        msg = "`personal_api_key` holds the project's key (phc_): a personal key (phx_…) asks."
        raise CannotAsk(msg)
    if not project.isascii() or not project.isdecimal():
        msg = "`project_id` is the number in the address of the PostHog project, /project/12345."
        raise CannotAsk(msg)
    return Account(query_host(config["host"], config.get("query_host")), project, key)


def query_host(host: str, given: str | None) -> str:
    """Return the address that answers queries: `given`, or that of the region of `host`.

    Raises:
        CannotAsk: it is no address.
    """
    address = (given or host).strip().rstrip("/")
    parts = http_address(address)
    if parts is None:
        msg = "`query_host` must be an address such as https://us.posthog.com"
        raise CannotAsk(msg)
    regions = {"us.i.posthog.com": "us", "eu.i.posthog.com": "eu", "app.posthog.com": "us"}
    region = regions.get(parts.hostname or "")
    return f"https://{region}.posthog.com" if region else address


class Queries:
    """Asks HogQL queries, one at a time.

    Days are those of UTC, whatever the project's zone; results are never those of a cache.

    Args:
        account: whom to ask.
        asker: sends.
    """

    def __init__(self, account: Account, asker: Asker) -> None:
        self._account, self._asker = account, asker

    def rows(self, query: Query, values: Mapping[str, Any], name: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a query.

        Args:
            query: to be answered.
            values: of its placeholders.
            name: for PostHog's list of queries.

        Raises:
            TooMuch: it takes too long, or has as many rows as an answer may have.
            CannotAsk: it is not answered.
        """
        reply = self._asker.ask(self._request(query.text, values, name))
        if reply.status in TOO_MUCH:
            raise TooMuch
        if reply.status != 200:
            raise CannotAsk(self._refused(reply))
        rows = answer_of(reply).get("results")
        if not isinstance(rows, list) or not all(map(query.fits, rows)):
            msg = f"{self._host} answered 200, but not as PostHog does: check `query_host`."
            raise CannotAsk(msg)
        return rows

    @property
    def _host(self) -> str:
        return host_of(self._account.address)

    def _request(self, query: str, values: Mapping[str, Any], name: str) -> Request:
        body = {
            "query": {
                "kind": "HogQLQuery",
                "query": query,
                "values": values,
                "modifiers": {"convertToProjectTimezone": False},
            },
            "refresh": "force_blocking",
            "name": f"target-posthog verify: {name}",
        }
        headers = {
            "Authorization": f"Bearer {self._account.key}",
            "Content-Type": "application/json",
        }
        url = f"{self._account.address}/api/projects/{self._account.project_id}/query/"
        return Request(url, orjson.dumps(body), headers)

    def _refused(self, reply: Reply) -> str:
        said = excerpt(_text(reply), [self._account.key])
        meaning: Callable[[str], str] | None = _MEANINGS.get(reply.status)
        if meaning is not None:
            return meaning(f"{self._host} ({said})" if said else self._host)
        return (
            f"PostHog at {self._host} did not answer a query ({reply.status}: {said}). Check "
            "`query_host` and `project_id`, or try again later."
        )


_MEANINGS: Mapping[int, Callable[[str], str]] = {
    401: lambda host: (
        f"PostHog at {host} does not know the personal key (401). Check `personal_api_key`, and "
        "that `query_host` is the region where it was made: a key of the other region is unknown."
    ),
    402: lambda host: (
        f"PostHog at {host} answers no queries (402): the project's quota or plan does not allow "
        "them. Not asked: raise the limit in PostHog's billing settings and ask again."
    ),
    403: lambda host: (
        f"PostHog at {host} refuses to answer (403). The personal key needs the scope query:read "
        "and access to the project of `project_id`."
    ),
    404: lambda host: (
        f"PostHog at {host} knows no such project (404). Check `project_id` and `query_host`."
    ),
    429: lambda host: (
        f"PostHog at {host} takes no more queries for now (429); all keys of a project share its "
        "limits. Ask again in an hour."
    ),
}


def _text(reply: Reply) -> str:
    """Return PostHog's own words; never a page of a proxy."""
    detail = answer_of(reply).get("detail")
    return " ".join(str(detail).split()) if detail else ""
