"""Downloads the windows of the export, and deals their rows, one window ahead of the reader."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from singer_delivery.io.retry import Clock
from singer_delivery.tap.errors import (
    AnswerNotUsable,
    RequestRefused,
    ServiceUnavailable,
    TooManyBroken,
    TooSlow,
)
from singer_delivery.tap.progress import Waiting, in_brief

from tap_mixpanel.body import deal
from tap_mixpanel.budget import seconds_to_wait
from tap_mixpanel.client import Asked, ExportClient
from tap_mixpanel.dealing import RUN_BYTES, Dealer, Dealt
from tap_mixpanel.errors import FutureDay, TooManyLinesBroken, WindowFailed
from tap_mixpanel.project import Project
from tap_mixpanel.rows import Heads
from tap_mixpanel.windows import DAY, MOST_PARTS, Part, Walk, Window

logger = logging.getLogger("tap-mixpanel.export")

TRIES_AT_ONE_SIZE = 2
TRIES_OF_BROKEN_LINES = 3


def not_begun(error: AnswerNotUsable) -> str:
    """Return the sentence about a day that Mixpanel takes for a later one than today."""
    return (
        f"{error}, though the last day asked for is before today. Check the clock of this machine, "
        "and set project_timezone to the zone of the project."
    )


@dataclass(frozen=True)
class Download:
    """A window, its rows, and the bytes of its answers as they came."""

    window: Window
    dealt: Dealt
    size: int


@dataclass
class Reader:
    """Asks for days, and deals what comes.

    Args:
        client: sends the requests.
        project: what is known of the project.
        events: raw names to ask for; none asks for all.
        folder: where bodies are written.
        spool_dir: where rows go that do not fit into memory.
        session_property: see `rows`.
    """

    client: ExportClient
    project: Project
    events: tuple[str, ...]
    folder: Path
    spool_dir: Path
    session_property: str | None = None

    def read(self, window: Window, part: Part | None = None) -> tuple[Dealer, int]:
        """Return the rows of a window, or of a part of its only day, and the bytes that came.

        Raises:
            AnswerNotUsable: Another request may succeed, for less or later.
            TapError: No other request can succeed.
        """
        days = (window.first, window.last)
        heads = Heads(self.project.frame, days, self.session_property)
        run_bytes = RUN_BYTES // MOST_PARTS if part else RUN_BYTES
        dealer = Dealer(self.project, heads, self.spool_dir, run_bytes)
        asked = Asked(*days, events=self.events, where=part.where if part else None)
        path = self.folder / f"{window.first}.jsonl"
        with ExitStack() as stack:
            stack.callback(dealer.close)
            try:
                size = self.client.fetch(asked, path)
                if size is None:
                    logger.info("%s: Mixpanel answered 404: it has no rows.", window)
                else:
                    deal(path, dealer)
            finally:
                path.unlink(missing_ok=True)
            stack.pop_all()  # the dealer is whole, and whoever reads it closes it
        return dealer, size or 0


@dataclass
class Downloader:
    """Iterates over the days of `walk`, and asks for each until Mixpanel answers.

    A window that fails twice is halved; a single day is then asked for in parts. What fails for
    another reason is asked for again, `max_retries` times.

    Raises:
        TapError: The export cannot go on.
    """

    reader: Reader
    walk: Walk
    max_retries: int
    clock: Clock
    waiting: Waiting = nullcontext
    _stepped_back: bool = field(default=False, init=False)

    def __iter__(self) -> Generator[Download, None, None]:
        try:
            while (window := self.walk.window) is not None:
                download = self._ask_for(window)
                if download is not None:
                    yield download
        finally:
            self.reader.client.close()

    def _ask_for(self, window: Window) -> Download | None:
        """Return the answer; None when another window is to be asked for."""
        try:
            download = self._whole(window)
        except FutureDay as error:
            self.walk = self._a_day_less(error)
            return None
        except (WindowFailed, TooSlow, TooManyLinesBroken) as error:
            self.walk = self.walk.halved(window)
            logger.warning("Window %s: %s. Asking for %d days.", window, error, self.walk.size)
            return None
        self.walk = self.walk.passed(window, download.size)
        return download

    def _whole(self, window: Window) -> Download:
        attempt = 0
        while True:
            try:
                dealer, size = self.reader.read(window)
                return Download(window, Dealt([dealer]), size)
            except AnswerNotUsable as error:  # noqa: PERF203 - a request dwarfs it
                attempt += 1
                if isinstance(error, FutureDay):
                    raise
                if isinstance(error, TooManyLinesBroken) and window.days == 1:
                    _stop_if_it_stays(window, attempt, error)
                elif self._is_to_shrink(attempt, error):
                    if window.days > 1:
                        raise
                    return self._in_parts(window, error)
                self._wait_or_give_up(str(window), attempt, error)

    def _is_to_shrink(self, attempt: int, error: AnswerNotUsable) -> bool:
        is_about_size = isinstance(error, (WindowFailed, TooSlow, TooManyLinesBroken))
        return is_about_size and attempt >= min(TRIES_AT_ONE_SIZE, self.max_retries + 1)

    def _in_parts(self, window: Window, error: AnswerNotUsable) -> Download:
        """Read a single day in parts; it is whole when all of them are."""
        logger.warning(
            "The day %s cannot be read at once: %s. It is read in parts by the time of its rows, "
            "which Mixpanel does not say to be complete: compare its count with a report.",
            window,
            error,
        )
        dealers: list[Dealer] = []
        total = 0
        try:
            for dealer, size in self._parts(window, Part.whole(window.first).smaller()):
                dealers.append(dealer)
                total += size
        except BaseException:
            Dealt(dealers).close()
            raise
        return Download(window, Dealt(dealers), total)

    def _parts(self, window: Window, parts: list[Part]) -> Iterator[tuple[Dealer, int]]:
        for part in parts:
            read = self._part(window, part)
            if read is None:
                logger.warning("The part %s fails as well, and is read in smaller ones.", part)
                yield from self._parts(window, part.smaller())
            else:
                yield read

    def _part(self, window: Window, part: Part) -> tuple[Dealer, int] | None:
        """Return a part of a day; None when it is to be read in smaller ones."""
        attempt = 0
        while True:
            try:
                return self.reader.read(window, part)
            except AnswerNotUsable as error:  # noqa: PERF203 - a request dwarfs it
                attempt += 1
                if part.smaller() and self._is_to_shrink(attempt, error):
                    return None
                self._wait_or_give_up(str(part), attempt, error)

    def _wait_or_give_up(self, what: str, attempt: int, error: AnswerNotUsable) -> None:
        if attempt > self.max_retries:
            msg = (
                f"The export of {what} failed {attempt} times: {error}. "
                "The days before it are done; run again later."
            )
            raise ServiceUnavailable(msg) from error
        seconds = seconds_to_wait(attempt, error)
        logger.warning(
            "Window %s: %s. Try %d of %d in %.0f s.",
            what,
            error,
            attempt + 1,
            self.max_retries + 1,
            seconds,
        )
        with self.waiting(in_brief(error, attempt, self.max_retries)):
            self.clock.sleep(seconds)

    def _a_day_less(self, error: FutureDay) -> Walk:
        if self._stepped_back:
            raise RequestRefused(not_begun(error)) from error
        self._stepped_back = True
        logger.info("Today has not begun in the zone of the project: it ends a day earlier.")
        return self.walk.a_day_less()


def _stop_if_it_stays(window: Window, attempt: int, error: TooManyLinesBroken) -> None:
    if attempt >= TRIES_OF_BROKEN_LINES:
        day_after = window.first + DAY
        msg = (
            f"The day {window} was read {attempt} times, and {error}. Tell Mixpanel's support; to "
            f"go on without that day, set start_date to {day_after} and run with a state of its "
            "own."
        )
        raise TooManyBroken(msg) from error
