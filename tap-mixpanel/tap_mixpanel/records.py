"""Makes records of rows: the columns that the tap adds, and behind them the line as exported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from singer_delivery.mapping.values import canonical_json

from tap_mixpanel.copies import PROCESSED, Copies
from tap_mixpanel.dealing import DayOfRows
from tap_mixpanel.rows import BIAS, DEVICE, HEAD, LACKS_TIME, MARKS, NOBODY, UUID, VALUE
from tap_mixpanel.sessions import Sessions

RECORD = b'{"uuid":"%b","time":%b,"day":%b,"session_start":%b,"identity_merge":%b,%b'
NULL = b"null"
TIME = slice(7, 24)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Records:
    """Makes records of days, which come in order.

    Attributes:
        late: how many rows came after the run before, to days that it had done, by day.

    Args:
        copies: leaves one of the rows that are one event.
        sessions: says which session a row is in.
        done: tells whether a day was done before this run, by its name.
        done_at: when the run before began, in milliseconds; None when there was none.
    """

    def __init__(
        self,
        copies: Copies,
        sessions: Sessions,
        done: Callable[[str], bool] = lambda _: False,
        done_at: int | None = None,
    ) -> None:
        self.late: dict[str, int] = {}
        self._copies = copies
        self._sessions = sessions
        self._done = done
        self._done_at = done_at

    def of(self, day: DayOfRows, identity_merge: str | None) -> Iterator[list[bytes]]:
        """Yield the records of a day in order, some at a time."""
        name, merge = as_json(day.day), as_json(identity_merge)
        for rows in self._copies.left(day.blocks):
            self._count_late(day.day, rows)
            yield [*self._made(rows, name, merge)]

    def pass_over(self, day: DayOfRows) -> None:
        """Let the sessions of a day begin whose rows do not leave."""
        for rows in day.blocks:
            for row in rows:
                self._session(row, int(row[TIME]) - BIAS)

    def _made(self, rows: Iterable[bytes], day: bytes, merge: bytes) -> Iterator[bytes]:
        for row in rows:
            moment = int(row[TIME]) - BIAS
            at = NULL if row[MARKS].endswith(LACKS_TIME) else as_time(moment)
            session = self._session(row, moment)
            yield RECORD % (row[UUID], at, day, session, merge, row[HEAD + 1 :].lstrip())

    def _session(self, row: bytes, moment: int) -> bytes:
        device, value = row[DEVICE], row[VALUE]
        start = self._sessions.start_of(
            None if device == NOBODY else device.decode(),
            moment,
            None if value == NOBODY else value.decode(),
        )
        return NULL if start is None else as_time(start)

    def _count_late(self, day: str | None, rows: list[bytes]) -> None:
        if self._done_at is None or day is None or not self._done(day):
            return
        since = b"%017d" % (self._done_at + BIAS)
        late = sum([row[PROCESSED] > since for row in rows])
        if late:
            self.late[day] = self.late.get(day, 0) + late


def as_json(value: str | None) -> bytes:
    """Return a text as JSON; null for None."""
    return NULL if value is None else canonical_json(value)


def as_time(moment: int) -> bytes:
    """Return milliseconds since 1970 as JSON: ISO 8601 in UTC; null where no year has them."""
    number, rest = divmod(moment, 60_000)
    minute = _minute(number)
    return NULL if minute is None else b'"%b:%02d.%03dZ"' % (minute, rest // 1000, rest % 1000)


@lru_cache(maxsize=4096)  # rows come in the order of their times
def _minute(number: int) -> bytes | None:
    try:
        moment = EPOCH + timedelta(minutes=number)
    except OverflowError:
        return None
    return moment.isoformat()[:16].encode()
