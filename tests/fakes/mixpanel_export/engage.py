"""Profiles as engage gives them out: queries, sessions and pages.

Sources: Mixpanel docs, "Query API" (openapi/query: engage) and "Group Analytics"; public clients
for `page_size` and the session's text. A reply's `total` is promised on page 0 only. Not played:
`behaviors`, `search`, sorting; they are refused like any unknown parameter.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tests.fakes.http.exchanges import Exchange, Reply
from tests.fakes.mixpanel_export.refusals import Refusal, as_json
from tests.fakes.mixpanel_export.where import Where

PATHS = ("/api/query/engage", "/api/2.0/engage")
"""Today's and the older one, which still answers."""

NEEDS_SESSION = "must have session_id when requesting page > 0"
MOST_IDS = 2_000

_FILTERS = {
    "distinct_id",
    "distinct_ids",
    "where",
    "output_properties",
    "filter_by_cohort",
    "include_all_users",
    "data_group_id",
    "workspace_id",
    "as_of_timestamp",
}
_PARAMETERS = {"project_id", "session_id", "page", "page_size"} | _FILTERS


@dataclass(frozen=True)
class Profile:
    """A user's or a group's.

    Attributes:
        distinct_id: Text or a number; a group's is its id. Digits beyond 64 bits keep their form.
        properties: As they stand.
    """

    distinct_id: str | int
    properties: Mapping[str, Any] = field(default_factory=dict)

    def result(self, names: Sequence[str] | None) -> dict[str, Any]:
        """The profile as it is written, with these properties only."""
        written = self.distinct_id
        fragment = orjson.Fragment(str(written)) if isinstance(written, int) else written
        kept = {
            name: value for name, value in self.properties.items() if names is None or name in names
        }
        return {"$distinct_id": fragment, "$properties": kept}


@dataclass(frozen=True)
class Habits:
    """What the documents leave open.

    Attributes:
        page_size: Of a page, unless another one is asked for and honoured.
        most: The largest page that is honoured; None: `page_size` is never honoured.
        total_on_every_page: Whether `total` comes on later pages too.
        pages_count: Whether later pages count as requests.
    """

    page_size: int = 1_000
    most: int | None = 40_000
    total_on_every_page: bool = False
    pages_count: bool = True


@dataclass(frozen=True)
class _Session:
    """A frozen result of one query."""

    filters: Mapping[str, str]
    results: Sequence[dict[str, Any]]
    page_size: int


class Engage:
    """The profiles of one project; not safe for threads by itself.

    Attributes:
        profiles: Of users.
        groups: Data group id -> profiles of its groups.
        cohorts: Id -> ids of its members, also of those without a profile.
    """

    def __init__(
        self,
        profiles: Iterable[Profile],
        groups: Mapping[str, Iterable[Profile]],
        cohorts: Mapping[int, Iterable[str]],
        habits: Habits,
        seed: int,
    ) -> None:
        self.profiles = list(profiles)
        self.groups = {key: list(held) for key, held in groups.items()}
        self.cohorts = {key: list(members) for key, members in cohorts.items()}
        self.habits = habits
        self._random = random.Random(seed)
        self._sessions: dict[str, _Session] = {}

    def forget_sessions(self) -> None:
        """Let every session end, as the service does after a time that it does not state."""
        self._sessions.clear()

    def answer(self, exchange: Exchange, asked: Mapping[str, str]) -> Reply:
        """Answer one page.

        Raises:
            Refusal: 400 with the reason.
        """
        page = _number(exchange, asked, "page", 0)
        known = asked.get("session_id")
        if page > 0 and known is None:
            raise _bad(exchange, NEEDS_SESSION)
        session_id = self._begun(exchange, asked) if known is None else known
        session = self._sessions.get(session_id)
        if session is None:
            raise _bad(exchange, "unknown session_id")  # the stand-in's own
        if session.filters != _filters(asked):
            raise _bad(exchange, "a session keeps its query")  # the stand-in's own
        return self._page(session_id, session, page)

    def _page(self, session_id: str, session: _Session, page: int) -> Reply:
        size = session.page_size
        results = session.results[page * size : (page + 1) * size]
        reply: dict[str, Any] = {"page": page, "page_size": size, "session_id": session_id}
        reply |= {"status": "ok", "results": results}
        if page == 0 or self.habits.total_on_every_page:
            reply["total"] = len(session.results)
        return Reply(200, orjson.dumps(reply), {"Content-Type": "application/json"})

    def _begun(self, exchange: Exchange, asked: Mapping[str, str]) -> str:
        """Freeze the result of a query; its order is no order."""
        names = _list(exchange, asked, "output_properties")
        found = [profile.result(names) for profile in self._found(exchange, asked)]
        self._random.shuffle(found)
        letters = "".join(self._random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=6))
        session_id = f"{1_700_000_000 + len(self._sessions)}-{letters}"
        self._sessions[session_id] = _Session(_filters(asked), found, self._size(exchange, asked))
        return session_id

    def _size(self, exchange: Exchange, asked: Mapping[str, str]) -> int:
        size = _number(exchange, asked, "page_size", self.habits.page_size)
        most = self.habits.most
        return self.habits.page_size if most is None else max(1, min(size, most))

    def _found(self, exchange: Exchange, asked: Mapping[str, str]) -> list[Profile]:
        found = self._of_kind(exchange, asked)
        if "filter_by_cohort" in asked:
            found = self._members(exchange, asked, found)
        ids = _ids(exchange, asked)
        if ids is not None:
            found = [profile for profile in found if str(profile.distinct_id) in ids]
        where = _where(exchange, asked)
        return [profile for profile in found if where is None or where.finds(profile.properties)]

    def _of_kind(self, exchange: Exchange, asked: Mapping[str, str]) -> list[Profile]:
        group = asked.get("data_group_id")
        if group is None:
            return self.profiles
        if group not in self.groups:
            raise _bad(exchange, "invalid data_group_id")  # the stand-in's own
        return self.groups[group]

    def _members(
        self, exchange: Exchange, asked: Mapping[str, str], profiles: list[Profile]
    ) -> list[Profile]:
        """Members of a cohort; those without a profile too, unless the request says no."""
        try:
            members = self.cohorts[orjson.loads(asked["filter_by_cohort"])["id"]]
        except (ValueError, KeyError, TypeError) as error:
            raise _bad(exchange, "invalid filter_by_cohort") from error  # the stand-in's own
        by_id = {str(profile.distinct_id): profile for profile in profiles}
        everyone = asked.get("include_all_users", "true") == "true"
        return [
            by_id.get(member, Profile(member)) for member in members if everyone or member in by_id
        ]


