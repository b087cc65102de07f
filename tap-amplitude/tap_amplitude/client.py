"""One request to Amplitude's Export API, and what its answer means.

Source of every status below: Amplitude docs, Export API, unless a comment names another.
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
"""Seconds. Amplitude gathers a large range for minutes before the first byte."""

CHUNK_BYTES = 1024 * 1024
WORDS_BYTES = 65_536
"""Of a refusal's body, more is not read."""

NOTHING_FOUND = "raw data files were not found"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT = 400, 401, 403, 404, 408
TOO_MANY, GATEWAY_TIMEOUT = 429, 504
ABOUT_SIZE = re.compile(r"too (large|big)|\d ?GB|file size|size limit|shorten", re.IGNORECASE)
ABOUT_KEY = re.compile(r"api[ _]?key", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """An answer other than 200: the status, what it says in words, and its headers."""

    status: int
    words: str
    headers: Mapping[str, str]


def meaning(refusal: Refusal, account: Account, now: float) -> TapError | AnswerNotUsable | None:
    """Return what to raise for an answer other than 200; None when the window is simply empty."""
    status, words = refusal.status, account.without_keys(refusal.words)
    if status == NOT_FOUND and NOTHING_FOUND in words.lower():
        return None
    if status in (UNAUTHORIZED, FORBIDDEN) or (status == BAD_REQUEST and ABOUT_KEY.search(words)):
        return AccessRefused(_which_key(status, words, account))
    if status == NOT_FOUND or 300 <= status < BAD_REQUEST:
        return AccessRefused(_which_address(refusal, account))
    no_final_word = _no_final_word(status, words, retry_after_seconds(refusal.headers, now))
    return no_final_word or RequestRefused(
        f"Amplitude refused the export ({status}{_quoted(words)})."
    )


def _no_final_word(status: int, words: str, retry_after: float | None) -> AnswerNotUsable | None:
    if status == BAD_REQUEST and (ABOUT_SIZE.search(words) or not words):
        # Size is the only 400 that is documented, so one without words is taken for it.
        return TooLarge(f"it is too large (400{_quoted(words)})")
    if status == GATEWAY_TIMEOUT:
        return TooSlow("Amplitude ran out of time (504)")
    if status in (REQUEST_TIMEOUT, TOO_MANY) or status >= 500:
        return TryAgain(f"Amplitude answered {status}{_quoted(words)}", retry_after)
    return None


def in_words(body: bytes) -> str:
    """Return what the body of a refusal says to people, on one line and cut short."""
    text = body.decode(errors="replace")
    try:
        text = ". ".join(_strings(orjson.loads(body))) or text
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:300]


class ExportClient:
    """Asks for one window at a time. Not for two threads at once.

    `REQUESTS_CA_BUNDLE` and the proxy variables are honoured. Redirects are not followed: keys must
    not travel to an address the user did not name.
    """

    def __init__(self, account: Account, user_agent: str, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._session = requests.Session()
        # The zip holds compressed files already.
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})
        # Every attempt is counted and judged here; urllib3 must not repeat any by itself.
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def fetch(self, window: Window, path: Path) -> bool:
        """Write the zip of `window` to `path`, checked to the last byte; False: it has no data.

        Raises:
            AnswerNotUsable: Ask again, for less or later.
            TapError: There is no use in asking again.
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
            body = next(response.iter_content(WORDS_BYTES), b"")
            refusal = Refusal(response.status_code, in_words(body), response.headers)
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
    """Read the zip through and compare every checksum: a spoilt download must not be half read.

    Raises:
        TryAgain: It is no zip, it is empty, or not the whole of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_to_unpack(members, path.stat().st_size)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        # Seen in the wild with 200: the text of a rate limit, an edge server's error page.
        msg = "Amplitude answered 200 with something that is no whole zip file"
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
    if isinstance(error, ValueError):  # how requests calls what is no address at all
        return AccessRefused(f"{account.base_url} is no address to ask. Check base_url.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return AccessRefused(
            f"The TLS certificate of {account.base_url} could not be verified. Behind a proxy that "
            "reads along, set REQUESTS_CA_BUNDLE to its certificates."
        )
    return TryAgain(_what_failed(error))


def _what_failed(error: requests.RequestException) -> str:
    """Name the failure without its text, which quotes addresses."""
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


def _which_key(status: int, words: str, account: Account) -> str:
    other = "us" if account.region == "eu" else "eu"
    return (
        f"Amplitude refused api_key and secret_key ({status}{_quoted(words)}) at "
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


def _quoted(words: str) -> str:
    return f': "{words}"' if words else ""


def _strings(value: Any) -> Iterator[str]:
    """Walk through JSON for its texts, outermost first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for part in value.values() for text in _strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _strings(part))
