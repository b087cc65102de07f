"""One attempt to send one request. No judgement: that is the endpoint's."""

from __future__ import annotations

import threading

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError

from singer_delivery.endpoint import Reply, Request

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
"""Seconds. A few megabytes are mostly answered within seconds; under load a service may take more
than a minute, and what it then takes was sent twice if nobody waited."""


class Transport:
    """Sends requests over kept-alive connections, one session for each thread that sends.

    Redirects are not followed: a key must not travel to an address the user did not name. TLS
    certificates are always verified; `REQUESTS_CA_BUNDLE` and the proxy variables are honoured. A
    `.netrc` is not: its login would take the place of the request's own.

    Args:
        user_agent: says what sends.
        patience: seconds to wait for a reply, and for no connection longer than that; by default
            `READ_TIMEOUT`.
    """

    def __init__(self, user_agent: str, patience: float | None = None) -> None:
        self._user_agent = user_agent
        self._patience = READ_TIMEOUT if patience is None else patience
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        """Return the reply, or one of status 0 that says why there is none. Raises nothing."""
        try:
            response = self._session().request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                timeout=(min(CONNECT_TIMEOUT, self._patience), self._patience),
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            return no_reply(error, self._patience)
        return Reply(response.status_code, response.content, response.headers)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = self._user_agent
            session.auth = _as_it_is
            # urllib3 must not retry by itself: every attempt is counted and judged.
            session.mount("https://", HTTPAdapter(max_retries=0))
            session.mount("http://", HTTPAdapter(max_retries=0))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


UNVERIFIED = (
    "its TLS certificate could not be verified; behind a proxy that reads along, set "
    "REQUESTS_CA_BUNDLE to its certificates"
)


def is_certificate_refused(error: Exception) -> bool:
    """Tell whether the other side is not who it should be: no retry mends that."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def no_reply(error: Exception, patience: float) -> Reply:
    """Return what stands for a reply that did not come within `patience` seconds, or at all."""
    hopeless = is_certificate_refused(error)
    return Reply(0, error=_what_failed(error, patience), is_hopeless=hopeless)


def _what_failed(error: Exception, patience: float) -> str:
    """Name the failure without its text, which quotes addresses and their query."""
    if isinstance(error, requests.exceptions.SSLError):
        return UNVERIFIED if is_certificate_refused(error) else "the TLS handshake failed"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {min(CONNECT_TIMEOUT, patience):.0f} s"
    if isinstance(error, requests.Timeout):
        return f"no reply within {patience:.0f} s"
    if isinstance(error, (ChunkedEncodingError, ContentDecodingError)):
        return "the reply was cut off or garbled"
    if isinstance(error, (requests.ConnectionError, ConnectionError)):
        return "the connection failed or was dropped"
    return f"it could not be sent ({type(error).__name__})"
