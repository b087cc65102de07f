"""Asks the query host for pages of profiles, and says what its answers mean.

The statuses are from Mixpanel docs (Query API, Rate Limits), unless a comment names another source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from singer_delivery.io.retry import Clock, retry_after_seconds
from singer_delivery.tap.errors import AccessRefused, AnswerNotUsable, RequestRefused, TapError, TryAgain
from singer_delivery.tap.http import CONNECT_TIMEOUT, REFUSAL_BYTES, chunks_of, new_session, quoted, text_of, unanswered

from tap_mixpanel.engage import PATH, Page, SessionLost, read_page

READ_TIMEOUT = 300.0
"""Seconds. A large project is searched before the first byte."""

BAD_REQUEST, UNAUTHORIZED, NO_PLAN, FORBIDDEN, NOT_FOUND = 400, 401, 402, 403, 404
REQUEST_TIMEOUT, TOO_MANY = 408, 429

ABOUT_SESSION = re.compile(r"session|uncached", re.IGNORECASE)
"""`must have session_id when requesting page > 0`; `request for page in uncached query for params`:
both in public code of clients."""

ABOUT_TIME = re.compile(r"timeout error", re.IGNORECASE)
"""A 400 that passes (Airbyte, source-mixpanel)."""

ABOUT_LOGIN = re.compile(r"unable to authenticate", re.IGNORECASE)
ABOUT_CLUSTER = re.compile(r"for cluster", re.IGNORECASE)
IN_USE = re.compile(r"(\d+)/(\d+) queries running concurrently and (\d+)/(\d+)")
"""The text of a 429 (airbytehq/airbyte#9410)."""


class PlanLacksQueries(TapError):  # noqa: N818 - named by what happened
    """The plan of the project has no Query API."""


class HourIsFull(TryAgain):
    """The queries of this hour are used up."""
