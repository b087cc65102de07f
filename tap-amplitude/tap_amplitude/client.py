"""Sends one request to Amplitude's Export API, and says what the answer means.

The statuses below are from Amplitude docs, Export API, unless a comment names another source.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from singer_delivery.io.retry import retry_after_seconds

from tap_amplitude.errors import (
    AccessRefused,
    AnswerNotUsable,
    RequestRefused,
    TapError,
    TooLarge,
    TooSlow,
    TryAgain,
)
from tap_amplitude.spool import open_private, spool_errors
from tap_amplitude.zips import overlap, reason_to_leave

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from singer_delivery.io.retry import Clock

    from tap_amplitude.account import Account
    from tap_amplitude.windows import Window

PATH = "/api/2/export"
CONNECT_TIMEOUT = 30.0
READ_TIMEOUT = 600.0
"""Seconds. Amplitude prepares a large range for minutes before the first byte."""

CHUNK_BYTES = 1024 * 1024
REFUSAL_BYTES = 65_536
"""No more of a refusal's body is read."""

NOTHING_FOUND = "raw data files were not found"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT = 400, 401, 403, 404, 408
TOO_MANY, GATEWAY_TIMEOUT = 429, 504
ABOUT_SIZE = re.compile(r"too (large|big)|\d ?GB|file size|size limit|shorten", re.IGNORECASE)
ABOUT_KEY = re.compile(r"api[ _]?key", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """An answer other than 200: its status, its text for people, and its headers."""

    status: int
    text: str
    headers: Mapping[str, str]


def meaning(refusal: Refusal, account: Account, now: float) -> TapError | AnswerNotUsable | None:
    """Return what to raise for an answer other than 200; None when the window has no data."""
    status, text, said = refusal.status, refusal.text, account.without_keys(refusal.text)
    if status == NOT_FOUND and NOTHING_FOUND in text.lower():
        return None
    if status in (UNAUTHORIZED, FORBIDDEN) or (status == BAD_REQUEST and ABOUT_KEY.search(text)):
        return AccessRefused(_which_key(status, said, account))
    if status == NOT_FOUND or 300 <= status < BAD_REQUEST:
        return AccessRefused(_which_address(refusal, account))
    if status == BAD_REQUEST and (ABOUT_SIZE.search(text) or not text):
        # Size is the only documented reason of a 400, so a 400 without a text is about size.
        return TooLarge(f"it is too large (400{_quoted(said)})")
    passing = _ask_again(status, said, retry_after_seconds(refusal.headers, now))
    return passing or RequestRefused(f"Amplitude refused the export ({status}{_quoted(said)}).")


def _ask_again(status: int, said: str, retry_after: float | None) -> AnswerNotUsable | None:
    """Return what to raise when another request may succeed; None when none does."""
    if status == GATEWAY_TIMEOUT:
        return TooSlow("Amplitude ran out of time (504)")
    if status in (REQUEST_TIMEOUT, TOO_MANY) or status >= 500:
        return TryAgain(f"Amplitude answered {status}{_quoted(said)}", retry_after)
    return None


def text_of(body: bytes) -> str:
    """Return the text for people in the body of a refusal: one line of at most 300 characters."""
    text = body.decode(errors="replace")
    try:
        text = ". ".join(_strings(orjson.loads(body))) or text
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:300]


class ExportClient:
    """Asks for one window at a time; two threads must not use it at once.

    It obeys `REQUESTS_CA_BUNDLE` and the proxy variables. It follows no redirect: keys must not
    travel to an address that the user did not name.
    """

    def __init__(self, account: Account, user_agent: str, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._session = requests.Session()
        # The files in the zip are compressed already.
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})
        # `Downloader` counts the attempts; urllib3 must not repeat one by itself.
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))

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
            raise _unanswered(error, account) from error

    def _receive(self, response: requests.Response, path: Path) -> bool:
        if response.status_code != requests.codes.ok:
            body = next(response.iter_content(REFUSAL_BYTES), b"")
            refusal = Refusal(response.status_code, text_of(body), response.headers)
            outcome = meaning(refusal, self._account, self._clock.now())
            if outcome is not None:
                raise outcome
            return False
        with spool_errors(path.parent), open_private(path) as file:
            for chunk in _chunks(response):
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


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(CHUNK_BYTES)
    except (requests.RequestException, OSError) as error:
        msg = "the download broke off"
        raise TryAgain(msg) from error


def _unanswered(error: requests.RequestException, account: Account) -> TapError | TryAgain:
    if isinstance(error, ValueError):  # requests raises one for a text that is no address
        return AccessRefused(f"{account.base_url} is no address to ask. Check base_url.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return AccessRefused(
            f"The TLS certificate of {account.base_url} could not be verified. Behind a proxy that "
            "reads along, set REQUESTS_CA_BUNDLE to its certificates."
        )
    return TryAgain(_what_failed(error))


def _what_failed(error: requests.RequestException) -> str:
    """Name the failure, without the text of the error: it quotes addresses."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS handshake failed"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not let the request through"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:.0f} s"
    if "NameResolutionError" in str(error):
        return "the name of its host is not known (DNS)"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed or was dropped"
    return type(error).__name__


def _which_key(status: int, text: str, account: Account) -> str:
    other = "us" if account.region == "eu" else "eu"
    return (
        f"Amplitude refused api_key and secret_key ({status}{_quoted(text)}) at "
        f"{account.base_url}. Both must belong to the same project, and the project to the region: "
        f'if its data is kept in the {other.upper()}, set region to "{other}" (now '
        f'"{account.region}").'
    )


def _which_address(refusal: Refusal, account: Account) -> str:
    goal = urlsplit(refusal.headers.get("Location", ""))
    led = f", which leads to {goal.scheme}://{goal.hostname}," if goal.hostname else ""
    return (
        f"{account.base_url} answered {refusal.status}{led} where the Export API was expected. "
        "Check region and base_url; redirects are not followed, as the keys would travel along."
    )


def _quoted(text: str) -> str:
    return f': "{text}"' if text else ""


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings of a JSON value, outermost first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for part in value.values() for text in _strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _strings(part))
