"""What the export and the query host answer when they do not answer. Pure.

Texts are Mixpanel's where a public report has them; "the stand-in's own" stands beside the others.
The export host speaks plain text, the query host JSON.
"""

from __future__ import annotations

import orjson

from tests.fakes.http.exchanges import Reply

CANNOT_AUTHENTICATE = Reply(400, b"Unable to authenticate request")
"""Seen of an expired service account at the export (Airbyte's tests of its source)."""

UNAUTHORIZED = Reply(401, b"Invalid service account credentials")  # the stand-in's own
FORBIDDEN = Reply(403, b"The account has no access to this project")  # the stand-in's own
FUTURE = Reply(400, b"to_date cannot be later than today")
WRONG_CLUSTER = "request failed with error: invalid project id for cluster."

TERMINATED = b"terminated early"
EXPORT_TERMINATED = b"export terminated early"
"""Both end a body that was answered 200."""

HTML = Reply(
    200,
    b"<!DOCTYPE html><html><head><title>Mixpanel</title></head><body>Log in</body></html>",
    {"Content-Type": "text/html"},
)
"""A page to log in with, behind a 200."""


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a mistake
    """The answer to a request that gets no data."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def plain(text: str, status: int = 400) -> Reply:
    """Answer as the export host does."""
    return Reply(status, text.encode())


def as_json(path: str, error: str, status: int = 400) -> Reply:
    """Answer as the query host does; behind a 200 as old hosts did."""
    document = orjson.dumps({"request": path, "error": error})
    return Reply(status, document, {"Content-Type": "application/json"})


TIMEOUT_ERROR = as_json("/api/2.0/export", "Timeout Error.")
"""A 400 that passes (Airbyte's source retries it)."""

ERROR_BEHIND_200 = as_json("/api/2.0/export", "Internal error", 200)  # the text is our own

NO_PLAN = as_json("/api/query/engage", "Your plan does not allow API calls", 402)


def too_many(retry_after: str | None = None, text: str = "Too many requests") -> Reply:
    """Build a 429 of the export host (the stand-in's own text), with any Retry-After."""
    return Reply(429, text.encode(), {} if retry_after is None else {"Retry-After": retry_after})


def too_many_queries(
    path: str, project_id: int, running: int, spent: int, retry_after: str | None
) -> Reply:
    """Build a 429 of the query host; its text tells which of the two limits is full."""
    refused = as_json(
        path,
        f"Query rate limit exceeded for project_id: {project_id}. {running}/5 queries running "
        f"concurrently and {spent}/60 queries running in the last hour.",
        429,
    )
    more = {} if retry_after is None else {"Retry-After": retry_after}
    return Reply(429, refused.body, {**refused.headers, **more})
