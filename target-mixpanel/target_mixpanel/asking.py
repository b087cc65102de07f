"""How Mixpanel is asked what it holds: addresses, the service account, the meaning of its answers.

Sources: Mixpanel docs, "Query API", "Raw Event Export", "Rate Limits", "Manage Projects", as of
August 2026; texts of refusals as public clients quote them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import orjson
from singer_delivery.endpoint import Reply, Request
from singer_delivery.io.addresses import host_of, http_address
from singer_delivery.io.secrets import excerpt, login_of
from singer_delivery.proof.asking import Allowed, Asker, BrokenOff
from singer_delivery.proof.counting import CannotAsk

from target_mixpanel.account import QUERY_HOSTS

ALLOWED = (Allowed(1, 0.35), Allowed(60, 3600.0))
"""60 an hour of a whole project, people's dashboards by the API included; exports 3 a second."""

OURS = 'properties["mp_lib"]=="target-mixpanel"'
"""Every event of ours says so."""

DAYS_BACK = re.compile(r"exceeds? (\d+) days? into the past", re.IGNORECASE)


class BeyondHistory(Exception):  # noqa: N818 - what happened; the counter asks for less
    """The plan shows no days that lie further back."""

    def __init__(self, days: int) -> None:
        super().__init__(days)
        self.days = days


@dataclass(frozen=True, repr=False)
class Account:
    """Whom to ask, and in whose name: a service account with a role in the project."""

    queries: str
    exports: str
    project_id: str
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"Account({host_of(self.queries)!r})"  # secrets never reach a log

    @property
    def login(self) -> str:
        """What stands in the header of HTTP Basic authentication."""
        return login_of(self.username, self.secret)


def account_of(config: Mapping[str, Any]) -> Account:
    """Return whom the settings name.

    Raises:
        CannotAsk: one is missing or wrong.
    """
    names = ("service_account_username", "service_account_secret", "project_id")
    values = [str(config.get(name) or "").strip() for name in names]
    lacks = [f"`{name}`" for name, value in zip(names, values, strict=True) if not value]
    if lacks:
        msg = (
            f"Mixpanel cannot be asked without {', '.join(lacks)}: a project token may write, but "
            "queries and the raw export need a service account (Organization Settings > Service "
            "Accounts) with a role in the project."
        )
        raise CannotAsk(msg)
    username, secret, project_id = values
    given = str(config.get("query_base_url") or "").strip().rstrip("/")
    if given and http_address(given) is None:
        msg = "`query_base_url` must be an address such as https://mixpanel.com"
        raise CannotAsk(msg)
    queries, exports = (given, given) if given else QUERY_HOSTS[config["region"]]
    return Account(queries, exports, project_id, username, secret)


