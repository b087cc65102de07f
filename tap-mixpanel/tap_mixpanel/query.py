"""Asks the query host for pages of profiles, and says what its answers mean.

The statuses are from Mixpanel docs (Query API, Rate Limits), unless a comment names another source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests
from requests.auth import HTTPBasicAuth
from singer_delivery.io.retry import Clock, retry_after_seconds
from singer_delivery.tap.errors import (
    AccessRefused,
    AnswerNotUsable,
    RequestRefused,
    TapError,
    TryAgain,
)
from singer_delivery.tap.http import (
    CONNECT_TIMEOUT,
    Refusal,
    chunks_of,
    new_session,
    quoted,
    unanswered,
)

from tap_mixpanel.account import Account
from tap_mixpanel.budget import Budget
from tap_mixpanel.client import (
    ABOUT_CLUSTER,
    ABOUT_LOGIN,
    ABOUT_TIME,
    BAD_REQUEST,
    CLUSTER,
    FORBIDDEN,
    REQUEST_TIMEOUT,
    TOO_MANY,
    UNAUTHORIZED,
    login_refused,
    other_address,
    other_region,
)
from tap_mixpanel.engage import PATH, Page, SessionLost, read_page
from tap_mixpanel.errors import Throttled

READ_TIMEOUT = 300.0
"""Seconds. A large project is searched before the first byte."""

NO_PLAN = 402

ABOUT_SESSION = re.compile(r"session|uncached", re.IGNORECASE)
"""`must have session_id when requesting page > 0`, and `request for page in uncached query for
params`: texts in public code of clients."""

IN_USE = re.compile(r"(\d+)/(\d+) queries running concurrently and (\d+)/(\d+)")
"""The text of a 429 (airbytehq/airbyte#9410)."""


class PlanLacksQueries(TapError):  # noqa: N818 - named by what happened
    """The plan of the project has no Query API."""


def meaning(
    refusal: Refusal, account: Account, page: int, now: float
) -> TapError | AnswerNotUsable:
    """Return what to raise for an answer other than 200 to the request for a page."""
    status, text = refusal.status, refusal.text
    said = quoted(account.without_secrets(refusal.whole))
    if status == BAD_REQUEST and page and ABOUT_SESSION.search(text):
        return SessionLost(f"Mixpanel knows the session of page {page} no more")
    if status == TOO_MANY:
        return _too_many(text, retry_after_seconds(refusal.headers, now))
    passes = status == BAD_REQUEST and ABOUT_TIME.search(text)
    if passes or status == REQUEST_TIMEOUT or status >= 500:
        after = retry_after_seconds(refusal.headers, now)
        return TryAgain(f"Mixpanel answered {status}{said}", after)
    return _refused(refusal, account) or RequestRefused(
        f"Mixpanel refused the query for profiles ({status}{said})."
    )


def _refused(refusal: Refusal, account: Account) -> TapError | None:
    """Return what to raise when settings or the plan are the reason; None when they are not."""
    status, text = refusal.status, refusal.text
    if status == NO_PLAN:
        return PlanLacksQueries(
            "This project's plan has no Query API, which profiles come from (402): deselect "
            "profiles and group_profiles."
        )
    said = account.without_secrets(refusal.whole)
    if status in (UNAUTHORIZED, FORBIDDEN) or (status == BAD_REQUEST and ABOUT_LOGIN.search(text)):
        return AccessRefused(login_refused(status, said, account))
    if status == BAD_REQUEST and ABOUT_CLUSTER.search(text):
        return AccessRefused(other_region(account, CLUSTER.search(text)))
    if 300 <= status < BAD_REQUEST or status == requests.codes.not_found:
        return AccessRefused(other_address(refusal, account.query_base_url))
    return None


def _too_many(text: str, retry_after: float | None) -> TryAgain:
    """Say which of the two limits is full: queries at once, or in an hour."""
    found = IN_USE.search(text)
    if found is None:
        return Throttled("Mixpanel answered 429, its limit of queries is reached", retry_after)
    running, most_running, asked, most_asked = map(int, found.groups())
    if asked >= most_asked:
        what = f"the {most_asked} queries of this hour are used up"
        return Throttled(f"Mixpanel answered 429, {what}", retry_after)
    what = f"{running} of {most_running} queries run at once"
    return TryAgain(f"Mixpanel answered 429, {what}", retry_after)


class QueryClient:
    """Asks for one page at a time; two threads must not use it at once.

    It follows no redirect: secrets must not travel to an address that the user did not name.

    Args:
        account: hosts and login.
        user_agent: what requests say of themselves.
        clock: tells a `Retry-After` that is a date.
        budget: of the query host; asked before each request.
    """

    def __init__(self, account: Account, user_agent: str, clock: Clock, budget: Budget) -> None:
        self._account = account
        self._clock = clock
        self._budget = budget
        self._session = new_session(user_agent, "gzip")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def page(self, form: Mapping[str, str], number: int) -> Page:
        """Return page `number` of the query that `form` says.

        Raises:
            SessionLost: The reading must begin again at page 0.
            TryAgain: Another request may succeed, later.
            TapError: No other request can succeed.
        """
        account = self._account
        self._budget.wait()
        try:
            with self._session.post(
                f"{account.query_base_url}{PATH}",
                params=account.parameters,
                data=form,
                auth=HTTPBasicAuth(*account.login),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                stream=True,
                allow_redirects=False,
            ) as response:
                return self._received(response, number)
        except requests.ReadTimeout as error:
            msg = f"no answer within {READ_TIMEOUT:.0f} s"
            raise TryAgain(msg) from error
        except requests.RequestException as error:
            raise unanswered(error, account.query_base_url) from error

    def _received(self, response: requests.Response, number: int) -> Page:
        if response.status_code == requests.codes.ok:
            return read_page(b"".join(chunks_of(response)), number)
        raise meaning(Refusal.of(response), self._account, number, self._clock.now())
