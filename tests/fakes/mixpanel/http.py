"""What all of Mixpanel's ingestion addresses share: credentials, gzip, the shape of replies. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Mixpanel
docs, "Ingestion API" (OpenAPI description: StrictUnauthorized, StrictTooLarge, RateLimitExceeded),
"Import Events", "Error Troubleshooting".
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from gzip import decompress
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.http.exchanges import Reply, basic_login

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
}


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a mistake
    """The answer to a request that is not taken at all."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(http_status: int, document: Mapping[str, Any]) -> Reply:
    """Build a reply with this JSON object for its body."""
    return Reply(http_status, orjson.dumps(document), {"Content-Type": "application/json"})


def refused(code: int, error: str, **more: Any) -> Reply:
    """Build a refusal in the shape of all addresses but /engage and /groups."""
    return json_reply(code, {"code": code, "error": error, "status": _REASONS[code], **more})


def too_large(limit: int) -> Reply:
    """Build the answer to a body of more than `limit` bytes."""
    return refused(413, f"request exceeds max limit of {limit} bytes")


UNAUTHORIZED = refused(401, "Invalid credentials")
"""For a wrong key, a role that is too low, a missing project_id and the wrong region alike."""

RATE_LIMITED = refused(
    429, "Project exceeded rate limits. Please retry the request with exponential backoff."
)
"""No Retry-After: none is documented. A test that wants one builds its own reply from this."""

FORBIDDEN = json_reply(403, {"error": "Forbidden", "status": "error"})
"""/engage and /groups may say it, /import never does (Mixpanel docs, "403 Forbidden"); no `code`.
The text is assumed."""


@dataclass(frozen=True)
class Credentials:
    """Of one project.

    Attributes:
        token: Project token.
        username: Of the service account, an admin of the project.
    """

    project_id: str
    token: str
    username: str
    secret: str

    def check_import(self, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        """Ask for the service account with its project, or for the token without one.

        "If project_id is not specified, the request will be authenticated using the provided
        token": read strictly, the token together with a project_id is refused.

        Raises:
            Refusal: 401.
        """
        by_token = "project_id" not in query and basic_login(headers) == (self.token, "")
        if not by_token:
            self.check_service_account(headers, query)

    def check_service_account(self, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        """Ask for the service account with its project.

        Raises:
            Refusal: 401.
        """
        known = self.is_service_account(headers)
        if not known or query.get("project_id") != self.project_id:
            raise Refusal(UNAUTHORIZED)

    def is_service_account(self, headers: Mapping[str, str]) -> bool:
        """Whether the login is the service account's, whatever the project."""
        return basic_login(headers) == (self.username, self.secret)


def unpacked(body: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    """Return the body decompressed if its header says gzip; the limit holds after that.

    Raises:
        Refusal: 400 or 413.
    """
    if is_gzip(headers):
        try:
            body = decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise Refusal(refused(400, "request body is no valid gzip")) from error  # assumed text
    if len(body) > limit:
        raise Refusal(too_large(limit))
    return body


def is_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the request says that its body is compressed."""
    return "content-encoding" in headers


def content_type(headers: Mapping[str, str]) -> str:
    """The media type without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
