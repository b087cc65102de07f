"""A stand-in for Amplitude's Export API over HTTP.

Source: Amplitude docs, "Export API": hours in UTC, both ends included, filtered by
server_upload_time; a zip of gzip files of JSON lines; the statuses and their meaning. The limits
and texts are restated here on purpose, apart from the code they test.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import TYPE_CHECKING, Literal

import orjson

from tests.fakes.amplitude import questions
from tests.fakes.amplitude.charts import PATH as CHARTS
from tests.fakes.amplitude.charts import Charts
from tests.fakes.http.exchanges import basic_login
from tests.fakes.http.server import Exchange, FakeServer, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PATH = "/api/2/export"
MAX_DAYS = 365
HOUR = timedelta(hours=1)
NOTHING_FOUND = b"Raw data files were not found."

_HOUR_FORMAT = "%Y%m%dT%H"
_HOUR_SHAPE = re.compile(r"\d{8}T\d{2}")


class FakeAmplitude(FakeServer):
    """The Export API of one project.

    Args:
        hours: Hour (UTC, of the upload) -> raw JSON lines.
        api_key: User name of the basic auth.
        secret_key: Password of the basic auth.
        project_id: Part of the file names.
        max_bytes: Raw bytes of lines from which a range is too large (4 GB at Amplitude; here
            without limit unless given).
        parts: Files an hour is split into.
        keep_bodies: See `FakeServer`.

    Attributes:
        annotations: Which version of the list of annotations the project has.
        has_charts: Whether its plan has charts.
    """

    def __init__(
        self,
        hours: Mapping[datetime, Sequence[bytes]],
        *,
        api_key: str = "amplitude-key",
        secret_key: str = "amplitude-secret",
        project_id: int = 187520,
        max_bytes: int | None = None,
        parts: int = 1,
        keep_bodies: bool = False,
    ) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.api_key = api_key
        self.secret_key = secret_key
        self.project_id = project_id
        self.max_bytes = max_bytes
        self.parts = parts
        self.charts = Charts()
        self.annotations: Literal["v3", "v2"] = "v3"
        self.has_charts = True
        self._hours: dict[datetime, Sequence[bytes]] = {}
        self._members: dict[datetime, list[tuple[str, bytes]]] = {}
        for hour, lines in hours.items():
            self.publish(hour, lines)

    def publish(self, hour: datetime, lines: Sequence[bytes]) -> None:
        """Set what an hour holds, also while the server runs.

        Raises:
            ValueError: The time is not a full hour of UTC.
        """
        if (
            hour.utcoffset() != timedelta()
            or hour.replace(minute=0, second=0, microsecond=0) != hour
        ):
            msg = f"{hour!r} is not a full hour of UTC."
            raise ValueError(msg)
        with self._changed:
            self._hours[hour] = lines
            self._members.pop(hour, None)

    # What was asked -------------------------------------------------------------------------

    @property
    def asked(self) -> list[tuple[datetime, datetime]]:
        """(first hour, last hour) of every readable request, in order, whatever it was answered."""
        ranges = (_range_of(exchange) for exchange in list(self.journal))
        return [asked for asked in ranges if asked is not None]

    def hours_served(self) -> Counter[datetime]:
        """How often each hour was answered, with data or as empty, in full and by the service."""
        served: Counter[datetime] = Counter()
        for exchange in list(self.journal):
            asked = _range_of(exchange)
            if asked and exchange.is_answered and exchange.status in (200, 404):
                served.update(_hours_between(*asked))
        return served

    # Requests -------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as the Export API does."""
        if exchange.path == CHARTS:
            return self._key_refusal(exchange) or self.charts.answer(exchange, self._lines())
        if exchange.path != PATH:
            return Reply(404, b"<html><body>Not Found</body></html>", {"Content-Type": "text/html"})
        if exchange.method != "GET":
            return _error(405, "method_not_allowed", "Use GET.")
        refusal = self._key_refusal(exchange)
        if refusal is not None:
            return refusal
        asked = _range_of(exchange)
        if asked is None:
            return _error(400, "invalid", "Invalid time range", "start and end are YYYYMMDDTHH")
        return _range_refusal(*asked) or self._export(*asked)

    def _lines(self) -> Iterator[bytes]:
        with self._changed:
            hours = [*self._hours.values()]
        return chain.from_iterable(hours)

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer who asks whether keys are right."""
        if exchange.method != "GET":
            return _error(405, "method_not_allowed", "Use GET.")
        return self._key_refusal(exchange) or questions.answer(
            exchange.path, self.annotations, has_charts=self.has_charts
        )

    def _key_refusal(self, exchange: Exchange) -> Reply | None:
        credentials = basic_login(exchange.headers)
        if credentials is None:
            return _error(401, "unauthorized", "Missing or garbled credentials")
        if credentials != (self.api_key, self.secret_key):
            return _error(403, "forbidden", "Forbidden", "Invalid API Key")
        return None

    def _export(self, start: datetime, end: datetime) -> Reply:
        with self._changed:
            asked = set(_hours_between(start, end))
            hours = sorted(hour for hour in asked & self._hours.keys() if self._hours[hour])
        if not hours:
            return Reply(404, NOTHING_FOUND)
        size = sum(len(line) + 1 for hour in hours for line in self._hours[hour])
        if self.max_bytes is not None and size > self.max_bytes:
            return _error(400, "invalid", "The export is too large", f"{size} bytes; ask for less")
        return Reply(200, self._archive(hours), {"Content-Type": "application/zip"})

    def _archive(self, hours: Sequence[datetime]) -> bytes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as out:
            for hour in hours:
                for name, content in self._files_of(hour):
                    out.writestr(zipfile.ZipInfo(name), content)  # stored, not deflated again
        return archive.getvalue()

    def _files_of(self, hour: datetime) -> list[tuple[str, bytes]]:
        """Return the files of an hour; made once, however often it is asked for."""
        with self._changed:
            if hour not in self._members:
                lines = self._hours[hour]
                stem = f"{self.project_id}/{self.project_id}_{hour:%Y-%m-%d}_{hour.hour}"
                shares = [lines[part :: self.parts] for part in range(self.parts)]
                self._members[hour] = [
                    (
                        f"{stem}#{_part_number(part)}.json.gz",
                        gzip.compress(b"\n".join(share), 1, mtime=0),
                    )
                    for part, share in enumerate(shares)
                    if share
                ]
            return self._members[hour]


def _part_number(part: int) -> int:
    """Part numbers are arbitrary, and the same in different hours: 627, 70, 70, 627 …"""
    return (627, 70, 1)[part] if part < 3 else 1000 + part * 7


def _range_refusal(start: datetime, end: datetime) -> Reply | None:
    if end < start:
        return _error(400, "invalid", "Invalid time range", "end is before start")
    if end + HOUR - start > timedelta(days=MAX_DAYS):
        return _error(400, "invalid", "Invalid time range", f"more than {MAX_DAYS} days")
    return None


def _range_of(exchange: Exchange) -> tuple[datetime, datetime] | None:
    start = _hour_of(exchange.query.get("start", ""))
    end = _hour_of(exchange.query.get("end", ""))
    return (start, end) if exchange.path == PATH and start and end else None


def _hour_of(text: str) -> datetime | None:
    if not _HOUR_SHAPE.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, _HOUR_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _hours_between(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += HOUR


def _error(status: int, kind: str, message: str, details: str | None = None) -> Reply:
    metadata = {"details": details} if details else {}
    error = {"http_code": status, "type": kind, "message": message, "metadata": metadata}
    return Reply(status, orjson.dumps({"error": error}), {"Content-Type": "application/json"})