class Queries:
    """Asks the Query API and the raw export.

    Args:
        account: whom to ask.
        asker: sends.
    """

    def __init__(self, account: Account, asker: Asker) -> None:
        self._account, self._asker = account, asker

    def events(
        self, names: Sequence[str], first: date, last: date
    ) -> Mapping[str, Mapping[str, int]]:
        """Return name -> day of the project -> events, whoever sent them.

        Raises:
            BeyondHistory: the plan does not show the first day.
            CannotAsk: it is not answered.
        """
        asked = self._parameters(first, last, event=json.dumps([*names]))
        return _values(self._json("/api/query/events", asked))

    def ours(self, name: str, first: date, last: date) -> Mapping[str, int]:
        """Return day of the project -> events of a name that this target sent.

        Raises:
            BeyondHistory: the plan does not show the first day.
            CannotAsk: it is not answered.
        """
        asked = self._parameters(first, last, event=name, where=OURS)
        return _values(self._json("/api/query/segmentation", asked)).get(name, {})

    def profiles(self) -> int:
        """Return how many profiles of people there are.

        Raises:
            CannotAsk: it is not answered.
        """
        query = urlencode({"project_id": self._account.project_id})
        url = f"{self._account.queries}/api/query/engage?{query}"
        form = urlencode({"output_properties": "[]"}).encode()
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        return int(self._answer(Request(url, form, headers)).get("total", 0))

    @contextmanager
    def exported(
        self, first: date, last: date, names: Sequence[str] = ()
    ) -> Iterator[Iterator[Mapping[str, Any]]]:
        """Return the rows of our events of these days, both included, as they come.

        Days are those of UTC; in a project made before 2023, of its zone. The rows raise
        `BrokenOff` where the answer ends early.

        Raises:
            CannotAsk: it is not answered.
        """
        asked = {
            "project_id": self._account.project_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "time_in_ms": "true",
            "where": OURS,
        }
        if names:
            asked["event"] = json.dumps([*names])
        url = f"{self._account.exports}/api/2.0/export?{urlencode(asked)}"
        headers = {**self._headers, "Accept-Encoding": "gzip"}
        with self._asker.lines(Request(url, b"", headers, "GET")) as (reply, lines):
            if reply.status != 200:
                raise CannotAsk(self._refused(reply, self._account.exports))
            yield _rows(lines)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Basic {self._account.login}", "Accept": "application/json"}

    def _parameters(self, first: date, last: date, **more: str) -> dict[str, str]:
        return {
            "project_id": self._account.project_id,
            "type": "general",
            "unit": "day",
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            **more,
        }

    def _json(self, path: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        url = f"{self._account.queries}{path}?{urlencode(asked)}"
        return self._answer(Request(url, b"", self._headers, "GET"))

    def _answer(self, request: Request) -> Mapping[str, Any]:
        reply = self._asker.ask(request)
        if reply.status != 200:
            history = DAYS_BACK.search(reply.body.decode(errors="replace"))
            if reply.status == 403 and history is not None:
                raise BeyondHistory(int(history[1]))
            raise CannotAsk(self._refused(reply, self._account.queries))
        try:
            answer = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or "error" in answer:
            msg = (
                f"{host_of(self._account.queries)} answered 200, but not as Mixpanel does: check "
                "`region` and `query_base_url`."
            )
            raise CannotAsk(msg)
        return answer

    def _refused(self, reply: Reply, address: str) -> str:
        account, status = self._account, reply.status
        said = excerpt(_text(reply.body), (account.login, account.secret))
        at = f"Mixpanel at {host_of(address)}"
        if status == 402:
            return (
                f"{at} answers no queries on the project's plan (402). Not asked: compare by the "
                "raw export, which all plans have (--raw)."
            )
        if status in (401, 403):
            return (
                f"{at} refused the service account ({status}). Check `service_account_username` "
                "and its secret, that it has a role in the project of `project_id`, and `region`."
            )
        if status == 429:
            return (
                f"{at} takes no more questions for now (429): a project has 60 an hour, which the "
                "team shares. Ask again in an hour."
            )
        return f"{at} did not answer ({status}: {said}). Check `project_id` and `region`."


def _values(answer: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]]:
    data = answer.get("data")
    values = data.get("values") if isinstance(data, dict) else None
    if not isinstance(values, dict) or not all(map(_are_counts, values.values())):
        msg = "Mixpanel answered a query with something else than counts by day. Try again later."
        raise CannotAsk(msg)
    return values


def _are_counts(days: Any) -> bool:
    """Tell whether a value has a number for each day, whatever stands behind its date."""
    try:
        return all(date.fromisoformat(day[:10]) and count >= 0 for day, count in days.items())
    except (AttributeError, TypeError, ValueError):
        return False


def _rows(lines: Iterator[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield rows; a line that is none ends an answer early ("terminated early", in the body)."""
    for line in lines:
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BrokenOff from error
        if not _is_event(row):
            raise BrokenOff
        yield row


def _is_event(row: Any) -> bool:
    properties = row.get("properties") if isinstance(row, dict) else None
    return isinstance(properties, dict) and "event" in row and type(properties.get("time")) is int


def _text(body: bytes) -> str:
    """Return Mixpanel's own words; never a page of a proxy."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace")
        return "" if text.lstrip().startswith("<") else " ".join(text.split())
    said = document.get("error") if isinstance(document, dict) else None
    return " ".join(str(said or "").split())
