"""What is asked of the export, and what of it is refused. Pure.

Source: Mixpanel docs, "Raw Event Export" (openapi/export). The texts of refusals are the stand-in's
own where `refusals` does not have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import orjson

from tests.fakes.http.exchanges import Exchange
from tests.fakes.mixpanel_export.refusals import FUTURE, Refusal, plain
from tests.fakes.mixpanel_export.where import Where

PARAMETERS = {"project_id", "from_date", "to_date", "event", "where", "limit", "time_in_ms"}
MOST_ROWS = 100_000

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Asked:
    """A request that can be answered.

    Attributes:
        first: First project day.
        last: Last project day, included.
        events: Names asked for; None: all.
        where: Condition of a row, as text and as read.
        limit: Most rows; None: all.
        in_ms: Whether `time` is in milliseconds.
    """

    first: date
    last: date
    events: frozenset[str] | None = None
    where: Where | None = None
    limit: int | None = None
    in_ms: bool = False


def read(query: Mapping[str, str], today: date) -> Asked:
    """Read the parameters of an export.

    Raises:
        Refusal: 400 with the reason.
    """
    unknown = query.keys() - PARAMETERS
    if unknown:
        raise Refusal(plain(f"Unknown parameter: {min(unknown)}"))
    asked = Asked(
        first=_day(query, "from_date"),
        last=_day(query, "to_date"),
        events=_names(query.get("event")),
        where=_where(query.get("where")),
        limit=_limit(query.get("limit")),
        in_ms=_flag(query.get("time_in_ms", "false")),
    )
    if asked.first > asked.last:
        raise Refusal(plain("from_date cannot be later than to_date"))
    if asked.last > today:
        raise Refusal(FUTURE)
    return asked


def days_asked(exchange: Exchange) -> tuple[date, date] | None:
    """The days of a request, whatever else is wrong with it; None: they cannot be read."""
    try:
        return _day(exchange.query, "from_date"), _day(exchange.query, "to_date")
    except Refusal:
        return None


def _day(query: Mapping[str, str], name: str) -> date:
    text = query.get(name, "")
    if not _DAY.fullmatch(text):
        raise Refusal(plain(f"Error in {name}: expected a date as yyyy-mm-dd"))
    if int(text[:4]) < 2000:
        raise Refusal(plain(f"Error in {name}: invalid date, bad year"))
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refusal(plain(f"Error in {name}: invalid date")) from error


def _names(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(plain("Error in event: expected a JSON array of names")) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(plain("Error in event: expected a JSON array of names"))
    return frozenset(names)


def _where(text: str | None) -> Where | None:
    if text is None:
        return None
    try:
        return Where(text)
    except ValueError as error:
        raise Refusal(plain(f"Error in where: {error}")) from error


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_ROWS:
        raise Refusal(plain(f"Error in limit: expected a number from 1 to {MOST_ROWS}"))
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Refusal(plain("Error in time_in_ms: expected true or false"))
    return text == "true"