def read_query(exchange: Exchange, body: bytes) -> dict[str, str]:
    """Read what is asked: a form, or the query of the older GET.

    Raises:
        Refusal: 400 with the reason, 405.
    """
    if exchange.method == "POST":
        asked = _form(exchange, body)
    elif exchange.method == "GET" and exchange.path == PATHS[1]:
        asked = dict(exchange.query)
    else:
        raise Refusal(as_json(exchange.path, "Method Not Allowed", 405))
    unknown = (asked.keys() | exchange.query.keys()) - _PARAMETERS
    if unknown:
        raise _bad(exchange, f"unknown parameter {min(unknown)}")  # the stand-in's own
    return asked


def _form(exchange: Exchange, body: bytes) -> dict[str, str]:
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        raise _bad(exchange, "the body is no form")  # the stand-in's own
    if exchange.query.keys() - {"project_id"}:
        raise _bad(exchange, "parameters of a POST go into its body")  # the stand-in's own
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def is_follow_up(asked: Mapping[str, str]) -> bool:
    """Whether a later page is asked for."""
    return asked.get("page", "0") != "0"


def _filters(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if name in _FILTERS}


def _ids(exchange: Exchange, asked: Mapping[str, str]) -> set[str] | None:
    if "distinct_id" in asked:
        return {asked["distinct_id"]}
    ids = _list(exchange, asked, "distinct_ids")
    if ids is not None and len(ids) > MOST_IDS:
        raise _bad(exchange, "too many distinct_ids")  # the stand-in's own
    return None if ids is None else set(ids)


def _list(exchange: Exchange, asked: Mapping[str, str], name: str) -> list[str] | None:
    if name not in asked:
        return None
    try:
        values = orjson.loads(asked[name])
    except orjson.JSONDecodeError as error:
        raise _bad(exchange, f"{name} is no JSON array") from error  # the stand-in's own
    if not isinstance(values, list):
        raise _bad(exchange, f"{name} is no JSON array")
    return [str(value) for value in values]


def _where(exchange: Exchange, asked: Mapping[str, str]) -> Where | None:
    try:
        return Where(asked["where"]) if "where" in asked else None
    except ValueError as error:
        raise _bad(exchange, f"error in where: {error}") from error  # the stand-in's own


def _number(exchange: Exchange, asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise _bad(exchange, f"{name} is no number")  # the stand-in's own
    return int(text)


def _bad(exchange: Exchange, error: str) -> Refusal:
    return Refusal(as_json(exchange.path, error))
