"""What PostHog answers to who asks for a project's key. Pure.

Texts and statuses are restated here on purpose, apart from the code they test. Sources: PostHog
repository, `rust/feature-flags` (api/errors.rs: both texts; handler/authentication.rs: the token
before the distinct id, which `disable_flags` makes needless; handler/mod.rs: what is billed) and
`rust/hypercache-server/tests` (400 for a key that is none, 404 for one that is not known).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson

from tests.fakes.http.exchanges import Exchange, Reply

FLAGS = ("/flags", "/flags/")
CONFIG = re.compile(r"/array/([^/]+)/config/?")
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

NO_KEY = Reply(401, b"No API token provided. Please include a valid API token in your request.")
UNKNOWN = Reply(
    401,
    b"The provided API key is invalid or has expired. Please check your API key and try again.",
)
UNREADABLE = Reply(400, b"Failed to decode request. Please check your request format.")
NO_ID = Reply(
    400,
    b"The distinct_id field is missing from the request. Please include a valid identifier.",
)

BILLED = "a question evaluated flags, which is billed"

Knows = Callable[[str], bool]


def answer(exchange: Exchange, body: bytes, knows: Knows) -> Reply:
    """Answer one question.

    Args:
        exchange: The request.
        body: Of it.
        knows: Tells whether a key is a project's.
    """
    if exchange.path in FLAGS:
        return _flags(exchange, body, knows) if exchange.method == "POST" else Reply(405)
    config = CONFIG.fullmatch(exchange.path)
    if config is None or exchange.method != "GET":
        return Reply(404 if config is None else 405)
    return _config(config[1], knows)


def _flags(exchange: Exchange, body: bytes, knows: Knows) -> Reply:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UNREADABLE
    if not isinstance(asked, dict):
        return UNREADABLE
    key = asked.get("token") or asked.get("api_key")
    if not key:
        return NO_KEY
    if not isinstance(key, str) or not knows(key):
        return UNKNOWN
    if asked.get("disable_flags") is not True:
        exchange.notes.add(BILLED)
        if not asked.get("distinct_id"):
            return NO_ID
    return _json({"flags": {}, "errorsWhileComputingFlags": False, "requestId": "0"})


def _config(key: str, knows: Knows) -> Reply:
    if not KEY.fullmatch(key):
        return Reply(400)
    if not knows(key):
        return Reply(404)
    return _json({"token": key, "supportedCompression": ["gzip", "gzip-js"], "surveys": False})


def _json(document: dict[str, object]) -> Reply:
    return Reply(200, orjson.dumps(document), {"Content-Type": "application/json"})
