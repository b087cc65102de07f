"""Sends one request to Mixpanel's raw export, and says what the answer means.

The statuses and texts below are public reports of clients, unless a comment names a document. A
200 says little: what the body means is told in `body`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import requests
import urllib3
from requests.auth import HTTPBasicAuth
from singer_delivery.io.retry import Clock, retry_after_seconds
from singer_delivery.tap.errors import (
    AccessRefused,
    AnswerNotUsable,
    RequestRefused,
    TapError,
    TooSlow,
    TryAgain,
)
from singer_delivery.tap.http import (
    CHUNK_BYTES,
    CONNECT_TIMEOUT,
    Refusal,
    new_session,
    quoted,
    unanswered,
)
from singer_delivery.tap.spool import open_private, spool_errors

from tap_mixpanel.account import HOSTS, Account
from tap_mixpanel.budget import Budget
from tap_mixpanel.errors import FutureDay, Throttled

PATH = "/api/2.0/export"
FIRST_BYTE_TIMEOUT, BETWEEN_BYTES_TIMEOUT = 300.0, 120.0
"""Seconds. Mixpanel prepares a large answer for minutes before its first byte."""

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT = 400, 401, 403, 404, 408
TOO_MANY, GATEWAY_TIMEOUT = 429, 504

ABOUT_LOGIN = re.compile(r"unable to authenticate", re.IGNORECASE)
ABOUT_CLUSTER = re.compile(r"(project id )?for cluster|project_cluster", re.IGNORECASE)
CLUSTER = re.compile(r"project_cluster\W+([\w-]+)")
ABOUT_TIME = re.compile(r"timeout error", re.IGNORECASE)
ABOUT_TODAY = re.compile(r"to_date cannot be later than today", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What one request asks for: days, both included, and what narrows them down.

    Attributes:
        events: raw names; none asks for all.
        where: a condition of the rows.
        limit: the most rows, of which nobody says which. Only for the opening check.
    """

    first: date
    last: date
    events: tuple[str, ...] = ()
    where: str | None = None
    limit: int | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the request."""
        found = {
            "from_date": self.first.isoformat(),
            "to_date": self.last.isoformat(),
            "time_in_ms": "true",
        }
        if self.events:
            found["event"] = json.dumps(self.events)
        if self.where:
            found["where"] = self.where
        if self.limit:
            found["limit"] = str(self.limit)
        return found


def meaning(refusal: Refusal, account: Account, now: float) -> TapError | AnswerNotUsable | None:
    """Return what to raise for an answer other than 200; None when there is no data."""
    status, text = refusal.status, refusal.text
    said = account.without_secrets(refusal.whole)
    if status == NOT_FOUND:
        return None
    if status == UNAUTHORIZED or (status == BAD_REQUEST and ABOUT_LOGIN.search(text)):
        return AccessRefused(login_refused(status, said, account))
    if status == BAD_REQUEST and ABOUT_CLUSTER.search(text):
        return AccessRefused(other_region(account, CLUSTER.search(text)))
    if status == FORBIDDEN:
        return AccessRefused(_no_role(said, account))
    if 300 <= status < BAD_REQUEST:
        return AccessRefused(other_address(refusal, account.base_url))
    passing = _ask_again(refusal, said, retry_after_seconds(refusal.headers, now))
    return passing or RequestRefused(f"Mixpanel refused the export ({status}{quoted(said)}).")


def _ask_again(refusal: Refusal, said: str, retry_after: float | None) -> AnswerNotUsable | None:
    """Return what to raise when another request may succeed; None when none does."""
    status, text = refusal.status, refusal.text
    if status == TOO_MANY:
        return Throttled(f"Mixpanel answered 429{quoted(said)}", retry_after)
    if status == GATEWAY_TIMEOUT or (status == BAD_REQUEST and ABOUT_TIME.search(text)):
        return TooSlow(f"Mixpanel ran out of time ({status})")
    if status == BAD_REQUEST and ABOUT_TODAY.search(text):
        return FutureDay(f"Mixpanel answered 400{quoted(said)}")
    if status == REQUEST_TIMEOUT or status >= 500:
        return TryAgain(f"Mixpanel answered {status}{quoted(said)}", retry_after)
    return None


class ExportClient:
    """Asks for one window at a time; two threads must not use it at once.

    It follows no redirect: a login must not travel to an address that the user did not name.

    Args:
        account: addresses and login.
        user_agent: what the requests say of themselves.
        clock: the time.
        budget: asked before each request.
    """

    def __init__(self, account: Account, user_agent: str, clock: Clock, budget: Budget) -> None:
        self._account = account
        self._clock = clock
        self._budget = budget
        self._session = new_session(user_agent, "gzip")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def fetch(self, asked: Asked, path: Path) -> int | None:
        """Write the body to `path` as it comes, gzipped or not, and return its bytes.

        Returns:
            None when Mixpanel answers 404.

        Raises:
            AnswerNotUsable: Another request may succeed, for fewer days or later.
            TapError: No other request can succeed.
        """
        account = self._account
        self._budget.wait()
        try:
            with self._session.get(
                f"{account.base_url}{PATH}",
                params={**account.parameters, **asked.parameters},
                auth=HTTPBasicAuth(*account.login),
                timeout=(CONNECT_TIMEOUT, FIRST_BYTE_TIMEOUT),
                stream=True,
                allow_redirects=False,
            ) as response:
                return self._receive(response, path)
        except requests.ReadTimeout as error:
            msg = f"no answer within {FIRST_BYTE_TIMEOUT:.0f} s"
            raise TooSlow(msg) from error
        except requests.RequestException as error:
            raise unanswered(error, account.base_url) from error

    def _receive(self, response: requests.Response, path: Path) -> int | None:
        if response.status_code != requests.codes.ok:
            outcome = meaning(Refusal.of(response), self._account, self._clock.now())
            if outcome is not None:
                raise outcome
            return None
        size = 0
        with spool_errors(path.parent), open_private(path) as file:
            for chunk in _as_it_comes(response):
                size += file.write(chunk)
        return size


def _as_it_comes(response: requests.Response) -> Iterator[bytes]:
    """Yield the body without unpacking it.

    Raises:
        TryAgain: It breaks off.
        TooSlow: It falls silent.
    """
    raw = response.raw
    try:
        # The first byte alone, since only the wait for it may be long.
        chunk = raw.read(1, decode_content=False)
        _expect_bytes_soon(raw)
        while chunk:
            yield chunk
            chunk = raw.read(CHUNK_BYTES, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError as error:
        msg = "the download fell silent"
        raise TooSlow(msg) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        msg = "the download broke off"
        raise TryAgain(msg) from error


def _expect_bytes_soon(raw: urllib3.BaseHTTPResponse) -> None:
    """Wait no longer than between two bytes from now on."""
    with suppress(AttributeError, OSError):  # the connection is over
        raw.connection.sock.settimeout(BETWEEN_BYTES_TIMEOUT)  # type: ignore[union-attr]


def login_refused(status: int, said: str, account: Account) -> str:
    """Return the sentence about a login that Mixpanel does not take."""
    return (
        f"{account.name} ({status}{quoted(said)}). Check its name and its secret, that it has a "
        "role in the project, that it may see classified data, and region (now "
        f'"{account.region}").'
    )


def other_region(account: Account, found: re.Match[str] | None = None) -> str:
    """Return the sentence about a project that is not where it is looked for."""
    others = " or ".join(f'"{name}"' for name in HOSTS if name != account.region)
    lies = f" Mixpanel says that it lies in {found[1]}." if found else ""
    return (
        f'{account.project} is not in region "{account.region}": set region to {others}, and check '
        f"project_id.{lies}"
    )


def other_address(refusal: Refusal, base_url: str) -> str:
    """Return the sentence about an address where no Mixpanel answers."""
    return (
        f"{base_url} answered {refusal.status}{refusal.led} where Mixpanel was expected. Check "
        "region, base_url and query_base_url; redirects are not followed, as the login would "
        "travel along."
    )


def _no_role(said: str, account: Account) -> str:
    return (
        f"{account.name} (403{quoted(said)}): it has no role there that may export events. Give it "
        "one in the settings of the project."
    )
