"""What a page of profiles holds, and which page to ask for next. Pure.

`POST /api/query/engage` answers pages. The first has a `session_id` that freezes the result, and
each further page is asked for with it. The size of a page is the one that the reply names, since
the one asked for is not documented; a page with fewer profiles is the last, and `total` is only
promised on page 0 (Mixpanel docs, Query API: Engage).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from singer_delivery.mapping.json_lines import mended
from singer_delivery.tap.errors import AnswerNotUsable, TryAgain

PATH = "/api/query/engage"
NO_PAGE = "something that is no page of profiles"


class SessionLost(AnswerNotUsable):
    """The service knows the session no more: the reading begins again."""


class Profile(NamedTuple):
    """A profile: its id as JSON text, and its properties as returned."""

    distinct_id: bytes
    properties: bytes


@dataclass(frozen=True)
class Page:
    """A page of profiles.

    Attributes:
        results: its profiles, as `profile_in` reads them.
        size: how many a full page has; None where the reply does not say.
        session_id: goes with the next page; nothing where the reply has none.
        total: how many profiles there are; None where the reply does not say.
    """

    results: list[bytes]
    size: int | None
    session_id: str
    total: int | None


def read_page(body: bytes, number: int) -> Page:
    """Read the reply to page `number`.

    Raises:
        TryAgain: It is no page, though its status was 200.
    """
    reply = _reply_in(body)
    if reply.results is None or (reply.page is not None and reply.page != number):
        msg = f"Mixpanel answered 200 with {'an error' if reply.error else NO_PAGE}"
        raise TryAgain(msg)
    results = [*map(bytes, reply.results)]
    return Page(results, reply.page_size, reply.session_id or "", reply.total)


def person(profile: Profile, read_at: str) -> bytes:
    """Return the record of a person's profile."""
    return b'{"distinct_id":%b,"read_at":"%b","properties":%b}' % (
        profile.distinct_id,
        read_at.encode(),
        profile.properties,
    )


def group(profile: Profile, read_at: str, group_key: bytes) -> bytes:
    """Return the record of a group's profile; `group_key` is JSON text."""
    return b'{"group_key":%b,"group_id":%b,"read_at":"%b","properties":%b}' % (
        group_key,
        profile.distinct_id,
        read_at.encode(),
        profile.properties,
    )


@dataclass
class Reading:
    """One reading of all profiles.

    Attributes:
        asked: the fields that each request has, such as a `data_group_id`.
        page_size: how many profiles a page is to have; the reply may have another size.
        read: how many profiles are read.
        total: how many there are, by page 0.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    page_size: int = 1_000
    read: int = 0
    total: int | None = None
    number: int = 0
    is_over: bool = False
    _session_id: str = ""
    _last: list[bytes] = field(default_factory=list)

    def form(self) -> dict[str, str]:
        """Return the fields of the request for the next page."""
        form = {**self.asked, "page": str(self.number), "page_size": str(self.page_size)}
        return {**form, "session_id": self._session_id} if self.number else form

    def take(self, page: Page) -> None:
        """Take the page that was asked for into account.

        Raises:
            SessionLost: No page can follow, or the one before came once more.
        """
        if self.number == 0:
            self.total = page.total
        elif page.results and page.results == self._last:
            msg = f"Mixpanel answered page {self.number - 1} once more, as page {self.number}"
            raise SessionLost(msg)
        self._last = page.results
        self.read += len(page.results)
        self.number += 1
        self._session_id = page.session_id or self._session_id
        # A short page before the end would leave out all that follow.
        is_short = page.size is not None and len(page.results) < page.size and not self.lacks
        self.is_over = not page.results or is_short
        if not self.is_over and not self._session_id:
            if self.read != self.total:
                msg = "Mixpanel answered 200 with a page without session_id, which the next needs"
                raise SessionLost(msg)
            self.is_over = True

    @property
    def lacks(self) -> int:
        """How many profiles are not read though page 0 counted them."""
        return max(0, (self.total or 0) - self.read)


def _reply_in(body: bytes) -> _Reply:
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError):
        # Such as NaN, which some programs write; a page of HTML is no object either.
        better = mended(body)
    try:
        return _decode(better or b"")
    except (msgspec.DecodeError, RecursionError) as error:
        msg = f"Mixpanel answered 200 with {NO_PAGE}"
        raise TryAgain(msg) from error


def profile_in(raw: bytes | msgspec.Raw) -> Profile | None:
    """Read a profile; None where it has no `$distinct_id`, or properties that are no object."""
    try:
        result = _result(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    distinct_id = as_text(bytes(result.distinct_id))
    properties = bytes(result.properties)
    properties = b"{}" if properties in (b"", b"null") else properties
    if distinct_id is None or properties[:1] != b"{":
        return None
    return Profile(distinct_id, properties)


def as_text(value: bytes) -> bytes | None:
    """Return an id in JSON as a text in JSON: a number with its digits; None when it is neither."""
    if value[:1] == b'"':
        return value if value != b'""' else None
    return b'"%b"' % value if value[:1].isdigit() or value[:1] == b"-" else None


class _Result(msgspec.Struct):
    distinct_id: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="$distinct_id")
    properties: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="$properties")


class _Reply(msgspec.Struct):
    results: list[msgspec.Raw] | None = None
    page: int | None = None
    page_size: int | None = None
    session_id: str | None = None
    total: int | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Reply).decode
_result = msgspec.json.Decoder(_Result).decode
