"""Reads all profiles of a query to disk, before the first of them is written.

A reading that loses its session begins again at page 0, and the result of a new session may be
another; so nothing leaves before the last page has come.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from singer_delivery.io.retry import Clock
from singer_delivery.tap.bad_lines import made_sound
from singer_delivery.tap.errors import ServiceUnavailable, TryAgain
from singer_delivery.tap.progress import Waiting, in_brief
from singer_delivery.tap.spool import open_private, spool_errors

from tap_mixpanel.budget import seconds_to_wait
from tap_mixpanel.dealing import Broken
from tap_mixpanel.engage import Page, Profile, Reading, SessionLost, profile_in
from tap_mixpanel.query import QueryClient

logger = logging.getLogger("tap-mixpanel.profiles")

NO_PROFILE = "it is no profile with a $distinct_id"
TELL_EVERY = 20
"""Pages between two log entries."""

AsRecord = Callable[[Profile, str], bytes]
"""Makes a record of a profile and the time of the reading."""


@dataclass(frozen=True)
class Spooled:
    """A complete reading.

    Attributes:
        path: of its records, gzipped JSON lines.
        count: how many profiles there are, broken ones included.
        broken: those that are none.
        read_at: when page 0 came; seconds since 1970, UTC.
    """

    path: Path
    count: int
    broken: list[Broken]
    read_at: float


@dataclass
class ProfileReader:
    """Reads profiles.

    Args:
        client: asks for pages.
        clock: the clock of every wait.
        max_retries: how often a page is asked for again, and a reading begun again.
        page_size: how many profiles to ask for at once.
        waiting: surrounds each wait, told for what.
    """

    client: QueryClient
    clock: Clock
    max_retries: int
    page_size: int
    waiting: Waiting = nullcontext
    _lacked: int = field(default=0, init=False)

    def spooled(
        self, name: str, asked: Mapping[str, str], as_record: AsRecord, path: Path
    ) -> Spooled:
        """Read all profiles of a query, and return them when the last one has come.

        Args:
            name: names the profiles in the log.
            asked: the fields of the query.
            as_record: makes records.
            path: where the records go.

        Raises:
            ServiceUnavailable: It fails after all retries.
            TapError: No other request can succeed.
        """
        self._lacked = begun = 0
        while True:
            try:
                return self._read(name, asked, as_record, path)
            except SessionLost as error:  # noqa: PERF203 - a request dwarfs it
                begun += 1
                self._wait(name, f"{error}. Reading begins again at page 0", begun, error)

    def _read(
        self, name: str, asked: Mapping[str, str], as_record: AsRecord, path: Path
    ) -> Spooled:
        reading = Reading(asked, self.page_size)
        broken: list[Broken] = []
        read_at = 0.0
        with (
            spool_errors(path.parent),
            open_private(path) as stored,
            gzip.GzipFile(fileobj=stored, mode="wb", compresslevel=1) as file,
        ):
            while not reading.is_over:
                page = self._page(name, reading)
                read_at = read_at or self.clock.now()
                for number, raw in enumerate(page.results, reading.read + 1):
                    record = record_of(number, raw, as_record, written(read_at))
                    if isinstance(record, Broken):
                        broken.append(record)
                    else:
                        file.write(record + b"\n")
                reading.take(page)
                if reading.number % TELL_EVERY == 0:
                    logger.info("%s: %s read.", name, _of_total(reading))
        self._check(name, reading)
        return Spooled(path, reading.read, broken, read_at)

    def _page(self, name: str, reading: Reading) -> Page:
        failures = 0
        while True:
            try:
                return self.client.page(reading.form(), reading.number)
            except TryAgain as error:  # noqa: PERF203 - a request dwarfs it
                failures += 1
                self._wait(
                    name, f"{error}. Page {reading.number} is asked for again", failures, error
                )

    def _check(self, name: str, reading: Reading) -> None:
        """Hold what was read against the total of page 0.

        Raises:
            SessionLost: Some lack, and the reading before lacked not the same.
        """
        if not reading.lacks:
            return
        if reading.lacks == self._lacked:  # the total is wrong then, and not the reading
            logger.warning(
                "%s: Mixpanel counts %s and gives %s, twice. They are taken as they are.",
                name,
                f"{reading.total:,}",
                f"{reading.read:,}",
            )
            return
        self._lacked = reading.lacks
        msg = f"only {_of_total(reading)} came"
        raise SessionLost(msg)

    def _wait(self, name: str, what: str, failures: int, error: TryAgain | SessionLost) -> None:
        """Wait before the next try.

        Raises:
            ServiceUnavailable: It was the last one.
        """
        if failures > self.max_retries:
            msg = (
                f"{name} could not be read, after {failures} failures: {error}. Run again later, "
                "or deselect the stream."
            )
            raise ServiceUnavailable(msg) from error
        seconds = seconds_to_wait(failures, error)
        logger.warning(
            "%s: %s (%d of at most %d times), in %.0f s.",
            name,
            what,
            failures,
            self.max_retries,
            seconds,
        )
        with self.waiting(in_brief(error, failures, self.max_retries)):
            self.clock.sleep(seconds)


def record_of(number: int, raw: bytes, as_record: AsRecord, read_at: str) -> bytes | Broken:
    """Return the record of a profile, mended where few programs can read it; or why there is none.

    Args:
        number: its place in the reading, or its line in a file.
        raw: the profile as returned.
        as_record: makes the record.
        read_at: when it was read.
    """
    profile = profile_in(raw)
    if profile is None:
        return Broken(number, NO_PROFILE, raw)
    sound, why = made_sound(as_record(profile, read_at))
    return Broken(number, why, raw) if sound is None else sound


def written(moment: float) -> str:
    """Return seconds since 1970 as records hold them: RFC 3339 in UTC, with milliseconds."""
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _of_total(reading: Reading) -> str:
    return f"{reading.read:,} of {reading.total:,}" if reading.total else f"{reading.read:,}"
