"""Downloads the windows of the export to disk, one ahead of the reader.

There is one request at a time: Amplitude allows five at once across its REST APIs (Amplitude docs,
Dashboard REST API), and other tools of the customer share them.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from singer_delivery.tap.errors import ServiceUnavailable, TooSlow, TryAgain
from singer_delivery.tap.progress import in_brief

from tap_amplitude.errors import HourTooLarge, TooLarge
from tap_amplitude.windows import write_time

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from singer_delivery.io.retry import Backoff, Clock
    from singer_delivery.tap.progress import Waiting

    from tap_amplitude.client import ExportClient
    from tap_amplitude.windows import Walk, Window

logger = logging.getLogger("tap-amplitude.export")


@dataclass(frozen=True)
class Download:
    """A window, and the path of the zip with its rows; None when it has no rows."""

    window: Window
    path: Path | None


@dataclass
class Downloader:
    """Iterates over the hours of `walk`, and asks for each until Amplitude answers.

    A window that is too large or too slow is halved, down to one hour; after an answer windows grow
    again. A window that fails for another reason is asked for again, `max_retries` times.

    Raises:
        TapError: The export cannot go on.
    """

    client: ExportClient
    walk: Walk
    folder: Path
    max_retries: int
    backoff: Backoff
    clock: Clock
    waiting: Waiting = nullcontext

    def __iter__(self) -> Generator[Download, None, None]:
        try:
            while (window := self.walk.window) is not None:
                download = self._ask_for(window)
                if download is not None:
                    yield download
        finally:
            self.client.close()

    def _ask_for(self, window: Window) -> Download | None:
        """Return the answer; None when the window is halved."""
        path = self.folder / f"{window.first_hour}-{window.last_hour}.zip"
        try:
            found = self._fetch(window, path)
        except (TooLarge, TooSlow) as error:
            self.walk = self._halved(window, error)
            return None
        self.walk = self.walk.passed(window)
        return Download(window, path if found else None)

    def _fetch(self, window: Window, path: Path) -> bool:
        attempt = 0
        while True:
            try:
                return self.client.fetch(window, path)
            except (TryAgain, TooSlow) as error:  # noqa: PERF203 - a request dwarfs it
                if isinstance(error, TooSlow) and window.hours > 1:
                    raise
                attempt += 1
                self._wait_or_give_up(window, attempt, error)

    def _wait_or_give_up(self, window: Window, attempt: int, error: TryAgain | TooSlow) -> None:
        if attempt > self.max_retries:
            if isinstance(error, TooSlow):
                raise HourTooLarge(_use_the_archive(window, str(error))) from error
            msg = (
                f"The export of {window} failed {attempt} times: {error}. "
                "The hours before it are done; run again later."
            )
            raise ServiceUnavailable(msg) from error
        asked = error.retry_after if isinstance(error, TryAgain) else None
        seconds = self.backoff.wait(attempt, asked)
        logger.warning(
            "Window %s: %s. Try %d of %d in %.0f s.",
            window,
            error,
            attempt + 1,
            self.max_retries + 1,
            seconds,
        )
        with self.waiting(in_brief(error, attempt, self.max_retries)):
            self.clock.sleep(seconds)

    def _halved(self, window: Window, error: TooLarge | TooSlow) -> Walk:
        if window.hours == 1:
            raise HourTooLarge(_use_the_archive(window, str(error))) from error
        walk = self.walk.halved(window)
        logger.info("Window %s: %s. Asking for %d h instead.", window, error, walk.size)
        return walk


def _use_the_archive(window: Window, why: str) -> str:
    return (
        f"The hour {write_time(window.start)} alone is more than the Export API returns: {why}. "
        "Export it through Amplitude's Amazon S3 or Google Cloud Storage destination, which has no "
        "such limit, load those files with the setting archive_path, and go on here with "
        f"start_date {write_time(window.end)}."
    )
