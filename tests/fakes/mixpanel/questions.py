"""What Mixpanel answers to who asks before an import. Pure.

Sources: Mixpanel docs, "Import Events" (401 before anything is looked at; a list of no events is
not mentioned: the answer to it is assumed), "Lookup Tables"; mixpanel/mixpanel-headless, `me.py`
(what `/api/app/me` has).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.fakes.http.exchanges import Exchange, Reply
from tests.fakes.mixpanel.http import UNAUTHORIZED, Credentials, Refusal, json_reply, refused

if TYPE_CHECKING:
    from collections.abc import Collection

ME = "/api/app/me"
NO_LOGIN = json_reply(401, {"status": "error", "error": "Unauthorized"})
TOLD_TOO_MUCH = "a question held events"


def imported_nothing(
    exchange: Exchange, body: bytes, credentials: Credentials, on_empty: int
) -> Reply:
    """Answer an import of no events.

    Args:
        exchange: The request.
        body: Of it, which must be an empty list.
        credentials: Of the project.
        on_empty: The status of an empty list with good credentials: 200 or 400.

    Raises:
        AssertionError: It holds events: a question must store nothing.
    """
    try:
        credentials.check_import(exchange.headers, exchange.query)
    except Refusal:
        return UNAUTHORIZED
    assert orjson.loads(body) == [], TOLD_TOO_MUCH
    assert exchange.query.get("strict") == "1"
    if on_empty != 200:
        return refused(on_empty, "request body must be a list of events")
    return json_reply(200, {"code": 200, "num_records_imported": 0, "status": "OK"})


def me(exchange: Exchange, credentials: Credentials, seen: Collection[str], timezone: str) -> Reply:
    """Answer who a service account is.

    Args:
        exchange: The request.
        credentials: Of the project.
        seen: Ids of the projects that the service account has a role in.
        timezone: Of each of them.
    """
    if not credentials.is_service_account(exchange.headers):
        return NO_LOGIN
    projects = {
        id_: {"id": int(id_), "name": f"Project {id_}", "timezone": timezone, "type": "PROJECT"}
        for id_ in seen
    }
    return json_reply(200, {"status": "ok", "results": {"user_id": 1, "projects": projects}})
