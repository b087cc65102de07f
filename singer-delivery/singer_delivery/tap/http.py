"""What requests of taps have in common: a session, the text of a refusal, the names of failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from singer_delivery.io.secrets import excerpt
from singer_delivery.tap.errors import AccessRefused, TapError, TryAgain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_TIMEOUT = 30.0
CHUNK_BYTES = 1024 * 1024
REFUSAL_BYTES = 65_536
"""No more of a refusal's body is read."""


@dataclass(frozen=True)
class Refusal:
    """An answer that brings no data.

    Attributes:
        whole: its text for people. Blot secrets out of it before it is cut: see `quoted`.
    """

    status: int
    whole: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: requests.Response) -> Refusal:
        """Read the beginning of a response."""
        body = next(response.iter_content(REFUSAL_BYTES), b"")
        return cls(response.status_code, text_of(body), response.headers)

    @property
    def text(self) -> str:
        """The beginning of its text, by which it is judged."""
        return excerpt(self.whole)

    @property
    def led(self) -> str:
        """The host to which it redirects, as a part of a sentence; nothing when to none."""
        try:
            goal = urlsplit(self.headers.get("Location", ""))
        except ValueError:
            return ""
        return f", which leads to {goal.scheme}://{goal.hostname}," if goal.hostname else ""


def new_session(user_agent: str, accept_encoding: str) -> requests.Session:
    """Return a session that sends no request a second time by itself: the tap counts attempts.

    It obeys `REQUESTS_CA_BUNDLE` and the proxy variables.
    """
    session = requests.Session()
    session.headers.update({"User-Agent": user_agent, "Accept-Encoding": accept_encoding})
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=0))
    return session


def text_of(body: bytes) -> str:
    """Return the text for people in the body of a refusal, in one line."""
    text = body.decode(errors="replace")
    try:
        text = ". ".join(_strings(orjson.loads(body))) or text
    except (orjson.JSONDecodeError, RecursionError):
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())


def chunks_of(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of a response, as `Content-Encoding` says it is meant.

    Raises:
        TryAgain: It breaks off.
    """
    try:
        yield from response.iter_content(CHUNK_BYTES)
    except (requests.RequestException, OSError) as error:
        msg = "the download broke off"
        raise TryAgain(msg) from error


def unanswered(error: requests.RequestException, base_url: str) -> TapError | TryAgain:
    """Return what to raise when a request got no answer."""
    if isinstance(error, ValueError):  # requests raises one for a text that is no address
        return AccessRefused(f"{base_url} is no address to ask. Check the setting that names it.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return AccessRefused(
            f"The TLS certificate of {base_url} could not be verified. Behind a proxy that "
            "reads along, set REQUESTS_CA_BUNDLE to its certificates."
        )
    return TryAgain(what_failed(error))


def what_failed(error: requests.RequestException) -> str:
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


def quoted(text: str) -> str:
    """Return the beginning of a text as the end of a sentence; nothing for an empty one."""
    return f': "{excerpt(text)}"' if text else ""


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings of a JSON value, outermost first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for part in value.values() for text in _strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _strings(part))
