"""Sends one request to Amplitude's Export API, and says what the answer means.

The statuses below are from Amplitude docs, Export API, unless a comment names another source.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import requests
from requests.auth import HTTPBasicAuth
from singer_delivery.io.retry import retry_after_seconds
from singer_delivery.tap.errors import (
    AccessRefused,
    AnswerNotUsable,
    RequestRefused,
    TapError,
    TooSlow,
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
from singer_delivery.tap.spool import open_private, spool_errors
from singer_delivery.tap.zips import overlap, reason_to_leave

from tap_amplitude.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from singer_delivery.io.retry import Clock

    from tap_amplitude.account import Account
    from tap_amplitude.windows import Window

PATH = "/api/2/export"
READ_TIMEOUT = 600.0
"""Seconds. Amplitude prepares a large range for minutes before the first byte."""

NOTHING_FOUND = "raw data files were not found"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT = 400, 401, 403, 404, 408
TOO_MANY, GATEWAY_TIMEOUT = 429, 504
ABOUT_SIZE = re.compile(r"too (large|big)|\d ?GB|file size|size limit|shorten", re.IGNORECASE)
ABOUT_KEY = re.compile(r"api[ _]?key", re.IGNORECASE)


def meaning(refusal: Refusal, account: Account, now: float) -> TapError | AnswerNotUsable | None:
    """Return what to raise for an answer other than 200; None when the window has no data."""
    status, text, said = refusal.status, refusal.text, account.without_keys(refusal.whole)
    if status == NOT_FOUND and NOTHING_FOUND in text.lower():
        return None
    if status in (UNAUTHORIZED, FORBIDDEN) or (status == BAD_REQUEST and ABOUT_KEY.search(text)):
        return AccessRefused(which_key(status, said, account))
    if status == NOT_FOUND or 300 <= status < BAD_REQUEST:
        return AccessRefused(_which_address(refusal, account))
    if status == BAD_REQUEST and (ABOUT_SIZE.search(text) or not text):
        # Size is the only documented reason of a 400, so a 400 without a text is about size.
        return TooLarge(f"it is too large (400{quoted(said)})")
    passing = _ask_again(status, said, retry_after_seconds(refusal.headers, now))
    return passing or RequestRefused(f"Amplitude refused the export ({status}{quoted(said)}).")


def _ask_again(status: int, said: str, retry_after: float | None) -> AnswerNotUsable | None:
    """Return what to raise when another request may succeed; None when none does."""
    if status == GATEWAY_TIMEOUT:
        return TooSlow("Amplitude ran out of time (504)")
    if status in (REQUEST_TIMEOUT, TOO_MANY) or status >= 500:
        return TryAgain(f"Amplitude answered {status}{quoted(said)}", retry_after)
    return None


class ExportClient:
    """Asks for one window at a time; two threads must not use it at once.

    It obeys `REQUESTS_CA_BUNDLE` and the proxy variables. It follows no redirect: keys must not
    travel to an address that the user did not name.
    """

    def __init__(self, account: Account, user_agent: str, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        # The files in the zip are compressed already.
        self._session = new_session(user_agent, "identity")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def fetch(self, window: Window, path: Path) -> bool:
        """Write the zip of `window` to `path`, and check it; return False when it has no data.

        Raises:
            AnswerNotUsable: Another request may succeed, for fewer hours or later.
            TapError: No other request can succeed.
        """
        account = self._account
        try:
            with self._session.get(
                f"{account.base_url}{PATH}",
                params={"start": window.first_hour, "end": window.last_hour},
                auth=HTTPBasicAuth(account.api_key.encode(), account.secret_key.encode()),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                stream=True,
                allow_redirects=False,
            ) as response:
                return self._receive(response, path)
        except requests.ReadTimeout as error:
            msg = f"no answer within {READ_TIMEOUT:.0f} s"
            raise TooSlow(msg) from error
        except requests.RequestException as error:
            raise unanswered(error, account.base_url) from error

    def _receive(self, response: requests.Response, path: Path) -> bool:
        if response.status_code != requests.codes.ok:
            outcome = meaning(Refusal.of(response), self._account, self._clock.now())
            if outcome is not None:
                raise outcome
            return False
        with spool_errors(path.parent), open_private(path) as file:
            for chunk in chunks_of(response):
                file.write(chunk)
        check_zip(path)
        return True


def check_zip(path: Path) -> None:
    """Read the zip to its end and compare every checksum, before the first row is written.

    Raises:
        TryAgain: It is no zip, it is empty, damaged or incomplete.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_to_unpack(members, path.stat().st_size)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        # Seen with 200: the text of a rate limit, the error page of an edge server.
        msg = "Amplitude answered 200 with something that is no complete zip file"
        raise TryAgain(msg) from error
    if not members:
        msg = "Amplitude answered 200 with an empty zip file, where no data would be 404"
        raise TryAgain(msg)
    if damaged is not None:
        msg = f"the downloaded file {damaged} does not match its checksum"
        raise TryAgain(msg)


def _refuse_to_unpack(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    reasons = (f"{each.filename} {why}" for each in members if (why := reason_to_leave(each)))
    why = "its members overlap" if overlap(members, size) else next(reasons, None)
    if why is not None:
        msg = f"Amplitude answered 200 with a zip file that is not unpacked: {why}"
        raise TryAgain(msg)


def which_key(status: int, text: str, account: Account) -> str:
    """Return the sentence about keys that Amplitude does not take."""
    other = "us" if account.region == "eu" else "eu"
    return (
        f"Amplitude refused api_key and secret_key ({status}{quoted(text)}) at "
        f"{account.base_url}. Both must belong to the same project, and the project to the region: "
        f'if its data is kept in the {other.upper()}, set region to "{other}" (now '
        f'"{account.region}").'
    )


def _which_address(refusal: Refusal, account: Account) -> str:
    return (
        f"{account.base_url} answered {refusal.status}{refusal.led} where the Export API was "
        "expected. Check region and base_url; redirects are not followed, as the keys would travel "
        "along."
    )
